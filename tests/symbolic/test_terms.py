"""What stands in a term: parts, variables, products."""

from __future__ import annotations

import z3

from proofs.symbolic.terms import products, subterms, variables

X, Y, Z = z3.Reals("x y z")


def ids(*terms: z3.ExprRef) -> set[int]:
    return {term.get_id() for term in terms}


def test_a_term_consists_of_itself_and_its_parts() -> None:
    product = X * Y
    term = product + 2 <= Z
    assert subterms(X) == ids(X)
    assert subterms(term) >= ids(term, term.arg(0), product, X, Y, Z)
    assert len(subterms(product + product)) == 4  # the sum, the product, x and y


def test_variables_are_the_constants_without_a_meaning() -> None:
    flag = z3.Bool("flag")
    assert variables(z3.And(flag, X + 1 > Y, z3.BoolVal(True))) == ids(flag, X, Y)
    assert variables(z3.RealVal(3)) == set()
    function = z3.Function("f", z3.RealSort(), z3.RealSort())
    assert variables(function(X) > 0) == ids(X)


def test_products_of_variables_are_found_the_outermost_of_each() -> None:
    assert [term.get_id() for term in products(X * Y + 3 * Z > 0)] == [(X * Y).get_id()]
    nested = (X * Y + 1) * Z
    assert [term.get_id() for term in products(nested + nested * 2)] == [nested.get_id()]
    assert not list(products(z3.RealVal(1) * Z < 2 * X + Y / 4))


def test_a_quantifier_is_one_part() -> None:
    statement = z3.ForAll([X], X * Y > 0)
    assert subterms(statement) == ids(statement) and not list(products(statement))
