"""Registries of small claims whose verdicts are known: true, false, vacuous, hanging, dying, resting on one another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import z3

from proofs.prover import solvers
from proofs.prover.claims import Aim, Claim, Exhaustion, Model, Obligation, Query, Registry, Replay, Twin
from proofs.prover.evidence import Answer

POSITIVE = "(declare-const x Int)\n(assert (> x 0))\n"
AT_LEAST_ONE = "(declare-const x Int)\n(assert (>= x 1))\n"  # the same in other words: another key in the cache


@dataclass(frozen=True)
class Odd(Query):
    """A query to a solver of this module: whoever receives it imports the module, and so knows the solver."""


def hang(*_: object) -> Any:
    """Never end, as a solver does that ignores its limit."""
    time.sleep(600)


def search_forever() -> Any:
    """Factor a product of two large primes in a solver without a limit, deep in its own code."""
    x, y = z3.BitVecs("x y", 128)
    solver = z3.Solver()
    solver.add(x * y == ((1 << 61) - 1) * 2305843009213693967, x > 1, y > 1, x < 1 << 63, y < 1 << 63)
    return str(solver.check())


def die(*_: object) -> Any:
    """End the process at once, as a solver does that crashes."""
    os._exit(7)


def fail(*_: object) -> Any:
    raise RuntimeError("a defect")


def nap() -> tuple[float, float]:
    """Sleep; when that began and when it ended."""
    began = time.monotonic()
    time.sleep(0.5)
    return began, time.monotonic()


def exhaust_memory(*_: object) -> Any:
    return bytearray(1 << 46)


ODD_SOLVERS: dict[str, Callable[..., Any]] = {
    "hangs": hang,
    "dies": die,
    "fails": fail,
    "unsure": lambda _: solvers.Solved(Answer.UNKNOWN, {}, "incomplete"),
    "slow": lambda _: time.sleep(0.4) or solvers.Solved(Answer.UNSAT),
}
for name, solver in ODD_SOLVERS.items():
    solvers.DISTRIBUTIONS[name] = "z3-solver"
    solvers._SOLVERS[name] = solver


def breaks(condition: Callable[[int], bool]) -> Callable[[Model], Replay]:
    """A replay that confirms a counterexample x > 0 on which the condition fails."""

    def replay(model: Model) -> Replay:
        x = int(model.get("x", "0"))
        return Replay(x > 0 and not condition(x), {"x": str(x)}, {"holds": str(condition(x))}, "the condition")

    return replay


def meets(model: Model) -> Replay:
    """A replay that confirms a witness x > 0."""
    return Replay(int(model["x"]) > 0, dict(model), {}, "x > 0")


def never(model: Model) -> Replay:
    """A replay that confirms nothing, as if the model were wrong."""
    return Replay(False, dict(model), {}, "the condition", "NumPy keeps the clause on this input")


def query(negated_goal: str = "", given: str = POSITIVE, solver: str = "z3", timeout: float = 20.0) -> Query:
    kind = Odd if solver in ODD_SOLVERS else Query
    return kind(given + (f"(assert {negated_goal})\n" if negated_goal else ""), solver, timeout, ("x",))


def witness(given: str = POSITIVE, replay: Any = meets) -> Obligation:
    return Obligation("witness", Aim.WITNESS, query(given=given), replay)


def goal(negated: str, replay: Any = None, solver: str = "z3", timeout: float = 20.0, **more: Any) -> Obligation:
    asked = query(negated, more.pop("given", POSITIVE), solver, timeout)
    return Obligation(more.pop("name", "goal"), more.pop("aim", Aim.GOAL), asked, replay, **more)


TRUE = "(not (> (+ x 1) 1))"
FALSE = "(not (> (* x x) x))"
ONLY_ONE_BREAKS = breaks(lambda x: x * x > x)


def claim(name: str, *obligations: Obligation, verb: str = "prove", **more: Any) -> Claim:
    return Claim(
        id=name,
        row=more.pop("row", "synthetic"),
        function="synthetic.f",
        statement=more.pop("statement", "a statement"),
        verb=verb,
        theory=more.pop("theory", "integers"),
        bound=more.pop("bound", "all x > 0"),
        build=more.pop("build", (lambda: list(obligations)) if obligations else None),
        **more,
    )


def true(name: str, **more: Any) -> Claim:
    return claim(name, witness(), goal(TRUE, breaks(lambda x: x + 1 > 1)), **more)


def false(name: str, **more: Any) -> Claim:
    given = more.pop("given", POSITIVE)
    return claim(name, witness(given), goal(FALSE, ONLY_ONE_BREAKS, given=given), **more)


def unsure(name: str, **more: Any) -> Claim:
    return claim(name, witness(), goal(TRUE, solver="unsure"), **more)


def refuted_twin(name: str = "squares") -> Twin:
    return Twin(name, "takes the square", build=lambda: [goal(FALSE, ONLY_ONE_BREAKS, aim=Aim.REFUTE)])


def equivalent_twin(name: str = "the same") -> Twin:
    return Twin(name, "is no bug at all", build=lambda: [goal(TRUE, ONLY_ONE_BREAKS, aim=Aim.REFUTE)])


def tried(condition: Callable[[int], bool], inputs: range, confirmed: bool = True) -> Callable[[], Exhaustion]:
    def exhaust() -> Exhaustion:
        for count, x in enumerate(inputs, 1):
            if not condition(x):
                return Exhaustion(count, Replay(confirmed, {"x": str(x)}, {}, "the condition"))
        return Exhaustion(len(inputs), None)

    return exhaust


def broken_build() -> Iterator[Obligation]:
    yield witness()
    raise LookupError("no such clause")


def dying_replay(model: Model) -> Replay:
    return die()


def failing_replay(model: Mapping[str, str]) -> Replay:
    return fail()


ESTABLISHED = Registry([true("TRUE-1", twins=(refuted_twin(),)), false("FALSE-1", verb="refute", given=AT_LEAST_ONE)])

VERDICTS = Registry(
    [
        true("TRUE-1"),
        false("FALSE-1"),
        claim("VACUOUS-1", witness(POSITIVE + "(assert (< x 0))\n"), goal("(and (< x 0) (> x 1))", never)),
        claim("VACUOUS-2", goal(TRUE)),
        claim("VACUOUS-3", witness()),
        claim("VACUOUS-4", build=list),
        unsure("UNSURE-1"),
        claim("FAULT-1", witness(), goal(FALSE, never)),
        claim("SPURIOUS-1", witness(), goal(FALSE, never, spurious_possible=True)),
        claim("LEMMA-1", witness(), goal(FALSE)),
        claim("REPLAY-1", witness(), goal(FALSE, failing_replay)),
        claim("REPLAY-2", witness(), goal(FALSE, dying_replay)),
        claim("BUILD-1", build=broken_build),
        claim("BUILD-2", build=die),
        claim("BUILD-3", build=exhaust_memory),
        claim("SOLVER-1", witness(), goal(TRUE, solver="dies")),
        claim("SOLVER-2", witness(), goal(TRUE, solver="fails")),
        claim("SYNTAX-1", witness(), goal("(> y 0)")),
        false("KEPT-1", verb="refute"),
        true("KEPT-2", verb="refute"),
        claim("TRIED-1", verb="exhaust", exhaust=tried(lambda x: x + 1 > 1, range(1, 1000))),
        claim("TRIED-2", verb="exhaust", exhaust=tried(lambda x: x < 17, range(1, 1000))),
        claim("TRIED-3", verb="exhaust", exhaust=tried(lambda x: True, range(0))),
        claim("TRIED-4", verb="exhaust", exhaust=tried(lambda x: False, range(1, 3), confirmed=False)),
        claim("TRIED-5", verb="exhaust", exhaust=die),
        claim("TRIED-6", verb="refute", exhaust=tried(lambda x: x < 17, range(1, 1000))),
    ]
)

TWINS = Registry(
    [
        true("TEETH-1", twins=(refuted_twin("a"), refuted_twin("b"))),
        true("TEETH-2", twins=(refuted_twin("a"), equivalent_twin("b"))),
        true("TEETH-3", twins=(Twin("nothing", "asks nothing", build=list),)),
        true("TEETH-4", twins=(Twin("tries", "is found by trying", exhaust=tried(lambda x: x < 17, range(1, 99))),)),
        true("TEETH-5", twins=(Twin("tries", "is not found", exhaust=tried(lambda x: True, range(1, 99))),)),
        true("TEETH-6", twins=(Twin("dies", "takes the process with it", build=die),)),
        true(
            "TEETH-7",
            twins=(Twin("faulty", "a model that does not replay", build=lambda: [goal(FALSE, never, aim=Aim.REFUTE)]),),
        ),
        false("TEETH-8", twins=(equivalent_twin(),)),
    ]
)

CHAINS = Registry(
    [
        true("TOP-1", rests_on=("MIDDLE-1",)),
        true("MIDDLE-1", rests_on=("BASE-1", "BASE-2")),
        true("BASE-1"),
        unsure("BASE-2"),
        true("TOP-2", rests_on=("BASE-1",)),
        false("TOP-3", rests_on=("BASE-2",)),
        true("OTHER-1", row="other"),
    ]
)

HUNT = Registry(
    [
        claim(
            "HUNT-1",
            goal(TRUE, ONLY_ONE_BREAKS, name="holds", aim=Aim.REFUTE),
            goal(FALSE, ONLY_ONE_BREAKS, name="breaks", aim=Aim.REFUTE),
            goal(FALSE, solver="hangs", name="never asked", aim=Aim.REFUTE),
            verb="refute",
        )
    ]
)

HANGING = Registry([claim("HANG-1", witness(), goal(TRUE, solver="hangs", timeout=0.3))])
HANGING_BUILD = Registry([claim("HANG-2", build=hang)])
HANGING_TRY = Registry([claim("HANG-3", verb="exhaust", exhaust=hang)])
INTERRUPTED = Registry(
    [
        true("QUICK-1"),
        claim("HANG-1", witness(), goal(TRUE, solver="hangs", timeout=60.0)),
        true("WAITS-1", rests_on=("HANG-1",)),
    ]
)
MANY = Registry(
    [
        claim(
            f"MANY-{k}",
            witness(),
            goal(f"(not (> (+ x {k}) {k}))", solver="z3"),
            goal(TRUE, solver="slow", name="slow"),
        )
        for k in range(4)
    ]
)
ASSUMING = Registry([true("TRUE-1", assumes=("AXIOM-1",)), true("TRUE-2")])
CIRCULAR = Registry([true("A-1", rests_on=("B-1",)), true("B-1", rests_on=("A-1",))])
ON_NOTHING = Registry([true("A-1", rests_on=("B-1",))])
ON_FALSE = Registry([true("A-1", rests_on=("B-1",)), false("B-1", verb="refute")])
NO_REGISTRY = [true("TRUE-1")]
