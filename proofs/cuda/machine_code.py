"""What ptxas made of a kernel: registers, memory of its own, and the instructions of the machine.

This is inspection, not proof: NVIDIA does not document the instructions.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from accelerated.cuda import Unavailable

TOOLS = {"cuobjdump": "nvidia-cuda-cuobjdump", "nvdisasm": "nvidia-cuda-nvdisasm"}
FOLDERS = ("nvidia/cu13/bin", "nvidia/cuda_cuobjdump/bin", "nvidia/cuda_nvdisasm/bin")  # where the packages put them
USAGE = re.compile(r"Function (\w+):\s*\n\s*(REG:.*)")
FUNCTION = re.compile(r"Function : (\w+)\n(.*?)(?=\n\s*Function : |\Z)", re.DOTALL)
INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)")
CONTRACTED = ("FFMA", "DFMA")  # HFMA2 is how ptxas puts constants into registers; kernels have no arithmetic in float16
CONVERSIONS = ("F2I", "I2F", "F2IP", "I2FP")
OWN_MEMORY = ("LDL", "STL")


@dataclass(frozen=True)
class Code:
    """A kernel's registers per thread, bytes of stack, of local and of shared memory, and its opcodes in order."""

    registers: int
    stack: int
    local: int
    shared: int
    opcodes: tuple[str, ...]

    @property
    def spills(self) -> bool:
        """Whether a thread keeps anything in memory that is not an array of the caller or shared."""
        return bool(self.stack or self.local) or any(each.split(".")[0] in OWN_MEMORY for each in self.opcodes)

    def wide(self, *roots: str) -> list[str]:
        """The accesses of 16 bytes among these instructions."""
        return [each for each in self.opcodes if each.split(".")[0] in roots and "128" in each.split(".")]

    @property
    def contracted(self) -> list[str]:
        """The multiply-adds that round once; those of divisions and roots are among them."""
        return [each for each in self.opcodes if each.split(".")[0] in CONTRACTED]

    @property
    def flushing(self) -> list[str]:
        """The instructions that take subnormals for zero; conversions of integers are none, which are divided with them."""
        return [each for each in self.opcodes if "FTZ" in each.split(".") and each.split(".")[0] not in CONVERSIONS]


def inspect(cubin: Path) -> dict[str, Code]:
    """The kernels in a file of machine code.

    Raises: Unavailable without NVIDIA's tools; subprocess.CalledProcessError if they do not know the file.
    """
    usage = {name: dict(re.findall(r"(\w+):(\d+)", line)) for name, line in USAGE.findall(_said("-res-usage", cubin))}
    listing = {name: tuple(INSTRUCTION.findall(text)) for name, text in FUNCTION.findall(_said("-sass", cubin))}
    codes = {}
    for name, found in usage.items():
        registers, stack, local, shared = (int(found[key]) for key in ("REG", "STACK", "LOCAL", "SHARED"))
        codes[name] = Code(registers, stack, local, shared, listing[name])
    return codes


def _said(option: str, cubin: Path) -> str:
    disassembler = tool("nvdisasm")
    path = os.pathsep.join((str(disassembler.parent), os.environ.get("PATH", "")))
    command = [str(tool("cuobjdump")), option, str(cubin)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}).stdout


def tool(name: str) -> Path:
    """One of NVIDIA's tools, from a package or from the path.

    Raises: Unavailable naming the package.
    """
    packages = [Path(sysconfig.get_path("purelib")) / folder / name for folder in FOLDERS]
    found = next((path for path in packages if path.is_file()), None) or shutil.which(name)
    if found is None:
        raise Unavailable(f"looking into machine code needs {name}: pip install {TOOLS[name]}")
    return Path(found)
