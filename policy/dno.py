"""Do-not-originate: numbers from which no call can or may come (47 CFR 64.1200(k)(1), (2), (o)).

**Tier 1** is computed: numbers that cannot exist, and area codes that were never given out. Which codes are in service
changes every few weeks, and whoever refuses a new one refuses its first holders: so without a list of them
(`lists import areas`) only those count as never given out whose last two digits are alike and that no service has; no
place ever gets such a code. **Tier 2** is loaded: numbers, prefixes, ranges, each with the reason for which the rule
allows it, and with no other.
"""

from __future__ import annotations

import re

from policy.lists import NumberSet, Quarantined, parse_numbers
from policy.zones import PLACELESS
from shaken.number import nanp_fault

CATEGORIES = {
    "invalid": "invalid",
    "unallocated": "unallocated",
    "unused": "unused",
    "subscriber": "subscriber",
    "subscriber-requested": "subscriber",
    "inbound-only": "subscriber",
    "government": "subscriber",
}
"""What a list may hold by 64.1200(o), and other words for the same: a subscriber asked for it, as agencies and
companies do for numbers that are only called."""

FEWEST_AREAS = 400
"""A list of the area codes in service has more: 450 of them are. A shorter one is a part, and would refuse the rest."""
MAX_AREAS_AGE_DAYS = 100
"""A new area code is announced long before its first call; a list that is older may lack one."""

POSSIBLE = frozenset(f"1{area}" for area in range(200, 1000) if nanp_fault(f"1{area}5550100") is None)
"""With the country code, as a number begins with it."""
GIVEN_OUT = frozenset(area for area in POSSIBLE if area[2] != area[3] or area[1:] in PLACELESS)
"""Those that may be in service, as far as the plan alone tells."""

_TAIL = re.compile(r"\s*;\s*([A-Za-z-]+)\s*\Z").search
_AREA = re.compile(r"\s*\"?([2-9][0-9]{2})\"?\s*(?:,.*)?\Z").match


def parse(text: str) -> tuple[NumberSet, tuple[Quarantined, ...]]:
    """A list of tier 2: `12025550100;subscriber`, or without a reason. Lines that cannot be read, or whose reason the
    rule does not know, are set apart (REG-004). Never raises."""
    lines: list[str] = []
    bad: list[Quarantined] = []
    for at, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        told = line.partition("#")[0]
        if found := _TAIL(told):
            if found[1].casefold() not in CATEGORIES:
                why = f"the reason is none of {', '.join(dict.fromkeys(CATEGORIES.values()))} (47 CFR 64.1200(o))"
                bad.append(Quarantined(at, line[:80], why))
                told = ""
            told = told[: found.start()] if told else ""
        lines.append(told)
    numbers, others = parse_numbers("\n".join(lines))
    return numbers, tuple(sorted((*bad, *others), key=lambda one: one.line))


def areas(text: str) -> tuple[frozenset[str], tuple[Quarantined, ...]]:
    """The area codes in service, `1202`, from a file with one a line, or in a table's first column. Never raises."""
    found: set[str] = set()
    bad: list[Quarantined] = []
    for at, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if (match := _AREA(line)) is not None and "1" + match[1] in POSSIBLE:
            found.add("1" + match[1])
        elif at > 1:  # the first line may be the heading of a table
            bad.append(Quarantined(at, line[:80], "no area code"))
    return frozenset(found), tuple(bad)


def callers(in_service: frozenset[str]) -> frozenset[str]:
    """The area codes that a caller may have, where those in service are known: codes for services count as well."""
    return in_service | {"1" + area for area in PLACELESS}
