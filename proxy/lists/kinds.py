"""The kinds of lists that can be brought in, and the one way that each of them goes: read, check, build, swap.

A snapshot of a text list is its checked content in one form, so that it is read by the same code as the operator's own
files. The national registry is a bitmap, and a long table of traced calls is packed (`traced`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from policy import complaints, dno
from policy.agreements import COLUMNS, Record, written
from policy.agreements import parse as parse_agreements
from policy.casebook import Trait
from policy.dnc import Bitmap
from policy.letter import Row
from policy.lists import NumberSet, Quarantined, parse_numbers
from policy.reassigned import Query
from policy.reassigned import parse as parse_reassigned
from policy.reassigned import written as written_reassigned
from policy.told import DAY
from policy.traits import parse as parse_traits
from policy.traits import written as written_traits
from proxy.lists import registry, traced
from proxy.lists.areacodes import Reading, size
from proxy.lists.files import ListError, Parse, import_letter, text
from proxy.lists.shelf import Content, Generation, Shelf

PARSERS: Mapping[str, Parse] = {"allow": parse_numbers, "deny": parse_numbers, "dno": dno.parse}
NUMBERS = tuple(PARSERS)
NATIONAL = "dnc"
TRACED = "campaigns"
TRAITS = "traits"
COMPLAINTS = "complaints"
AREAS = "areas"
REASSIGNED = "reassigned"
KINDS = (NATIONAL, *NUMBERS, AREAS, *COLUMNS, REASSIGNED, TRACED, TRAITS, COMPLAINTS)
FOLDER = "lists"
"""Where the shelves stand, below the state folder."""
WORST_SHARE = 0.02
"""More lines than this share that cannot be read, and the file is probably none of ours."""
LONG_TABLE = 1024 * 1024
"""Octets of tables of traced calls from which on they are packed: some 20,000 rows, 20 MB in each process else."""
SHRUNK = 0.5
"""A list that lost more than this share of its entries was probably cut off on its way."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The checked content of a text list."""

    lines: tuple[str, ...]
    entries: int
    bad: tuple[Quarantined, ...] = field(default=(), repr=False)


def bring_in(
    folder: Path,
    kind: str,
    paths: Sequence[Path],
    utc: float,
    *,
    as_of: float | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda octets: None,
) -> tuple[Generation, tuple[Quarantined, ...]]:
    """Read files into a new generation of a list and put it into force. `as_of`: of when the files are (default: when
    they were written last). `force`: also where a check says that something is wrong with them.

    Raises ListError, OSError; then the generation before stays in force.
    """
    shelf = Shelf(folder, kind)
    before = shelf.current()
    bad: tuple[Quarantined, ...] = ()

    def fill(draft: Path) -> Content:
        nonlocal bad
        replaced: Mapping[int, tuple[int, int]] = {}
        try:
            times = [as_of if as_of is not None else path.stat().st_mtime for path in paths]
        except OSError as error:
            raise ListError(f"{error.filename}: cannot be read ({error.strerror}); correct the path") from None
        if kind == NATIONAL:
            reading = Reading(progress)
            days = [(path, int(time // DAY)) for path, time in zip(paths, times, strict=True)]
            built = registry.build(days, draft, _base(shelf), reading)
            bad, entries, refused = built.bad, built.numbers, built.refused
            lines, replaced = built.lines, built.replaced
            times = [min(registry.mapped(draft).days().values(), default=0) * DAY]  # the oldest area tells
        elif kind == TRACED and size(paths) > LONG_TABLE:
            packed = traced.build(paths, draft, progress)
            bad, entries, refused = packed.bad, packed.rows, packed.refused
            lines = entries + refused
        else:
            made = checked(kind, paths, progress)
            bad, entries, refused = made.bad, made.entries, len(made.bad)
            lines = entries + refused
            draft.write_text("\n".join(made.lines) + "\n", encoding="utf-8")
        if not force:
            _sound(kind, entries, refused, lines, before, bad)
            _whole(kind, replaced)
        return Content(entries, refused, min(times))

    return shelf.add(fill, utc, tuple(str(path) for path in paths)), bad


def _base(shelf: Shelf) -> Bitmap | None:
    found = shelf.load(registry.mapped, whole=False)
    return found[0] if found is not None else None


def _sound(
    kind: str, entries: int, refused: int, lines: int, before: Generation | None, bad: Sequence[Quarantined]
) -> None:
    if not entries:
        raise ListError(f"list {kind}: nothing in it can be read" + "".join(f"; {one}" for one in bad[:3]))
    # A letter whose rows are torn apart gives what it gives, and names the others.
    if refused > WORST_SHARE * lines and refused > 1 and kind != TRACED:
        raise ListError(
            f"list {kind}: {refused:,} of {lines:,} lines cannot be read ({bad[0]}): is it the right file?"
            " --force takes the rest"
        )
    if before is not None and entries < before.entries * SHRUNK:
        raise ListError(
            f"list {kind}: {entries:,} entries, and generation {before.number} has {before.entries:,}: is it whole?"
            " --force takes it"
        )


def _whole(kind: str, replaced: Mapping[int, tuple[int, int]]) -> None:
    """A full list replaces its areas: what was cut off of one is hidden in the sum by all the others (REG-071)."""
    fewer = [(area, had, now) for area, (had, now) in replaced.items() if now < had * SHRUNK]
    if fewer:
        named = ", ".join(f"{area} ({now:,} of {had:,})" for area, had, now in fewer)
        raise ListError(f"list {kind}: fewer numbers than before in area {named}: is it whole? --force takes it")


def checked(kind: str, paths: Sequence[Path], progress: Callable[[int], None] = lambda octets: None) -> Draft:
    """Read text files of a kind into one content; `progress` hears the octets of each. Raises ListError."""
    bad: list[Quarantined] = []

    def opened(path: Path) -> str:
        found = text(path)
        progress(size((path,)))
        return found

    if kind in NUMBERS:
        numbers = NumberSet()
        for path in paths:
            found, faults = PARSERS[kind](opened(path))
            numbers |= found
            bad += faults
        return Draft(tuple(lines_of(numbers)), len(numbers), tuple(bad))
    if kind in COLUMNS:
        records: dict[Record, None] = {}
        for path in paths:
            rows, others = parse_agreements(kind, opened(path))
            records.update(dict.fromkeys(rows))
            bad += others
        return Draft(tuple(written(kind, records)), len(records), tuple(bad))
    if kind == REASSIGNED:
        asked: dict[Query, None] = {}
        for path in paths:
            queries, unread = parse_reassigned(opened(path))
            asked.update(dict.fromkeys(queries))
            bad += unread
        return Draft(tuple(written_reassigned(asked)), len(asked), tuple(bad))
    if kind == AREAS:
        areas: set[str] = set()
        for path in paths:
            some, faults = dno.areas(opened(path))
            areas |= some
            bad += faults
        if len(areas) < dno.FEWEST_AREAS:
            raise ListError(f"list {kind}: {len(areas)} area codes are not all that are in service")
        return Draft(tuple(area[1:] for area in sorted(areas)), len(areas), tuple(bad))
    if kind == TRACED:
        calls: list[Row] = []
        for path in paths:
            table = import_letter(path)
            progress(size((path,)))
            calls += table.rows
            bad += table.quarantined
        return Draft(tuple(table_lines(calls)), len(calls), tuple(bad))
    if kind == COMPLAINTS:
        try:
            heard = complaints.parse(opened(path) for path in paths)
        except ValueError as error:
            raise ListError(f"list {kind}: {error}") from error
        return Draft(tuple(complaints.written(heard.told)), len(heard.told), heard.quarantined)
    if kind == TRAITS:
        told: dict[Trait, None] = {}
        for path in paths:
            cases = parse_traits(opened(path))
            told.update(dict.fromkeys(cases.traits))
            bad += cases.quarantined
            if cases.expected is not None and cases.expected != len(cases.traits):
                bad.append(Quarantined(0, path.name, cases.reconciled()))
        return Draft(tuple(written_traits(told)), len(told), tuple(bad))
    raise ListError(f"there is no list {kind}")


def lines_of(numbers: NumberSet) -> list[str]:
    """A number set as a file that is read without a look at each number's country."""
    return [
        *(f"+{tn}" if len(tn) > 6 else tn for tn in sorted(numbers.exact)),
        *(f"+{prefix}*" for prefix in sorted(numbers.prefixes)),
        *(f"+{first}-+{last}" for first, last in numbers.ranges),
    ]


HEADING = ("notified", "called", "caller", "campaign", "confidence", "origin", "source", "cites", "evidence")


def table_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A table of traced calls in our own columns."""
    rows = tuple(rows)
    yield f"# expected {len(rows)}"
    yield ",".join(HEADING)
    for row in rows:
        cells = (
            day(row.notified), day(row.called), "+" + row.caller, row.campaign, row.confidence, row.origin, row.source,
            row.cites, row.evidence,
        )  # fmt: skip
        out = StringIO()
        csv.writer(out, lineterminator="").writerow(cells)
        yield out.getvalue()


def day(utc: float) -> str:
    """A date, or a moment where it is more than that, as a list writes it."""
    when = datetime.fromtimestamp(utc, UTC)
    return when.date().isoformat() if not utc % DAY else when.isoformat()
