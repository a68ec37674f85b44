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
ENDS: tuple[End, ...] = ("caller", "callee", "signer")
Doing = Literal["allow", "deny", "tag"]
Claim = Literal["deterministic", "subscriber"]

SATELLITE, PREMIUM, INTERNATIONAL, UNKNOWN, ANY = "satellite", "premium", "international", "unknown", "*"
KINDS = (SATELLITE, PREMIUM, INTERNATIONAL)
"""What a number can be besides a number of a country."""
WORDS = frozenset((*KINDS, UNKNOWN, ANY))
SHORTEST = 7
"""Digits of the shortest number with a country code: services and extensions belong nowhere."""
SURE = 4
"""Digits that nearly always say it: a country code, or one with an area code."""
WAYS = 16_384
"""Ways from place to place that are remembered, some 4 MB."""
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
    text: str = field(init=False, repr=False, compare=False)
    """For a person."""

    def __post_init__(self) -> None:
        anywhere = () if self.kind == UNKNOWN else (ANY,)
        object.__setattr__(self, "words", frozenset(filter(None, (self.region, self.kind, *anywhere))))
        object.__setattr__(self, "text", " ".join(filter(None, (self.region, self.kind))) or UNKNOWN)

    def __str__(self) -> str:
        return self.text


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


Way = tuple[str, str, str, str, str]
"""Of a call: side, peer, `SURE` digits of caller and called number (none if there are fewer than `SHORTEST`), and the
country of the signer."""


class Asked(NamedTuple):
    """The rules of one side and peer, and the words of all of them by the end that they ask of."""

    rules: tuple[Rule, ...]
    caller: frozenset[str]
    callee: frozenset[str]
    signer: frozenset[str]


class Countries:
    """The rules, and the table that they are asked with."""

    __slots__ = ("rules", "asked", "regions", "_places", "_lengths", "_longer", "_sure", "ways")

    def __init__(self, rules: Iterable[Rule], places: Mapping[str, Place]) -> None:
        self.rules = tuple(rules)
        peers = {"", *(peer for rule in self.rules for peer in rule.peers)}
        self.asked = {side: {peer: self._of(side, peer) for peer in peers} for side in ("carrier", "pbx")}
        """By the side and the peer that a call comes from; under no name for those that no rule names."""
        self._places = dict(places)
        lengths: dict[str, set[int]] = {}
        for prefix in places:
            lengths.setdefault(prefix[:1], set()).add(len(prefix))
        self._lengths = {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}
        """By the first digit, how long the beginnings are that are known: the longest first."""
        self._longer = frozenset(prefix[:SURE] for prefix in places if len(prefix) > SURE)
        self._sure: dict[str, Place] = {}
        """What the first digits say where no longer beginning is known, as it was found out for them once."""
        self.ways: dict[Way, tuple[Rule, Place] | None] = {}
        """The rule that fits those of this way, and for which place, as it was found out once: most calls go from the
        same places to the same places."""
        self.regions = frozenset(place.region for place in places.values()) - {""}

    def __bool__(self) -> bool:
        return bool(self.rules)

    def _of(self, side: str, peer: str) -> Asked:
        rules = tuple(rule for rule in self.rules if rule.side in ("", side) and (not rule.peers or peer in rule.peers))
        words = {end: frozenset[str]().union(*(rule.countries for rule in rules if rule.end == end)) for end in ENDS}
        return Asked(rules, *(words[end] for end in ENDS))

    def of(self, number: str | None) -> Place | None:
        """Where a number belongs; None for one that has no country code, as services have none."""
        if number is None:
            return NOWHERE
        if len(number) < SHORTEST:
            return None
        if (sure := self._sure.get(number[:SURE])) is not None:
            return sure
        found = NOWHERE
        for length in self._lengths.get(number[0], ()):
            if (place := self._places.get(number[:length])) is not None:
                found = place
                break
        if number[:SURE] not in self._longer and len(self._sure) < 10**SURE:
            self._sure[number[:SURE]] = found
        return found

    def note_way(self, way: Way, asked: Asked, fits: tuple[Rule, Place] | None) -> None:
        """What was found of a call of this way, whatever its signature is worth. That is so for the next one too if the
        first digits say where its numbers belong."""
        if (not asked.caller or way[2] in self._sure) and (not asked.callee or way[3] in self._sure):
            if len(self.ways) >= WAYS:
                self.ways.clear()
            self.ways[way] = fits

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
