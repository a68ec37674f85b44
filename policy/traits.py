"""Files of campaigns: CSV with a trait a row, or JSON with a campaign an item. Text in, traits out; nothing is guessed,
and what cannot be read is set apart and named.

CSV has a heading: `campaign`, `kind`, `value`, `notified`, and if known `source`, `family`, `aliases` (bars between),
`first_seen`, `last_seen`, `until`, `confidence`, `evidence`. JSON is `{"expected": N, "campaigns": [...]}` with, for
each, `id`, `family`, `aliases`, `until`, `recognisers` (kind: list of values) and `told`, a list of `source`,
`notified`, `first_seen`, `last_seen`, `confidence`, `evidence`: a source tells of all recognisers of the campaign,
unless it has its own. Either file may promise how many traits there are, and is reconciled with it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from policy.campaigns import family, named
from policy.casebook import DOCUMENT, KINDS, NOTICE, Trait
from policy.letter import CONFIDENCE, moment
from policy.lists import Quarantined, entry, number

MAX_TRAITS = 200_000
"""Of one file: some 200 MB of memory."""
COLUMNS = (
    "campaign", "kind", "value", "notified", "source", "family", "aliases", "first_seen", "last_seen", "until",
    "confidence", "evidence",
)  # fmt: skip
NEEDED = ("campaign", "kind", "value", "notified")

_EXPECTED = re.compile(r"#\s*expected[: ]\s*([0-9]{1,7})\b", re.I).match
_SPC = re.compile(r"[0-9A-Z]{3,5}\Z").match
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z").match


@dataclass(frozen=True, slots=True)
class Campaigns:
    """What a file of campaigns holds."""

    traits: tuple[Trait, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    expected: int | None = None

    @property
    def ok(self) -> bool:
        """Nothing set apart, and as many traits as were promised."""
        return not self.quarantined and self.expected in (None, len(self.traits))

    def reconciled(self) -> str:
        """The line for the operator: `expected 12, read 12 traits of 3 campaigns`."""
        promised = "" if self.expected is None else f"expected {self.expected}, "
        apart = f", {len(self.quarantined)} set apart" if self.quarantined else ""
        count = len({one.campaign for one in self.traits})
        return f"{promised}read {len(self.traits)} traits of {count} campaigns{apart}"


def parse(text: str) -> Campaigns:
    """CSV or JSON, by its first character. Never raises."""
    text = text.removeprefix("\ufeff")
    return _json(text) if text.lstrip()[:1] in ("{", "[") else _csv(text)


def _csv(text: str) -> Campaigns:
    traits: list[Trait] = []
    bad: list[Quarantined] = []
    lines = text.splitlines()
    expected = next((int(found[1]) for line in lines[:40] if (found := _EXPECTED(line))), None)
    rows = csv.reader("" if line.startswith("#") else line for line in lines)
    place: dict[str, int] | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if place is None:
                place = {cell.strip().casefold(): at for at, cell in enumerate(cells)}
                if missing := [name for name in NEEDED if name not in place]:
                    bad = [Quarantined(rows.line_num, _cut(cells), f"no column {missing[0]}")]
                    return Campaigns((), tuple(bad), expected)
                continue
            if len(traits) >= MAX_TRAITS:
                bad.append(Quarantined(rows.line_num, "", f"from here on: a file holds {MAX_TRAITS:,} traits"))
                break
            try:
                traits.append(trait({name: cells[at].strip() for name, at in place.items() if at < len(cells)}))
            except ValueError as error:
                bad.append(Quarantined(rows.line_num, _cut(cells), str(error)))
    except csv.Error as error:
        bad.append(Quarantined(rows.line_num, "", f"from here on: not CSV ({error})"))
    return Campaigns(tuple(traits), tuple(bad), expected)


def _json(text: str) -> Campaigns:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Campaigns((), (Quarantined(getattr(error, "lineno", 0), text[:80], f"no JSON ({error})"[:200]),))
    expected = found.get("expected") if isinstance(found, dict) else None
    items = found.get("campaigns") if isinstance(found, dict) else found
    traits: list[Trait] = []
    bad: list[Quarantined] = []
    for at, item in enumerate(items if isinstance(items, list) else [None], 1):
        try:
            for row in _flat(item):
                try:
                    traits.append(trait(row))
                except ValueError as error:
                    said = " ".join(row.get(name, "") for name in NEEDED)
                    bad.append(Quarantined(at, said[:80], str(error)))
                if len(traits) + len(bad) >= MAX_TRAITS:
                    raise ValueError(f"from here on: a file holds {MAX_TRAITS:,} traits")
        except ValueError as error:
            bad.append(Quarantined(at, str(item)[:80], str(error)))
    return Campaigns(tuple(traits), tuple(bad), expected if type(expected) is int else None)


def _flat(item: object) -> Iterator[dict[str, str]]:
    """A campaign of a JSON file as rows of a CSV. (Line numbers of its faults are places in the list.)"""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise ValueError("a campaign is an object with an id")
    told = item.get("told")
    if not isinstance(told, list) or not told or not all(isinstance(one, dict) for one in told):
        raise ValueError("told: who told of the campaign, and when, is missing")
    aliases = item.get("aliases", [])
    common = {
        "campaign": item["id"], "family": _text(item.get("family")), "until": _text(item.get("until")),
        "aliases": "|".join(map(str, aliases)) if isinstance(aliases, list) else "",
    }  # fmt: skip
    for one in told:
        recognisers = one.get("recognisers", item.get("recognisers"))
        if not isinstance(recognisers, dict) or not all(isinstance(values, list) for values in recognisers.values()):
            raise ValueError("recognisers: an object with a list for each kind is missing")
        says = {name: _text(one.get(name)) for name in COLUMNS if name in one}
        for kind, values in recognisers.items():
            for value in values:
                yield common | says | {"kind": kind, "value": _text(value)}


def _text(value: object) -> str:
    return "" if value is None else " ".join(str(value)[:500].split())


def trait(row: Mapping[str, str]) -> Trait:
    """One trait from the cells of its row. Raises ValueError with what is wrong with it."""
    name = named(row.get("campaign", ""))
    if not name:
        raise ValueError("no campaign")
    kind = row.get("kind", "").casefold()
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    confidence = row.get("confidence", "").casefold() or "high"
    if confidence not in CONFIDENCE:
        raise ValueError(f"confidence is one of {', '.join(CONFIDENCE)}")
    if confidence == "low":
        raise ValueError("low confidence")
    evidence = row.get("evidence", "")
    if kind in ("spc", "host", "trunk") and not evidence:
        # Good callers share it: whoever lets it count says why (REG-018).
        raise ValueError(f"a trait of kind {kind} needs its evidence written down")
    source = row.get("source", "").casefold() or "itg"
    if source == NOTICE and DOCUMENT.search(name) is None:
        raise ValueError("the campaign of a notice of the FCC bears its number, such as DA 25-123")
    notified = moment(row.get("notified", ""))
    first, last, until = (
        moment(row[key]) if row.get(key) else None for key in ("first_seen", "last_seen", "until")
    )
    if first is not None and last is not None and last < first:
        raise ValueError("last seen before it was first seen")
    return Trait(
        name, kind, _value(kind, row.get("value", "")), notified, source,
        row.get("family", "") or family(name), tuple(filter(None, map(str.strip, row.get("aliases", "").split("|")))),
        first or 0.0, last or 0.0, until, confidence, evidence,
    )  # fmt: skip


def _value(kind: str, text: str) -> str:
    """What a trait is compared with, in the form in which calls have it."""
    text = " ".join(text.split())
    if not text:
        raise ValueError("no value")
    if kind == "number":
        return number(text)
    if kind == "block":
        found = entry(text)
        if isinstance(found, tuple):
            return f"+{found[0]}-+{found[1]}"
        if not found.endswith("*") or len(found) < 8:
            raise ValueError("a block is a prefix of seven digits or more, or a range")
        return found
    if kind == "spc" and not _SPC(text := text.upper()):
        raise ValueError("a service provider code is 3 to 5 letters and digits")
    if kind == "host" and not _HOST(text := text.casefold()):
        raise ValueError("a host is a name without scheme and path")
    if kind == "words":
        text = text.casefold()
        if len(text) < 4:
            raise ValueError("so short a word stands in many names")
    return text


def written(traits: Iterable[Trait]) -> Iterator[str]:
    """The lines of a CSV that `parse` reads."""
    traits = tuple(traits)
    yield f"# expected {len(traits)}"
    yield ",".join(COLUMNS)
    for one in traits:
        value = f"+{one.value}" if one.kind == "number" and len(one.value) > 6 else one.value
        value = f"+{value}" if one.kind == "block" and value.endswith("*") else value
        cells = (
            one.campaign, one.kind, value, _when(one.notified), one.source, one.family, "|".join(one.aliases),
            _when(one.first_seen), _when(one.last_seen), _when(one.until), one.confidence, one.evidence,
        )  # fmt: skip
        yield ",".join(map(_quoted, cells))


def _quoted(cell: str) -> str:
    """A cell as CSV writes it; what would begin a comment is quoted too."""
    plain = not any(mark in cell for mark in ',"\r\n') and not cell.startswith("#")
    return cell if plain else '"' + cell.replace('"', '""') + '"'


def _when(utc: float | None) -> str:
    return datetime.fromtimestamp(utc, UTC).isoformat() if utc else ""


def _cut(cells: list[str]) -> str:
    return ",".join(cells)[:80]
