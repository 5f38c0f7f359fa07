"""Renders Home Assistant's templates: with Jinja if it is installed, and always with a small interpreter of our own."""

import ast
import json
from collections.abc import Callable
from typing import Any

import pytest

Render = Callable[[str, Any], str]

_MISSING = object()
_FILTERS: dict[str, Callable[[Any], Any]] = {"round": lambda x: float(round(x)), "int": int, "tojson": json.dumps}
_TESTS: dict[str, Callable[[Any], bool]] = {
    "none": lambda x: x is None,
    "defined": lambda x: x is not _MISSING,
    "number": lambda x: isinstance(x, int | float),
}


def by_jinja(template: str, value_json: Any) -> str:
    """Jinja itself, but strict: a missing key is an error here, and an empty text in Home Assistant."""
    jinja2: Any = pytest.importorskip("jinja2")
    result = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template)
    return str(result.render(value_json=value_json))


def plainly(template: str, value_json: Any) -> str:
    """Evaluate an expression that Jinja and Python share. Raises ValueError for any other, KeyError for a missing key.

    A filter binds closer than arithmetic in Jinja and not in Python: it is read only after a name, a bracket or
    another filter.
    """
    inside = template.removeprefix("{{ ").removesuffix(" }}")
    if template != f"{{{{ {inside} }}}}" or "{{" in inside or "}}" in inside:
        raise ValueError(f"{template}: not one expression in {{{{ }}}}")
    reader = _Reader(inside, value_json)
    return str(reader.evaluate(ast.parse(inside, mode="eval").body))


class _Reader(ast.NodeVisitor):
    def __init__(self, source: str, value_json: Any) -> None:
        self._source = source
        self._names = {"value_json": value_json, "none": None}

    def evaluate(self, node: ast.AST) -> Any:
        value = self.visit(node)
        if value is _MISSING:
            raise KeyError(ast.unparse(node))
        return value

    def generic_visit(self, node: ast.AST) -> Any:
        raise ValueError(f"{ast.unparse(node)}: this reader does not know it")

    def visit_Name(self, node: ast.Name) -> Any:
        return self._names[node.id]

    def visit_Constant(self, node: ast.Constant) -> Any:
        return node.value

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        return self.evaluate(node.value).get(node.attr, _MISSING)

    def visit_Dict(self, node: ast.Dict) -> Any:
        pairs = zip(node.keys, node.values, strict=True)
        return {self.evaluate(key): self.evaluate(value) for key, value in pairs if key is not None}

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        return self.evaluate(node.body if self.visit(node.test) else node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> bool:
        whether = all if isinstance(node.op, ast.And) else any
        return whether(self.visit(value) for value in node.values)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        if isinstance(node.op, ast.Mult):
            return self.evaluate(node.left) * self.evaluate(node.right)
        if isinstance(node.op, ast.BitOr) and isinstance(node.right, ast.Name) and self._whole(node.left):
            return _FILTERS[node.right.id](self.evaluate(node.left))
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> bool:
        test = node.comparators[0]
        if isinstance(node.ops[0], ast.Is) and isinstance(test, ast.Name):
            return _TESTS[test.id](self.visit(node.left))
        if all(isinstance(op, ast.LtE) for op in node.ops):
            values = [self.evaluate(one) for one in (node.left, *node.comparators)]
            return values == sorted(values)
        return bool(self.generic_visit(node))

    def _whole(self, left: ast.expr) -> bool:
        """Whether Jinja gives a filter all of `left`, as Python does."""
        bracketed = self._source[: left.col_offset].endswith("(")
        return bracketed or not isinstance(left, ast.BinOp) or isinstance(left.op, ast.BitOr)
