"""The faults that are tried: one small change of a function's code each, with the line and the words of it.

Strings that are only read by people are left alone, and so are annotations and constants of modules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One change."""

    path: str
    function: str
    line: int
    what: str
    code: CodeType


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int, Any]]:
    """Where something can be changed: the node, its field, the position in it (-1: the field itself), and what comes there."""
    for node in running(tree):
        if isinstance(node, ast.Compare):
            for at, op in enumerate(node.ops):
                if type(op) in SWAPS:
                    yield node, "ops", at, SWAPS[type(op)]()
        elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in SWAPS:
            yield node, "op", -1, SWAPS[type(node.op)]()
        elif isinstance(node, ast.If | ast.IfExp):
            if not isinstance(node.test, ast.Compare | ast.BoolOp):
                yield node, "test", -1, ast.UnaryOp(ast.Not(), node.test)
        elif isinstance(node, ast.Return) and node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield node, "value", -1, ast.Constant(None)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                yield node, "value", -1, not node.value
            elif isinstance(node.value, int):
                yield node, "value", -1, node.value + 1


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node below but annotations, which nobody runs, defaults, which are no part of the code, and `strict`."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "defaults", "kw_defaults"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.keyword) and node.arg == "strict":
                continue  # what is as long as the other is so in either case
            if isinstance(node, ast.AST):
                yield node
                yield from running(node)


def faults(path: Path) -> list[Fault]:
    """All faults of a file, each with the changed code of the outermost function around it."""
    source = path.read_text(encoding="utf-8")
    name = str(path.relative_to(ROOT))
    tree = ast.parse(source)
    found: list[Fault] = []
    for owner, function in functions(tree):
        # Changed in place, compiled, and put back: a copy of the tree for each would cost most of the time.
        for node, field, at, value in list(places(function)):
            before = ast.unparse(node)
            whole = getattr(node, field)
            if at < 0:
                setattr(node, field, value)
            else:
                setattr(node, field, [*whole[:at], value, *whole[at + 1 :]])
            module = compile(ast.fix_missing_locations(tree), str(path), "exec")
            after = ast.unparse(node)
            setattr(node, field, whole)
            code = located(module, owner, function.lineno)
            if code is not None:
                found.append(Fault(name, owner, getattr(node, "lineno", function.lineno), f"{before}  ->  {after}", code))
    return found


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions of a module and methods of its classes, by qualified name; what is nested belongs to them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield inside + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{inside}{node.name}.")


def located(code: CodeType, name: str, line: int) -> CodeType | None:
    """The code object of a function within that of its module."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if one.co_qualname == name and abs(one.co_firstlineno - line) < 8:
                return one
            if (found := located(one, name, line)) is not None:
                return found
    return None


def living(module: ModuleType, name: str) -> list[FunctionType]:
    """The function itself, under whatever wraps it."""
    target: Any = module
    for part in name.split("."):
        target = vars(target).get(part)
        if target is None:
            return []
    for wrapper in ("fget", "__func__", "__wrapped__"):
        target = getattr(target, wrapper, None) or target
    return [target] if isinstance(target, FunctionType) else []
