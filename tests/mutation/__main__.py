"""Would a test notice? `make mutate`: one small fault at a time is put into a function, and its tests must fail.

A child process per fault: the code of the function is exchanged in the living module, the tests run to their first failure.
What survives is listed with its line: it shows a test that is missing, or code that says nothing. Strings that are only
read by people are left alone, and so are constants of modules.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARE = 0.15
"""Of the faults that may survive."""
NONE_IN = ("shaken/verify.py:judge", "shaken/verify.py:_compared", "shaken/verify.py:_mismatched", "shaken/verify.py:examine")
"""The steps of the judgement itself: nothing may survive there."""
SECONDS = 120
"""After which a child counts as a failure: a fault may well make a loop endless."""

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
    """Every node below but annotations, which nobody runs."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
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
        for number, (node, field, at, _) in enumerate(places(function)):
            changed = deepcopy(tree)
            twin = next(one for where, one in functions(changed) if where == owner and one.lineno == function.lineno)
            other, field, at, value = list(places(twin))[number]
            before = ast.unparse(other)
            if at < 0:
                setattr(other, field, value)
            else:
                getattr(other, field)[at] = value
            module = compile(ast.fix_missing_locations(changed), str(path), "exec")
            code = located(module, owner, function.lineno)
            if code is not None:
                found.append(Fault(name, owner, getattr(node, "lineno", function.lineno), f"{before}  ->  {ast.unparse(other)}", code))
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


def forget() -> None:
    """What was remembered before the fault would hide it."""
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] == "shaken"]:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def notices(fault: Fault, tests: list[str]) -> bool:
    """Whether a test fails with this fault, in a child."""
    child = os.fork()
    if child:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) != 0
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True
    status = 3
    try:
        hush = os.open(os.devnull, os.O_WRONLY)
        os.dup2(hush, 1)
        os.dup2(hush, 2)
        forget()
        for function in living(importlib.import_module(fault.path[:-3].replace("/", ".")), fault.function):
            function.__code__ = fault.code
            import pytest

            status = int(pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "tests.mutation.few", *tests]))
            break
        else:
            status = 0  # not to be reached: counted as unnoticed, so that it is seen
    finally:
        os._exit(status)


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    asked.add_argument("files", nargs="*", help="files of shaken/ (default: all)")
    asked.add_argument("--tests", nargs="*", default=["tests/shaken"])
    asked.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    asked.add_argument("--every", type=int, default=1, help="look at each so manieth fault only")
    of = asked.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    import pytest

    files = [ROOT / name for name in of.files] or sorted((ROOT / "shaken").glob("*.py"))
    for path in files:
        importlib.import_module(str(path.relative_to(ROOT))[:-3].replace("/", "."))
    if pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", "-p", "tests.mutation.few", *of.tests]):
        print("the tests fail without any fault")
        return 2
    # The modules that the tests themselves made are made again in each child.
    for name in [name for name in sys.modules if name.startswith("tests.") and not name.startswith("tests.mutation")]:
        del sys.modules[name]
    left: list[Fault] = []
    total = 0
    for path in files:
        mine = faults(path)[:: of.every]
        own = f"tests/shaken/test_{path.stem}.py"
        order = ([own] if (ROOT / own).exists() else []) + of.tests
        with ThreadPoolExecutor(of.jobs) as pool:
            seen = list(pool.map(lambda fault, order=order: notices(fault, order), mine))  # type: ignore[misc]
        survived = [fault for fault, noticed in zip(mine, seen, strict=True) if not noticed]
        left += survived
        total += len(mine)
        print(f"{path.relative_to(ROOT)}: {len(mine)} faults, {len(survived)} survive", flush=True)
        for fault in survived:
            print(f"  {fault.path}:{fault.line} {fault.function}: {fault.what}", flush=True)
    core = [fault for fault in left if f"{fault.path}:{fault.function}" in NONE_IN]
    share = len(left) / total if total else 0.0
    print(f"{total} faults, {len(left)} survive ({share:.1%}, at most {SHARE:.0%}); in the steps of the judgement {len(core)}, at most 0")
    return 1 if share > SHARE or core else 0


if __name__ == "__main__":
    sys.exit(main())
