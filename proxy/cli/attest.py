"""`attest report`: which attestation the calls of a journal or a table would get today, and why.

The same decision as for a live call, with the inventory as it was at each call's own time: so a port that was
entered late, or a trunk that shows strangers' numbers, is seen before a signature says something wrong.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from policy.attest import CRITERIA_VERSION, WHY, Decision, Terms, decide
from policy.inventory import Inventory, moment
from policy.lists import NumberSet
from proxy import lists
from proxy.cli import NEGATIVE, OK, complain
from proxy.parts import terms
from proxy.settings import SettingsError, load
from proxy.settings.network import plan_of
from proxy.storage.find import JournalError, leaving
from shaken.number import Plan, canonical

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The identifier of a report that is made without a configuration."""
MOST_LINES = 20
"""Lines of one table for a person; `--json` has all."""


class Leaving(NamedTuple):
    """A call that leaves, as far as the report needs it."""

    utc: float
    caller: str
    trunk: str = ""
    asked: str = ""
    signed: str | None = None
    """What it was signed with; None: the source does not say."""


class Tally(NamedTuple):
    """What the calls came to."""

    levels: Counter[tuple[str, str]]
    """(A, B, C or none; why) -> calls"""
    customers: Counter[tuple[str, str]]
    """(customer, level) -> calls"""
    changed: Counter[tuple[str, str]]
    """(signed with, would be) -> calls, where both are known and differ"""
    unread: int


def report(config: str | None, numbers: str | None, journal: str | None, table: str | None, as_json: bool) -> int:
    """Print the report; 1 where a call could not be read."""
    try:
        settings = load(Path(config)) if config is not None else None
        files = (Path(numbers),) if numbers is not None else settings.numbers.inventory if settings is not None else ()
        own = NumberSet.of(*settings.numbers.own) if settings is not None else NumberSet()
        inventory, remarks = lists.inventory(files, own)
    except (SettingsError, lists.ListError, ValueError) as error:
        return complain(str(error))
    if settings is None and numbers is None:
        return complain("what may be signed? give --config FILE or --numbers FILE")
    by_trunk = terms(settings) if settings is not None else {}
    kept = settings.paths.journal if settings is not None else None
    source = Path(table or journal or kept or "")
    if table is None and journal is None and kept is None:
        return complain("which calls? give --journal FILE or --csv FILE")
    plans = {one.name: plan_of(one.country, one.area) for one in settings.trunks} if settings is not None else {}
    try:
        found = tallied(from_table(source) if table is not None else from_journal(source), inventory, by_trunk, plans)
    except (JournalError, OSError, UnicodeDecodeError, csv.Error) as error:
        return complain(f"cannot read {source}: {error}")
    for remark in remarks:
        complain(remark)
    print(in_json(found) if as_json else "\n".join(in_words(found, str(source))))
    return NEGATIVE if found.unread else OK


def tallied(
    calls: Iterable[Leaving | None], inventory: Inventory, by_trunk: Mapping[str, Terms], plans: Mapping[str, Plan]
) -> Tally:
    """Decide each call as it would be decided at its time; None is one that could not be read."""
    result = Tally(Counter(), Counter(), Counter(), 0)
    unread, anybody = 0, Terms(NOBODY)
    for call in calls:
        if call is None:
            unread += 1
            continue
        caller = canonical(call.caller, plans.get(call.trunk, Plan()))
        choice = decide(caller, inventory, by_trunk.get(call.trunk, anybody), call.utc, call.asked)
        level = choice.level or "none"
        result.levels[level, choice.why] += 1
        result.customers[named(choice), level] += 1
        if call.signed is not None and (call.signed or "none") != level:
            result.changed[call.signed or "none", level] += 1
    return result._replace(unread=unread)


def named(choice: Decision) -> str:
    """Whose call it is, for a person."""
    return choice.customer or ("ours" if choice.level == "A" else "not known")


def from_journal(path: Path) -> Iterator[Leaving]:
    """Calls of the PBX that the journal knows. Raises JournalError."""
    for utc, trunk, caller, signed in leaving(path):
        yield Leaving(utc, caller, trunk, "", signed)


def from_table(path: Path) -> Iterator[Leaving | None]:
    """Lines of a CSV with the columns caller and time (and trunk, asked, signed if it likes). Raises OSError,
    csv.Error.
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for row in csv.DictReader(stream):
            text = (row.get("time") or row.get("utc") or "").strip()
            try:
                utc = float(text) if text.replace(".", "", 1).isdigit() else moment(text)
            except ValueError:
                yield None
                continue
            caller = row.get("caller") or row.get("from") or ""
            trunk, asked = ((row.get(name) or "").strip() for name in ("trunk", "asked"))
            yield Leaving(utc, caller.strip(), trunk, asked, row.get("signed"))


def in_json(found: Tally) -> str:
    """Everything, for a program."""
    return json.dumps(
        {
            "criteria": CRITERIA_VERSION,
            "calls": found.levels.total(),
            "unread": found.unread,
            "levels": [{"level": level, "why": why, "calls": count} for (level, why), count in ordered(found.levels)],
            "customers": [
                {"customer": customer, "level": level, "calls": count}
                for (customer, level), count in ordered(found.customers)
            ],
            "changed": [{"signed": was, "would": now, "calls": count} for (was, now), count in ordered(found.changed)],
        }
    )


def in_words(found: Tally, source: str) -> list[str]:
    """The same for a person."""
    total = found.levels.total()
    lines = [f"{total:,} calls of {source}" + (f", {found.unread:,} more could not be read" if found.unread else "")]
    if not total:
        return lines
    lines.append(f"criteria: {CRITERIA_VERSION}")
    lines += ["", "level     calls  share  why"]
    for (level, why), count in ordered(found.levels)[:MOST_LINES]:
        lines.append(f"{level:<5} {count:>9,} {count / total:>6.1%}  {WHY[why]}")
    lines += ["", "level     calls  share  customer"]
    for (customer, level), count in ordered(found.customers)[:MOST_LINES]:
        lines.append(f"{level:<5} {count:>9,} {count / total:>6.1%}  {customer}")
    if found.changed:
        lines += ["", "signed  would be      calls"]
        lines += [f"{was:<7} {now:<8} {count:>10,}" for (was, now), count in ordered(found.changed)[:MOST_LINES]]
    return lines


def ordered(counts: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    """The most calls first, then by name: the same on each run."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
