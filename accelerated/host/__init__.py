"""Run kernels on the processor, on NumPy arrays: the same sources, compiled by g++ or clang++, a fiber for each CUDA thread.

`load` compiles a source, or finds it in the cache; its kernels are then called with a grid, a block and arguments, as CuPy's are.
Blocks run on all cores, in any order; the order of threads is a parameter. `sanitized` calls a function with kernels that
are watched by a sanitizer.
"""

from accelerated.host.build import SANITIZERS, CompileError, NoCompiler, cache_folder
from accelerated.host.kernels import Kernel, KernelError, Module, Order, launching, load, running
from accelerated.host.sanitizers import Report, sanitized

__all__ = [
    "SANITIZERS",
    "CompileError",
    "Kernel",
    "KernelError",
    "Module",
    "NoCompiler",
    "Order",
    "Report",
    "cache_folder",
    "launching",
    "load",
    "running",
    "sanitized",
]
