"""Faults that survive and that somebody has looked at, in shaken/ and in proxy/sip: `survivors.toml`, a row each with the reason."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.faults import ROOT, functions, places

FILE = Path(__file__).with_name("survivors.toml")
KINDS = ("equivalent", "bound", "text", "wanted")
"""No difference that anybody could see; a bound off by one, which is our own choice; words for people; a test is missing."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """One row."""

    file: str
    function: str
    what: str
    kind: str
    why: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.function, self.what


@dataclass(frozen=True, slots=True)
class Noticed:
    """One row of `python -m tests.mutate`, which changes lines of proxy/sip."""

    room: str
    takes: str
    """The line as it stands, without what it is indented by."""
    gives: str
    kind: str
    why: str


def rows() -> tuple[Survivor, ...]:
    """Those of shaken/."""
    return tuple(Survivor(**row) for row in tomllib.loads(FILE.read_text(encoding="utf-8"))["survivor"])


def sip() -> tuple[Noticed, ...]:
    """Those of proxy/sip."""
    return tuple(Noticed(**row) for row in tomllib.loads(FILE.read_text(encoding="utf-8"))["sip"])


def unknown(names: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of these names (file, function) that the code does not have."""
    known: dict[str, set[str]] = {}
    for file, _ in (names := list(names)):
        if file not in known:
            path = ROOT / file
            tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
            known[file] = {name for name, _ in functions(tree)}
    return [(file, name) for file, name in names if name not in known[file]]


def gone(row: Survivor) -> bool:
    """Whether the code has nothing any more that this fault could change."""
    tree = ast.parse((ROOT / row.file).read_text(encoding="utf-8"))
    before = row.what.partition("  ->  ")[0]
    return not any(
        before == ast.unparse(node) for name, function in functions(tree) if name == row.function for node, *_ in places(function)
    )


