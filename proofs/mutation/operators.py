"""What a mutant does to one node of the code: each rule yields a kind and what stands in the node's place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Change = tuple[str, ast.expr]

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
RENAMED = {
    "np.minimum": ("maximum",),
    "np.maximum": ("minimum",),
    "np.max": ("min",),
    "np.min": ("max",),
    "np.all": ("any",),
    "np.any": ("all",),
    "np.logical_and": ("logical_or",),
    "np.logical_or": ("logical_and",),
    "np.float64": ("float32",),
    "np.float32": ("float64", "float16"),
}
DROPPED = ("np.abs", "np.nextafter", "np.copysign", "reversed")  # the first argument stands for the call

# (a . b) : c  ->  a . (b : c), equal for exact numbers in all but the last two
TO_THE_RIGHT: dict[tuple[type[ast.operator], type[ast.operator]], type[ast.operator]] = {
    (ast.Add, ast.Add): ast.Add,
    (ast.Add, ast.Sub): ast.Sub,
    (ast.Sub, ast.Add): ast.Sub,
    (ast.Sub, ast.Sub): ast.Add,
    (ast.Mult, ast.Mult): ast.Mult,
    (ast.Mult, ast.Div): ast.Div,
    (ast.Div, ast.Mult): ast.Div,
    (ast.Div, ast.Div): ast.Mult,
    (ast.Mult, ast.Add): ast.Add,
    (ast.Mult, ast.Sub): ast.Sub,
}
# a . (b : c)  ->  (a . b) : c, equal for exact numbers in all but the last two
TO_THE_LEFT: dict[tuple[type[ast.operator], type[ast.operator]], type[ast.operator]] = {
    (ast.Add, ast.Add): ast.Add,
    (ast.Add, ast.Sub): ast.Sub,
    (ast.Mult, ast.Mult): ast.Mult,
    (ast.Mult, ast.Div): ast.Div,
    (ast.Div, ast.Mult): ast.Div,
    (ast.Mult, ast.Add): ast.Add,
    (ast.Mult, ast.Sub): ast.Sub,
}


def changes(node: ast.expr) -> Iterator[Change]:
    """Every mutation of one expression, its parts left as they are."""
    match node:
        case ast.BinOp():
            yield from _binary(node)
        case ast.Compare():
            yield from _comparison(node)
        case ast.BoolOp():
            yield from _boolean(node)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield f"{type(node.op).__name__} dropped", operand
        case ast.Constant():
            yield from _constant(node)
        case ast.Call():
            yield from _call(node)
        case ast.Attribute():
            for name in RENAMED.get(ast.unparse(node), ()):
                yield f"{node.attr} to {name}", ast.Attribute(node.value, name, node.ctx)
        case ast.Subscript(slice=ast.Slice() as part):
            yield from _slice(node, part)
        case ast.IfExp():
            yield "condition negated", ast.IfExp(negated(node.test), node.body, node.orelse)


def negated(test: ast.expr) -> ast.expr:
    """The opposite condition."""
    return ast.UnaryOp(ast.Not(), test)


def _binary(node: ast.BinOp) -> Iterator[Change]:
    left, op, right = node.left, type(node.op), node.right
    if op in ARITHMETIC:
        yield "operator", ast.BinOp(left, ARITHMETIC[op](), right)
    if op in (ast.Sub, ast.Div):
        yield "operands swapped", ast.BinOp(right, op(), left)
    if op in (ast.BitAnd, ast.BitOr):
        yield "right operand dropped", left
        yield "left operand dropped", right
    if isinstance(left, ast.BinOp) and (inner := TO_THE_RIGHT.get((type(left.op), op))):
        yield "order to the right", ast.BinOp(left.left, left.op, ast.BinOp(left.right, inner(), right))
    if isinstance(right, ast.BinOp) and (outer := TO_THE_LEFT.get((op, type(right.op)))):
        yield "order to the left", ast.BinOp(ast.BinOp(left, op(), right.left), outer(), right.right)


def _comparison(node: ast.Compare) -> Iterator[Change]:
    for kind, table in (("boundary", BOUNDARY), ("comparison turned", TURNED)):
        for number, op in enumerate(node.ops):
            if type(op) in table:
                ops = [*node.ops[:number], table[type(op)](), *node.ops[number + 1 :]]
                yield f"{kind} {number}", ast.Compare(node.left, ops, node.comparators)


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    yield "and/or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for number in range(len(node.values)):
        rest = [*node.values[:number], *node.values[number + 1 :]]
        yield f"operand {number} dropped", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _constant(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool(value):
            yield "truth value", ast.Constant(not value)
        case int(value):
            yield "constant + 1", ast.Constant(value + 1)
            yield "constant - 1", ast.Constant(value - 1)
        case float(value) if value == 0:
            yield "constant to 1", ast.Constant(1.0)
        case float(value):
            yield "constant * 2", ast.Constant(value * 2)
            yield "constant / 2", ast.Constant(value / 2)


def _call(node: ast.Call) -> Iterator[Change]:
    name = ast.unparse(node.func)
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    if name in DROPPED:
        yield f"{name} dropped", node.args[0]
    if isinstance(node.func, ast.Attribute) and node.func.attr == "astype":
        yield "astype dropped", node.func.value
    if len(node.args) == 2 and plain:
        yield "arguments swapped", ast.Call(node.func, node.args[::-1], node.keywords)
    if name == "np.where" and len(node.args) == 3:
        yield "branches swapped", ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], node.keywords)


def _slice(node: ast.Subscript, part: ast.Slice) -> Iterator[Change]:
    """A bound that is a plain constant is changed as a constant."""
    for which, bound in (("lower", part.lower), ("upper", part.upper)):
        if bound is None or isinstance(bound, ast.Constant):
            continue
        for kind, op in (("+ 1", ast.Add()), ("- 1", ast.Sub())):
            bounds = {"lower": part.lower, "upper": part.upper, which: ast.BinOp(bound, op, ast.Constant(1))}
            moved = ast.Slice(bounds["lower"], bounds["upper"], part.step)
            yield f"{which} bound {kind}", ast.Subscript(node.value, moved, node.ctx)
