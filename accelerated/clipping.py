"""Gradient clipping as kernels: `reference.clipping`, bit for bit, on the processor and on the GPU.

`global_norm`, `clip_by_global_norm` and `clip_by_value` have the names and signatures of the reference; the norm is the
order-independent sum, so every number of blocks and threads gives the same bits. A trailing underscore, as in torch, means that
gradients are written over.

The functions of the reference refuse what is not finite. To know that, the processor waits for the GPU. With
``error_if_nonfinite=False``, as in torch, nothing waits: where an element is not finite, all gradients stay as they are and the
norm is NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from accelerated import launch, sources
from accelerated.launch import Array, array_module
from accelerated.steps import check_separate, same_preconditions
from reference import clipping as reference
from reference.clipping import Clipped, scale_toward_zero
from reference.reductions import fold_exponents
from reference.validation import as_float64, finite_error

__all__ = ["Clipped", "clip_by_global_norm", "clip_by_global_norm_", "clip_by_value", "clip_by_value_", "global_norm"]

FIELDS = ("peak", "unit", "value", "exact", "norm", "kept", "factor", "limit_unit")  # of Decision, in shrinking.cuh
PEAK, NORM, KEPT = map(FIELDS.index, ("peak", "norm", "kept"))
COLUMNS = 9  # 64-bit words of Totals, in reductions.cuh
FINITE = "are_finite"  # the predicate that kernels answer by the way
FLOAT64_MAX = np.finfo(np.float64).max

_SOURCE = functools.partial(sources.read, "clipping")


class Decision(NamedTuple):
    """What is known of a list of gradients; the array lies where they do, its entries are ``FIELDS``."""

    array: Array

    @property
    def peak(self) -> Any:
        """The largest magnitude, not finite if an element is not."""
        return self.array[PEAK]

    @property
    def norm(self) -> Any:
        """The norm before clipping, a float64 scalar."""
        return self.array[NORM]

    @property
    def kept(self) -> bool:
        """Whether the gradients stay as they are."""
        return bool(self.array[KEPT])


def decision_on(grads: Sequence[Array], max_norm: Any, norm_type: float) -> Decision:
    """The norm of gradients of one dtype, and how to bring it to at most max_norm; nothing waits for it."""
    xp = array_module(grads[0])
    rows = [(launch.flat(grad),) for grad in grads]
    blocks = launch.chunks_of(tuple(grad.size for grad in grads)).block_array.size
    name, square = str(grads[0].dtype), int(norm_type == 2)
    decision = xp.zeros(len(FIELDS), np.float64)
    peaks = xp.empty(blocks, np.float64)
    _each_block(f"peaks_{name}", rows, [peaks])
    _one_block("largest_magnitude", [peaks, blocks, decision])
    anchors = _anchors(sum(grad.size for grad in grads), norm_type)
    totals = xp.empty(blocks * COLUMNS, np.float64)
    if anchors:
        _each_block(f"folds_{name}", rows, [decision, xp.asarray(anchors), len(anchors), square, totals])
    counted = blocks if anchors else 0
    _one_block("decide", [totals, counted, len(anchors), square, as_float64(max_norm), decision])
    return Decision(decision)


def _anchors(count: int, norm_type: float) -> list[float]:
    """What makes the grids of a norm of so many elements; the infinity norm needs none."""
    if norm_type == np.inf:
        return []
    return [1.5 * 2.0**exponent for exponent in fold_exponents(count, 2 if norm_type == 2 else 1)]


def _each_block(kernel: str, rows: Sequence[Sequence[Array]], numbers: Sequence[Any]) -> None:
    launch.run_on_many(_SOURCE(), kernel, rows, numbers)


def _one_block(kernel: str, arguments: Sequence[Any]) -> None:
    launch.run(_SOURCE(), kernel, (1,), (launch.threads_of(array_module(arguments[0])),), arguments)


@same_preconditions(reference.global_norm, but=FINITE)
def global_norm(grads: Sequence[Array], norm_type: float = 2.0) -> Any:
    """The p-norm of a list of gradients: `reference.clipping.global_norm` as kernels, the same bits, the same errors."""
    decision = decision_on(grads, np.inf, norm_type)
    check_finite(decision, grads)
    return decision.norm


@same_preconditions(reference.clip_by_global_norm, but=FINITE)
def clip_by_global_norm(grads: Sequence[Array], max_norm: Any, norm_type: float = 2.0) -> Clipped:
    """Scale gradients down together so that their exact norm is at most max_norm.

    `reference.clipping.clip_by_global_norm` as kernels: the same bits, the same errors, the same claims.
    """
    decision = decision_on(grads, max_norm, norm_type)
    check_finite(decision, grads)
    if decision.kept:
        return Clipped(list(grads), decision.norm)
    outs = [array_module(grad).empty(grad.shape, grad.dtype) for grad in grads]
    _shrink([launch.flat(grad) for grad in grads], [out.reshape(-1) for out in outs], decision)
    return Clipped(outs, decision.norm)


@same_preconditions(reference.clip_by_global_norm, but=FINITE)
def clip_by_global_norm_(
    grads: Sequence[Array], max_norm: Any, norm_type: float = 2.0, *, error_if_nonfinite: bool = True
) -> Any:
    """`clip_by_global_norm` that writes over the gradients; returns the norm before it, a float64 scalar.

    Where an element is not finite it raises, or, with ``error_if_nonfinite=False``, leaves all gradients as they are and
    returns NaN, without waiting for the GPU.
    """
    check_separate([(f"grads[{k}]", grad) for k, grad in enumerate(grads)])
    decision = decision_on(grads, max_norm, norm_type)
    if error_if_nonfinite:
        check_finite(decision, grads)
    usable = [launch.flat(grad) for grad in grads]
    _shrink(usable, usable, decision)
    _put_back(grads, usable)
    return decision.norm


@same_preconditions(reference.clip_by_value, but=FINITE)
def clip_by_value(grads: Sequence[Array], max_value: Any) -> list[Any]:
    """Clip every element to [-max_value, max_value]: `reference.clipping.clip_by_value` as kernels, the same bits and errors."""
    limit = _limit(grads, max_value)
    outs = list(grads)
    far = [k for k, peak in enumerate(_finite_peaks(grads)) if peak > limit]
    for k in far:
        outs[k] = array_module(grads[k]).empty(grads[k].shape, grads[k].dtype)
    rows = [(launch.flat(grads[k]), outs[k].reshape(-1)) for k in far]
    if rows:
        _each_block(f"cut_{grads[0].dtype}", rows, [limit])
    return outs


@same_preconditions(reference.clip_by_value, but=FINITE)
def clip_by_value_(grads: Sequence[Array], max_value: Any) -> None:
    """`clip_by_value` that writes over the gradients; it raises where one is not finite, and then changes nothing."""
    check_separate([(f"grads[{k}]", grad) for k, grad in enumerate(grads)])
    _finite_peaks(grads)
    usable = [launch.flat(grad) for grad in grads]
    _each_block(f"cut_{grads[0].dtype}", [(grad, grad) for grad in usable], [_limit(grads, max_value)])
    _put_back(grads, usable)


def _limit(grads: Sequence[Array], max_value: Any) -> float:
    """The largest number of the gradients' dtype that is at most max_value."""
    largest = np.minimum(as_float64(max_value), FLOAT64_MAX)
    return float(scale_toward_zero(largest, np.float64(1), grads[0].dtype))


def _finite_peaks(grads: Sequence[Array]) -> Any:
    """The largest magnitude of every gradient; 0 of an empty one."""
    chunks = launch.chunks_of(tuple(grad.size for grad in grads))
    peaks = array_module(grads[0]).empty(chunks.block_array.size, np.float64)
    _each_block(f"peaks_{grads[0].dtype}", [(launch.flat(grad),) for grad in grads], [peaks])
    each = np.zeros(len(grads))
    with np.errstate(invalid="ignore"):
        np.maximum.at(each, chunks.block_array, peaks if isinstance(peaks, np.ndarray) else peaks.get())
    if not np.all(np.isfinite(each)):
        raise finite_error("grads", grads)
    return each


def _put_back(grads: Sequence[Array], usable: Sequence[Array]) -> None:
    """Into gradients that kernels cannot use where they are, what was made of their copies."""
    for grad, out in zip(grads, usable, strict=True):
        if not launch.is_usable(grad):
            grad[...] = out.reshape(grad.shape)


def _shrink(grads: Sequence[Array], outs: Sequence[Array], decision: Decision) -> None:
    rows = list(zip(grads, outs, strict=True))
    _each_block(f"shrink_{grads[0].dtype}", rows, [decision.array])


def check_finite(decision: Decision, grads: Sequence[Array]) -> None:
    """Raise the reference's error if an element is not finite; only then it is looked for."""
    if not np.isfinite(float(decision.peak)):
        raise finite_error("grads", grads)
