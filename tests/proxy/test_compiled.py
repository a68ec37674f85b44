"""The SIP room as machine code does what the plain one does: its own tests, the conversations and the fuzz seeds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import compiled

pytestmark = pytest.mark.skipif(bool(compiled.missing()), reason=compiled.missing() or "all is there")
ROOT = Path(compiled.__file__).resolve().parents[1]
SECONDS = 900.0
MOST_SKIPPED = 10
"""Tests that look inside."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    compiled.tree(folder)
    return folder


def ran(tree: Path, *command: str) -> str:
    """What a program said that found the compiled packages first. It must have ended well."""
    done = subprocess.run((sys.executable, *command), cwd=tree, timeout=SECONDS, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_every_module_of_the_room_is_machine_code(tree: Path) -> None:
    names = sorted(one.stem for one in (tree / compiled.ROOM).glob("*.py") if one.name != "__init__.py")
    asked = f"import importlib; print(*(importlib.import_module('proxy.sip.' + n).__file__ for n in {names!r}), sep='\\n')"
    files = ran(tree, "-c", asked).split()
    assert len(files) == len(names) > 20
    assert all(file.endswith(".so") and Path(file).is_relative_to(tree) for file in files)


def test_it_passes_the_tests_of_the_plain_one(tree: Path) -> None:
    said = ran(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/proxy/sip", "tests/conversations", "tests/fuzz")
    last = said.strip().splitlines()[-1]
    counts = {word: int(number) for number, word in (part.split() for part in last.partition(" in ")[0].split(", "))}
    assert counts["passed"] > 1000 and counts.get("skipped", 0) <= MOST_SKIPPED, last


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["compiled.py", "wheel", str(tmp_path)])
    assert compiled.main() == 2 and "no C compiler" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
