"""Which country a number belongs to, and what the operator wants done with calls from there, to there, or signed there.

The table goes by the beginning of a number, the longest that is known: countries by their ISO 3166 code, and the kinds
of numbers that belong to none or cost extra. It is made from phonenumbers (`proxy.numbering`); the operator may add
rows. Rules are asked in the order in which they are written; the first that fits decides, and none need fit.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

End = Literal["caller", "callee", "signer"]
Doing = Literal["allow", "deny", "tag"]
Claim = Literal["deterministic", "subscriber"]

SATELLITE, PREMIUM, INTERNATIONAL, UNKNOWN, ANY = "satellite", "premium", "international", "unknown", "*"
KINDS = (SATELLITE, PREMIUM, INTERNATIONAL)
"""What a number can be besides a number of a country."""
WORDS = frozenset((*KINDS, UNKNOWN, ANY))
SHORTEST = 7
"""Digits of the shortest number with a country code: services and extensions belong nowhere."""
LONGEST = 9
"""Digits of the longest beginning that is looked up."""
MOST = 200_000
"""Rows: a hundred times the table."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of the beginning of a number."""

    region: str
    """ISO 3166, two capitals; empty: no country's."""
    kind: str = ""
    """One of KINDS; empty: an ordinary number."""
    words: frozenset[str] = field(init=False, repr=False, compare=False)
    """By which a rule may name it. Not knowing is no country: `*` does not mean it."""
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        anywhere = () if self.kind == UNKNOWN else (ANY,)
        object.__setattr__(self, "words", frozenset(filter(None, (self.region, self.kind, *anywhere))))
        object.__setattr__(self, "_text", " ".join(filter(None, (self.region, self.kind))) or UNKNOWN)

    def __str__(self) -> str:
        return self._text


NOWHERE = Place("", UNKNOWN)


class Rule(NamedTuple):
    """What is done with the calls of some countries."""

    action: Doing
    countries: frozenset[str]
    end: End = "caller"
    """Whose country it is."""
    side: Literal["carrier", "pbx", ""] = ""
    """The side that the call comes from; empty: both."""
    peers: frozenset[str] = frozenset()
    """Those that the call comes from; empty: all."""
    claim: Claim = "subscriber"
    """On what a refusal stands: a rule of the operator's own line, or the wish of the person called."""


class Countries:
    """The rules, and the table that they are asked with."""

    __slots__ = ("rules", "of_side", "regions", "_places", "_lengths")

    def __init__(self, rules: Iterable[Rule], places: Mapping[str, Place]) -> None:
        self.rules = tuple(rules)
        self.of_side = {
            side: tuple(rule for rule in self.rules if rule.side in ("", side)) for side in ("carrier", "pbx")
        }
        """Those that look at calls from there."""
        self._places = dict(places)
        lengths: dict[str, set[int]] = {}
        for prefix in places:
            lengths.setdefault(prefix[:1], set()).add(len(prefix))
        self._lengths = {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}
        """By the first digit, how long the beginnings are that are known: the longest first."""
        self.regions = frozenset(place.region for place in places.values()) - {""}

    def __bool__(self) -> bool:
        return bool(self.rules)

    def of(self, number: str | None) -> Place | None:
        """Where a number belongs; None for one that has no country code, as services have none."""
        if number is None:
            return NOWHERE
        if len(number) < SHORTEST:
            return None
        for length in self._lengths.get(number[0], ()):
            if (place := self._places.get(number[:length])) is not None:
                return place
        return NOWHERE

    def words(self, place: Place) -> frozenset[str]:
        """By which a rule may name it."""
        return place.words


@lru_cache(512)
def named(region: str) -> Place:
    """The country of this code, whether or not it has numbers."""
    return Place(region)


def parse(text: str) -> dict[str, Place]:
    """A table `prefix,region,kind`; `#` begins a remark. Raises ValueError that names the line."""
    found: dict[str, Place] = {}
    for number, cells in enumerate(csv.reader(text.lstrip("\ufeff").splitlines()), 1):
        if not cells or cells[0].lstrip().startswith("#") or not "".join(cells).strip():
            continue
        prefix, region, kind = (*(cell.strip() for cell in cells[:3]), "", "")[:3]
        prefix = prefix.removeprefix("+")
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= LONGEST):
            raise ValueError(f"line {number}: the beginning of a number is 1 to {LONGEST} digits")
        if not (region == "" or (len(region) == 2 and region.isascii() and region.isalpha() and region.isupper())):
            raise ValueError(f"line {number}: a country is two capitals, or nothing")
        if kind not in ("", *KINDS) or not (region or kind):
            raise ValueError(f"line {number}: a kind is {', '.join(KINDS)}, or nothing beside a country")
        found[prefix] = Place(region, kind)
        if len(found) > MOST:
            raise ValueError(f"more than {MOST:,} rows")
    return found
