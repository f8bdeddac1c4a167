"""The predicates of `reference.exactness` on symbolic arrays: each theory's meaning of one clause."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic.formats import WIDER, format_of
from proofs.symbolic.ieee import IEEE, NEAREST, TOWARD_ZERO, ExactFloats, bits_of
from proofs.symbolic.paths import current
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import ExactReals, Number, Rounded, _grid, _is_power_of_two
from proofs.symbolic.terms import sum_of
from proofs.symbolic.theory import Unsupported, conjunction, disjunction

EXACT_FLOATS = ExactFloats()
EXACT_REALS = ExactReals()


def answer(name: str, args: tuple[Any, ...]) -> Any:
    """The value of a predicate for arguments some of which are symbolic."""
    if name not in PREDICATES:
        raise Unsupported(f"{name} has no meaning for symbolic numbers")
    return PREDICATES[name](*args)


def _bool(term: z3.BoolRef, theory: Any) -> Any:
    from proofs.symbolic.array import BOOL, SymbolicArray

    return SymbolicArray(term, BOOL, theory)


def _exact(x: Any) -> Any:
    from proofs.symbolic.array import OBJECT, SymbolicArray, _elementwise

    exact_theory = EXACT_FLOATS if isinstance(x.theory, IEEE) else EXACT_REALS
    return SymbolicArray(_elementwise(lambda term: x.theory.exact(term, x.dtype), x.elements), OBJECT, exact_theory)


def _reals(arrays: Any) -> list[z3.ArithRef]:
    """All elements of a list of arrays as reals."""
    terms = []
    for array in arrays:
        if isinstance(array.theory, IEEE):
            raise Unsupported("exact sums need a theory of reals: IEEE floats have no format that holds them")
        terms += [array.theory.exact(term, array.dtype) for term in array.elements.ravel()]
    return terms


def _real_scalar(term: z3.ArithRef) -> Any:
    from proofs.symbolic.array import OBJECT, SymbolicArray

    return SymbolicArray(term, OBJECT, EXACT_REALS)


def _exact_sum(arrays: Any) -> Any:
    return _real_scalar(sum_of(_reals(arrays)))


def _exact_sum_of_magnitudes(arrays: Any) -> Any:
    return _real_scalar(sum_of([magnitude(x) for x in _reals(arrays)]))


def _exact_sum_of_squares(arrays: Any) -> Any:
    return _real_scalar(sum_of([x * x for x in _reals(arrays)]))


def _norm_at_most(arrays: Any, bound: Any, factor: Fraction = Fraction(1)) -> Any:
    limit = (
        _reals([bound])[0] * rational(factor) if hasattr(bound, "theory") else rational(Fraction(float(bound)) * factor)
    )
    return _bool(sum_of([x * x for x in _reals(arrays)]) <= limit * limit, arrays[0].theory)


def _is_power_of_two_predicate(x: Any) -> Any:
    if isinstance(x.theory, IEEE):
        form = format_of(x.dtype)
        terms = [_ieee_power_of_two(bits_of(term, form), term, form) for term in x.elements.ravel()]
        return _bool(conjunction(terms), x.theory)
    if not isinstance(x.theory, Rounded):
        raise Unsupported(f"is_power_of_two has no meaning in the theory {x.theory.name}")
    path = current()
    if path.assuming:
        for number in x.elements.ravel():
            path.powers_of_two.add(number.real.get_id())
            path.memory["kept", number.real.get_id()] = number
    if not all(_is_power_of_two(number) for number in x.elements.ravel()):
        raise Unsupported("is_power_of_two of a number about which no contract says so")
    least = rational(Fraction(2) ** format_of(x.dtype).least_exponent)
    above = (number.real >= least if path.assuming else number.real > 0 for number in x.elements.ravel())
    return _bool(conjunction(above), x.theory)


def _ieee_power_of_two(bits: z3.BitVecRef, term: Any, form: Any) -> z3.BoolRef:
    fraction_bits = form.precision - 1
    fraction = z3.Extract(fraction_bits - 1, 0, bits)
    field = z3.Extract(form.width - 2, fraction_bits, bits)
    positive = z3.Extract(form.width - 1, form.width - 1, bits) == 0
    one_bit = z3.And(fraction != 0, fraction & (fraction - 1) == 0)
    finite = field != (1 << form.exponent_bits) - 1
    return z3.And(positive, finite, z3.If(field == 0, one_bit, fraction == 0))


def _is_multiple(x: Any, exponent: int) -> Any:
    if isinstance(x.theory, IEEE):
        wide = WIDER[format_of(np.dtype(np.float64))].sort  # holds quotients of any format by any power of two
        unit = _power(exponent, x)
        scaled = [
            z3.fpDiv(NEAREST, z3.fpFPToFP(NEAREST, term, wide), z3.fpFPToFP(NEAREST, unit, wide))
            for term in x.elements.ravel()
        ]
        whole = [
            z3.And(z3.Not(z3.fpIsInf(term)), z3.fpEQ(z3.fpRoundToIntegral(NEAREST, term), term)) for term in scaled
        ]
        return _bool(conjunction(whole), x.theory)
    path = current()
    if path.assuming:
        for number in x.elements.ravel():
            key = number.real.get_id()
            path.grids[key] = max(exponent, path.grids.get(key, exponent))
            path.memory["kept", key] = number
    if not all(_grid(number) >= exponent for number in x.elements.ravel()):
        raise Unsupported("is_multiple of a number whose grid is not known")
    return _bool(z3.BoolVal(True), x.theory)


def _power(exponent: Any, like: Any) -> Any:
    """2**exponent as a term of the theory of ``like``, in float64."""
    if hasattr(exponent, "theory"):
        return (2.0**exponent).elements.item()
    if not -1074 <= exponent <= 1023:
        raise Unsupported(f"2**{exponent} is outside the range of float64")
    return like.theory.constant(2.0**exponent, np.dtype(np.float64))


def _same_bits(x: Any, y: Any) -> Any:
    if isinstance(x, list | tuple):
        terms = [_same_bits(a, b).elements.item() for a, b in zip(x, y, strict=True)]
        return _bool(conjunction(terms), x[0].theory)
    if x.dtype != y.dtype or x.shape != y.shape:
        return _bool(z3.BoolVal(False), x.theory)
    if isinstance(x.theory, Rounded):  # one term: one value
        terms = [a.real == b.real for a, b in zip(x.elements.ravel(), y.elements.ravel(), strict=True)]
    else:
        terms = [a == b for a, b in zip(x.elements.ravel(), y.elements.ravel(), strict=True)]
    return _bool(conjunction(terms), x.theory)


def _has_subnormal(results: Any, sources: Any) -> Any:
    theory = results[0].theory
    if not isinstance(theory, Rounded):
        raise Unsupported(f"has_subnormal has no meaning in the theory {theory.name}")
    small = [
        z3.And(magnitude(number.real) < rational(format_of(result.dtype).least_normal), origin.real != 0)
        for result, source in zip(results, sources, strict=True)
        for number, origin in zip(result.elements.ravel(), source.elements.ravel(), strict=True)
    ]
    return _bool(disjunction(small), theory)


def _rounds_toward_zero(result: Any, x: Any, unit: Any) -> Any:
    form = format_of(result.dtype)
    from proofs.symbolic.array import lift

    factor = lift(result.theory, unit).elements.reshape(()).item()
    pairs = list(zip(result.elements.ravel(), x.elements.ravel(), strict=True))
    if isinstance(result.theory, IEEE):
        wide = WIDER[format_of(x.dtype)].sort
        exact = [
            (got, z3.fpMul(NEAREST, z3.fpFPToFP(NEAREST, term, wide), z3.fpFPToFP(NEAREST, factor, wide)))
            for got, term in pairs
        ]
        return _bool(
            conjunction(got == z3.fpFPToFP(TOWARD_ZERO, product, form.sort) for got, product in exact), result.theory
        )
    if not isinstance(result.theory, Rounded):
        raise Unsupported(f"rounds_toward_zero has no meaning in the theory {result.theory.name}")
    return _bool(conjunction(_truncated(got, term.real * factor.real, form) for got, term in pairs), result.theory)


def _truncated(got: Number, exact: z3.ArithRef, form: Any) -> z3.BoolRef:
    """What rounding toward zero is in the rounding model: at most the exact magnitude, its sign, and not far below."""
    lost = rational(2 * form.unit_roundoff) * magnitude(exact)
    return z3.And(
        magnitude(got.real) <= magnitude(exact),
        z3.Implies(exact >= 0, got.real >= 0),
        z3.Implies(exact <= 0, got.real <= 0),
        z3.Implies(
            magnitude(exact) <= rational(form.largest),
            z3.If(
                magnitude(got.real) >= rational(form.least_normal),
                magnitude(exact) - magnitude(got.real) <= lost,
                magnitude(exact) - magnitude(got.real) <= rational(Fraction(2) ** form.least_exponent),
            ),
        ),
    )


PREDICATES: dict[str, Callable[..., Any]] = {
    "exact": _exact,
    "exact_sum": _exact_sum,
    "exact_sum_of_magnitudes": _exact_sum_of_magnitudes,
    "exact_sum_of_squares": _exact_sum_of_squares,
    "norm_at_most": _norm_at_most,
    "is_power_of_two": _is_power_of_two_predicate,
    "is_multiple": _is_multiple,
    "same_bits": _same_bits,
    "has_subnormal": _has_subnormal,
    "rounds_toward_zero": _rounds_toward_zero,
}
