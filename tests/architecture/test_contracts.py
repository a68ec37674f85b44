"""The house rules that a reader should not have to trust: who imports whom, and that the pure rooms are pure."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("proxy", "shaken", "policy", "certs")
PURE = ("shaken", "policy", "proxy/sip", "proxy/screening")

# A pure room may not do any of these, under whatever name it was imported.
FORBIDDEN_MODULES = {
    "asyncio",
    "socket",
    "ssl",
    "logging",
    "time",
    "random",
    "os",
    "pathlib",
    "io",
    "mmap",
    "uuid",
    "secrets",
    "threading",
    "multiprocessing",
    "subprocess",
    "selectors",
    "sqlite3",
    "tempfile",
    "shutil",
    "signal",
}
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval"}
FORBIDDEN_METHODS = {"now", "utcnow", "today"}


def pure_files() -> list[Path]:
    return sorted(path for room in PURE for path in (ROOT / room).rglob("*.py"))


def faults(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] in FORBIDDEN_MODULES:
                    yield f"line {node.lineno}: imports {name.name}"
        elif isinstance(node, ast.ImportFrom):
            if node.module and node.level == 0 and node.module.split(".")[0] in FORBIDDEN_MODULES:
                yield f"line {node.lineno}: imports from {node.module}"
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: calls {node.func.id}()"
            # datetime.now() and date.today(); a parameter that is called `now` is how time comes in.
            elif isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_METHODS:
                yield f"line {node.lineno}: calls .{node.func.attr}()"
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"line {node.lineno}: waits"


@pytest.mark.parametrize("path", pure_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_does_no_io_and_reads_no_clock(path: Path) -> None:
    assert list(faults(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import path",
        "open('x')",
        "from datetime import datetime\ndatetime.now()",
        "async def f(): pass",
    ],
)
def test_the_guard_sees_what_it_is_there_to_see(source: str) -> None:
    assert list(faults(ast.parse(source)))


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_other_distribution_owns_our_package_names() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in PACKAGES:
        others = {owner for owner in owners.get(name, []) if owner.lower() != "ringwarden"}
        assert not others, f"the package name {name} is also owned by {others}"


def test_the_packages_come_from_this_tree() -> None:
    for name in PACKAGES:
        module = __import__(name)
        assert module.__file__ is not None
        assert Path(module.__file__).resolve().parent == ROOT / name


def test_run_loads_no_lab() -> None:
    """Only `proxy.cli` may import a lab, and only inside its demo, lab and bench commands."""
    code = "import sys, proxy.cli, proxy.app; print([m for m in sys.modules if m.endswith('.lab') or '.lab.' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_pattern_repeats_a_group_possessively() -> None:
    # Python before 3.11.5 (Debian 12 has 3.11.2) loses its place there: octets that must be refused would pass.
    possessive = re.compile(r"(?<!\()\)(?:[*+?]|\{[0-9,]+\})\+")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for room in ("proxy", "shaken", "policy", "certs")
        for path in sorted((ROOT / room).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if possessive.search(line)
    ]
    assert not found
