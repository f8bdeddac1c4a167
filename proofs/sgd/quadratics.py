"""For which learning rates a step of SGD cannot raise a quadratic loss, in real numbers.

The loss is f(θ) = ½ θ'Aθ + c, A symmetric. Of A <= L only one instance is used, along the direction u of the step:
u'Au <= L u'u. So the hypothesis is weaker than a bound on the eigenvalues, and A need not be positive. As the gradient at θ
is Aθ, and the step is linear in θ and b, a minimum elsewhere than 0 changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.optimizer.laws import planting
from proofs.prover.describe import prove
from proofs.prover.symbolic_run import Run
from proofs.sgd.planted import planted
from proofs.symbolic.inputs import Array, Input
from proofs.symbolic.paths import Path
from proofs.symbolic.real import Real
from reference.contracts import ensure, require
from reference.hyperparameters import average_error, is_average
from reference.sgd import SGDState, sgd_step

MOST = 4  # dimensions


class Descent(NamedTuple):
    """A loss before and after a step, the gradient at which it begins, and the direction that it goes against."""

    before: Any
    after: Any
    grad: Any
    direction: Any


def matrix(entries: Any, size: int) -> Any:
    """The symmetric matrix with these entries on and below its diagonal, row by row."""
    place = {}
    for row in range(size):
        for column in range(row + 1):
            place[row, column] = place[column, row] = row * (row + 1) // 2 + column
    return np.reshape(entries[[place[divmod(k, size)] for k in range(size * size)]], (size, size))


def square(x: Any) -> Any:
    """x'x"""
    return np.sum(x * x)


def loss(curvature: Any, x: Any) -> Any:
    """½ x'Ax"""
    return np.sum(x * (curvature @ x)) / 2


def curved_at_most(entries: Any, direction: Any, most: Any) -> Any:
    """u'Au <= L u'u"""
    return np.sum(direction * (matrix(entries, len(direction)) @ direction)) <= most * square(direction)


def is_below(lr: Any, most: Any, share: Any = 1) -> Any:
    """0 < lr < 2 share / L"""
    return (lr > 0) & (lr * most < 2 * share)


def _rate_error(lr: Any, most: Any) -> ValueError:
    return ValueError(f"lr must be greater than 0 and less than 2 / {most}, times 1 - momentum, got {lr}")


def _falls(result: Descent) -> Any:
    """It does not rise, and it falls unless there is no direction."""
    return (result.after <= result.before) & ((result.after < result.before) | (square(result.direction) == 0))


# ---- without momentum -----------------------------------------------------------------------------------------------


def descent(entries: Any, theta: Any, lr: Any) -> Descent:
    """A step along the gradient of ½ θ'Aθ."""
    curvature = matrix(entries, len(theta))
    grad = curvature @ theta
    after = sgd_step(theta, grad, SGDState(0), lr=lr).param
    return Descent(loss(curvature, theta), loss(curvature, after), grad, grad)


@require(lambda lr, most: is_below(lr, most), lambda lr, most: _rate_error(lr, most))
@ensure("SGD-12", lambda result: _falls(result))
def descend(entries: Any, theta: Any, lr: Any, most: Any) -> Descent:
    """The loss ½ θ'Aθ before and after a step along its gradient.

    Claims
        SGD-12  prove  Real  d <= 4, A symmetric, g'Ag <= L g'g for g = Aθ, 0 < lr < 2 / L
                no step raises the loss, and where the gradient is not 0, it falls
    """
    return descent(entries, theta, lr)


@ensure("SGD-13", lambda result: (result.after > result.before) | (square(result.grad) == 0))
def overshoot(entries: Any, theta: Any, lr: Any, least: Any) -> Descent:
    """The same with a larger learning rate.

    Claims
        SGD-13  prove  Real  d <= 4, A symmetric, g'Ag >= L g'g for g = Aθ, L > 0, lr > 2 / L
                where the gradient is not 0, the step raises the loss: 2 / L is the limit
    """
    return descent(entries, theta, lr)


def _along_the_gradient(entries: Any, theta: Any) -> Any:
    return matrix(entries, len(theta)) @ theta


def _is_beyond(entries: Any, theta: Any, lr: Any, least: Any) -> Any:
    grad = _along_the_gradient(entries, theta)
    curved = np.sum(grad * (matrix(entries, len(grad)) @ grad)) >= least * square(grad)
    return curved & (least > 0) & (lr > 0) & (lr * least > 2)


# ---- with momentum --------------------------------------------------------------------------------------------------


@require(lambda momentum: is_average(momentum), lambda momentum: average_error("momentum", momentum))
@require(lambda momentum, lr, most: is_below(lr, most, 1 - momentum), lambda lr, most: _rate_error(lr, most))
@ensure("SGD-14", lambda result: _falls(result))
def roll(entries: Any, theta: Any, buffer: Any, lr: Any, momentum: Any, most: Any) -> Descent:
    """The energy ½ θ'Aθ + ½ lr μ b'b before and after a step with momentum. A first step has the buffer 0.

    Claims
        SGD-14  prove  Real  d <= 4, A symmetric, u'Au <= L u'u for the new buffer u, 0 < lr < 2 (1 - μ) / L, 0 < μ < 1
                no step raises the energy, and where u is not 0, it falls; the loss alone may rise
    """
    curvature = matrix(entries, len(theta))
    grad = curvature @ theta
    after = sgd_step(theta, grad, SGDState(7, buffer), lr=lr, momentum=momentum)
    new = after.state.momentum_buffer
    kinetic = lr * momentum / 2
    return Descent(
        loss(curvature, theta) + kinetic * square(buffer),
        loss(curvature, after.param) + kinetic * square(new),
        grad,
        new,
    )


def _is_rolling(entries: Any, theta: Any, buffer: Any, momentum: Any, most: Any) -> Any:
    new = momentum * buffer + 1 * _along_the_gradient(entries, theta)
    return curved_at_most(entries, new, most) & (momentum > 0)


# ---- the argument ---------------------------------------------------------------------------------------------------


def real(value: Any) -> Any:
    """The one number of a symbolic array as a term."""
    return value.elements.reshape(()).item()


def argue(path: Path, arguments: dict[str, Any], result: Descent) -> None:
    """The loss along a line, f(θ - lr u) = f(θ) - lr g'u + ½ lr² u'Au; what follows holds for any such numbers."""
    direction, lr = result.direction, real(arguments["lr"])
    curvature = matrix(arguments["entries"], len(direction))
    slope, size = real(np.sum(result.grad * direction)), real(square(direction))
    curved = real(np.sum(direction * (curvature @ direction)))
    change = -lr * slope + lr * lr * curved / 2
    numbers = [real(result.before), real(result.after), slope, size, curved]
    if "momentum" in arguments:
        old, momentum = arguments["buffer"], real(arguments["momentum"])
        energy, cross = real(square(old)), real(np.sum(old * direction))
        change = change + lr * momentum / 2 * (size - energy)
        numbers += [energy, cross]
        path.prove("the gradient is u - μ b", slope == size - momentum * cross, using=[])
        pairs = [(b, u) for b, u in zip(old.elements, direction.elements, strict=True)]
        each = [
            path.prove("2 b u <= b b + u u", 2 * (b * u) <= b * b + u * u, using=[], forgetting=[u]) for b, u in pairs
        ]
        path.prove("2 b'u <= b'b + u'u", 2 * cross <= energy + size, using=each, forgetting=[u for _, u in pairs])
    path.prove("u'u >= 0", size >= 0, using=[], forgetting=[*direction.elements])
    free = [*direction.elements] if "momentum" in arguments else []  # without, the gradient is the direction
    path.prove("the line", real(result.after) == real(result.before) + change, using=[], forgetting=free)
    for clause in argued(arguments):
        path.prove("the step", clause(result), forgetting=numbers)


def argued(arguments: dict[str, Any]) -> list[Any]:
    """What is left to be shown of a descent, as terms."""
    if "least" in arguments:
        return [lambda d: z3.Or(real(d.after) > real(d.before), real(square(d.direction)) == 0)]
    return [
        lambda d: real(d.after) <= real(d.before),
        lambda d: z3.Or(real(d.after) < real(d.before), real(square(d.direction)) == 0),
    ]


# ---- the claims -----------------------------------------------------------------------------------------------------

NUMBER = Array(np.float64)


def descent_run(law: Any, size: int, domain: Any, *names: str, **numbers: float) -> Run:
    """A law in so many dimensions; ``numbers`` are the settings of an example, and ``names`` the vectors."""
    vectors: dict[str, Input] = {name: Array(np.float64, (size,)) for name in names}
    entries: dict[str, Input] = {"entries": Array(np.float64, (size * (size + 1) // 2,))}
    unit = np.array([float(row == column) for row in range(size) for column in range(row + 1)])
    example = {"entries": unit, **{name: np.ones(size) for name in names}}
    settings = {name: np.float64(number) for name, number in numbers.items()}

    def draw(generator: random.Random) -> dict[str, Any]:
        drawn = {name: np.array([generator.randint(-4, 4) / 2 for _ in range(size)]) for name in names}
        return {"entries": unit * generator.choice((0.5, 1.0)), **drawn, **settings}

    arguments = {**entries, **vectors, **dict.fromkeys(settings, NUMBER)}
    return Run(law, arguments, Real(), domain=domain, script=argue, examples=[{**example, **settings}], draw=draw)


def _domain(entries: Any, theta: Any, most: Any) -> Any:
    return curved_at_most(entries, _along_the_gradient(entries, theta), most)


def each_size(make: Any) -> Iterator[tuple[str, Run]]:
    """The run in 1 to 4 dimensions."""
    return ((f"{size}: ", make(size)) for size in range(1, MOST + 1))


bugs = planting(sgd_step, planted, tries=500)


def descend_run(size: int) -> Run:
    """`descend` in so many dimensions."""
    return descent_run(descend, size, _domain, "theta", lr=1.5, most=1)


def overshoot_run(size: int) -> Run:
    """`overshoot` in so many dimensions."""
    return descent_run(overshoot, size, _is_beyond, "theta", lr=5, least=0.5)


def roll_run(size: int) -> Run:
    """`roll` in so many dimensions."""
    return descent_run(roll, size, _is_rolling, "theta", "buffer", lr=0.5, momentum=0.5, most=1)


prove(
    "SGD-12",
    descend,
    theory="Real",
    bound="d <= 4, A symmetric, g'Ag <= L g'g for g = Aθ, 0 < lr < 2 / L",
    runs=lambda: each_size(descend_run),
    twins=bugs(descend_run(2), "SGD-12", "uphill", "twice"),
)
prove(
    "SGD-13",
    overshoot,
    theory="Real",
    bound="d <= 4, A symmetric, g'Ag >= L g'g for g = Aθ, L > 0, lr > 2 / L",
    runs=lambda: each_size(overshoot_run),
    twins=bugs(overshoot_run(2), "SGD-13", "half"),
)
prove(
    "SGD-14",
    roll,
    theory="Real",
    bound="d <= 4, A symmetric, u'Au <= L u'u for the new buffer u, 0 < lr < 2 (1 - μ) / L, 0 < μ < 1",
    runs=lambda: each_size(roll_run),
    twins=bugs(roll_run(2), "SGD-14", "momentum forgotten", "uphill"),
)
