"""List files at the edge: numbers that are allowed, refused or not to be called, and tables of traced calls.

Reading is here; what the text means is `policy.lists`' and `policy.letter`'s business. A file that cannot
be opened is an error with its cure. A line that cannot be read with certainty is left out and remarked
upon: one slip must not put the other lines out of force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from importlib import resources
from operator import or_
from pathlib import Path

from policy import torn
from policy.inventory import Grant, Inventory
from policy.inventory import parse as parse_inventory
from policy.letter import Table
from policy.letter import parse as parse_table
from policy.lists import CampaignList, NumberSet, Quarantined, parse_numbers
from policy.messages import Messages, Registration
from policy.messages import parse as parse_messages
from policy.upstreams import Block, parse_rmd, unlisted
from proxy.settings.network import Trunk

BUNDLED = "ftc-2023.csv"
MAX_BYTES = 64 * 1024 * 1024
"""Of one list file: over two million numbers. A wrong path (a disk image, a recording) must not fill the
memory."""
CHECKED = 200_000
"""Lines of an inventory up to which it is searched for contradictions: a second of a start."""
SHOWN = 5
"""Lines of one file that a remark quotes."""


class ListError(Exception):
    """A list cannot be read; the text names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one file."""

    name: str
    parsed: int
    quarantined: tuple[Quarantined, ...] = ()
    expected: int | None = None

    @property
    def ok(self) -> bool:
        return not self.quarantined and (self.expected is None or self.parsed == self.expected)

    def remarks(self) -> list[str]:
        """What an operator should read; nothing where all is well."""
        if self.ok:
            return []
        promised = "" if self.expected is None else f"expected {self.expected}, "
        said = [f"{self.name}: {promised}parsed {self.parsed}, {len(self.quarantined)} line(s) left out"]
        said += [f"{self.name}: {fault}" for fault in self.quarantined[:SHOWN]]
        return said


@dataclass(frozen=True, slots=True)
class Loaded:
    """The numbers of some files, as one set."""

    numbers: NumberSet = field(default_factory=NumberSet)
    reports: tuple[Report, ...] = ()

    @property
    def remarks(self) -> list[str]:
        return [line for report in self.reports for line in report.remarks()]


Parse = Callable[[str], tuple[NumberSet, tuple[Quarantined, ...]]]


def numbers(paths: Iterable[Path], parse: Parse = parse_numbers) -> Loaded:
    """Read number lists: a number, a prefix or a range a line. Raises ListError."""
    sets: list[NumberSet] = []
    reports: list[Report] = []
    for path in paths:
        found, bad = parse(text(path))
        sets.append(found)
        reports.append(Report(str(path), len(found), bad))
    return Loaded(reduce(or_, sets, NumberSet()), tuple(reports))


def campaigns(paths: Iterable[Path], bundled_too: bool = True) -> tuple[CampaignList, list[str]]:
    """Read tables of traced calls into one list, and remarks on what is missing. Raises ListError."""
    tables = [(str(path), import_letter(path)) for path in paths]
    if bundled_too:
        tables.append((BUNDLED, bundled()))
    remarks = [
        line
        for name, table in tables
        for line in Report(name, table.parsed, table.quarantined, table.expected).remarks()
    ]
    return CampaignList(tuple(row.entry() for _, table in tables for row in table.rows)), remarks


def inventory(paths: Iterable[Path], own: NumberSet) -> tuple[Inventory, list[str]]:
    """Read tables of rights to use numbers into one inventory, and remarks on what is left out or contradicts itself.
    own: numbers that are ours without a table. Raises ListError.
    """
    grants: list[Grant] = []
    remarks: list[str] = []
    for path in paths:
        found, bad = parse_inventory(text(path))
        grants += found
        remarks += Report(str(path), len(found), bad).remarks()
    built = Inventory(grants, own)
    twice = built.conflicts() if len(grants) <= CHECKED else ()
    remarks += [f"the inventory gives a number (...{tn[-4:]}) to two customers at one time" for tn in twice[:SHOWN]]
    return built, remarks


def blocks(trunks: Iterable[Trunk], paths: Iterable[Path]) -> tuple[dict[str, tuple[Block, ...]], list[str]]:
    """Why nothing is taken from some trunks, and remarks. A database that cannot be read refuses nobody."""
    database: dict[str, str] = {}
    as_of, remarks = float("inf"), []
    for path in paths:
        try:
            database |= parse_rmd(text(path))
            as_of = min(as_of, path.stat().st_mtime)
        except (ListError, ValueError, OSError) as error:
            remarks.append(f"{path}: the robocall-mitigation database cannot be read ({error}); it refuses nobody")
            return _blocked(trunks, {}, as_of), remarks
    return _blocked(trunks, database, as_of), remarks


def _blocked(trunks: Iterable[Trunk], database: dict[str, str], as_of: float) -> dict[str, tuple[Block, ...]]:
    found = {}
    for trunk in trunks:
        own = Block("upstream-blocked", f"this upstream is blocked: {trunk.blocked}", trunk.blocked_since)
        some = (own if trunk.blocked else None, unlisted(trunk.rmd, database, as_of))
        if kept := tuple(one for one in some if one is not None):
            found[trunk.name] = kept
    return found


def senders(paths: Iterable[Path]) -> tuple[Messages | None, list[str]]:
    """Read tables of who may send text messages, and remarks. None: there is none, and all may. Raises ListError."""
    rows: list[Registration] = []
    remarks: list[str] = []
    paths = tuple(paths)
    for path in paths:
        found, bad = parse_messages(text(path))
        if bad and not found:
            raise ListError(f"{path}: no row of it can be read ({bad[0]}): correct it, or leave it out")
        rows += found
        remarks += Report(str(path), len(found), bad).remarks()
    return (Messages(tuple(rows)) if paths else None), remarks


def import_letter(path: Path, expected: int | None = None) -> Table:
    """Read one table of traced calls, a CSV or the torn text of a letter; `Table.ok` and `Table.reconciled()` say
    whether it is whole. Raises ListError."""
    content = text(path)
    found = parse_table(content, expected)
    if not found.rows and torn.looks_torn(content):
        known = {row.campaign for row in bundled().rows}
        return torn.parse(content, expected, known)
    return found


def bundled() -> Table:
    """The letter of 2023 that comes with the package: 125 calls that inform and, years old, do not block."""
    return parse_table(resources.files("policy").joinpath("data").joinpath(BUNDLED).read_text(encoding="utf-8"))


def text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ListError(f"{path}: cannot be read ({why}); correct the path or its permissions") from None
    if len(data) > MAX_BYTES:
        raise ListError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; is it a list? Split it if it is")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ListError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
