"""Cuts about rounded weights and products: for what a solver does not see at once."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import z3

from proofs.symbolic.formats import format_of
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import lies_in_range


class Slack(NamedTuple):
    """How far rounding in a format may go: relatively, and where it underflows."""

    u: Fraction
    least: Fraction


def slack_of(dtype: Any) -> Slack:
    """The slack of a format."""
    form = format_of(dtype)
    return Slack(form.unit_roundoff, Fraction(2) ** form.least_exponent)


def term(array: Any) -> z3.ArithRef:
    """The real number of an array of one element."""
    return array.elements.reshape(()).item().real


def most_weight(dtype: Any) -> z3.ArithRef:
    """Up to here β and 1 - β add up, each rounded."""
    u, least = slack_of(dtype)
    return rational(1 + Fraction(5, 4) * u + 2 * least)


def cut_weights(path: Path, beta: Any, dtype: Any) -> tuple[Any, Any]:
    """β and 1 - β in a format: not negative, and hardly more than 1 together."""
    old, new = beta.astype(dtype), (1 - beta).astype(dtype)
    path.prove("the weights are not negative", z3.And(term(old) >= 0, term(new) >= 0))
    path.prove("the weights add up to 1", term(old) + term(new) <= most_weight(dtype))
    return old, new


def cut_product(path: Path, weight: Any, x: Any) -> z3.BoolRef:
    """A rounded product with a weight, which is not negative."""
    w, y, p = term(weight), term(x), term(weight * x)
    u, least = slack_of(x.dtype)
    size = path.prove("a product", magnitude(w * y) == w * magnitude(y), using=[path.prove("a weight", w >= 0)])
    bound = magnitude(p) <= rational(1 + u) * (w * magnitude(y)) + rational(least / 2)
    return path.prove("a summand", bound, using=[size, *path.facts_about(p)])


def cut_first_moment(path: Path, arguments: dict[str, Any]) -> None:
    """Each summand is at most its weight times the larger of both magnitudes."""
    exp_avg, grad = arguments["exp_avg"], arguments["grad"]
    old, new = cut_weights(path, arguments["beta"], exp_avg.dtype)
    b, r, m, g = term(old), term(new), magnitude(term(exp_avg)), magnitude(term(grad))
    larger, most = z3.If(m >= g, m, g), most_weight(exp_avg.dtype)
    facts, products = [], [b * larger, r * larger]
    for weight, x in ((old, exp_avg), (new, grad)):
        w, size = term(weight), magnitude(term(x))
        facts.append(cut_product(path, weight, x))
        facts.append(path.prove("its bound", w * size <= w * larger, using=[path.prove("a weight", w >= 0)]))
        products.append(w * size)
    whole = path.prove("the weights", b + r <= most)
    facts.append(path.prove("both bounds", b * larger + r * larger <= most * larger, using=[whole]))
    path.memory["summands"] = facts, products, larger


def cut_sum(path: Path, arguments: dict[str, Any], result: Any) -> None:
    """The rounded sum of both summands, from their bounds: nothing but the products matters."""
    facts, products, larger = path.memory["summands"]
    u, least = slack_of(result.dtype)
    mean = term(result)
    path.prove(
        "the mean",
        magnitude(mean) <= rational(1 + 4 * u) * larger + rational(2 * least),
        using=[*facts, *path.facts_about(mean), path.prove("a magnitude", larger >= 0, using=[])],
        forgetting=products,
    )


def cut_second_moment(path: Path, arguments: dict[str, Any]) -> None:
    """((1 - β) g) g is within its slack of (1 - β) g², and both are not negative."""
    grad, v = arguments["grad"], term(arguments["exp_avg_sq"])
    old, new = cut_weights(path, arguments["beta"], grad.dtype)
    form, (u, least) = format_of(grad.dtype), slack_of(grad.dtype)
    b, r, g = term(old), term(new), term(grad)
    path.prove("the mean square", b * v + r * (g * g) <= rational(form.largest * (1 - 16 * u)))
    weights = path.prove("the weights", z3.And(b >= 0, r >= 0, b + r <= most_weight(grad.dtype)))
    path.prove("a square", r * (g * g) >= 0, using=[weights])
    path.prove("the past", b * v >= 0, using=[weights, path.prove("v is not negative", v >= 0)])
    path.prove("g is below its square", r * magnitude(g) <= r * (g * g) + r, using=[weights])
    path.prove("its magnitude", magnitude(r * g) == r * magnitude(g), using=[weights])
    scaled = term(new * grad)
    lies_in_range(g, form)
    path.prove(
        "its own square",
        z3.And(
            scaled * g >= 0,
            scaled * g <= rational(1 + u) * (r * (g * g)) + rational(least / 2) * magnitude(g),
            scaled * g >= rational(1 - u) * (r * (g * g)) - rational(least / 2) * magnitude(g),
        ),
        using=[weights, *path.facts_about(scaled)],
    )
