"""Campaigns, and what recognises them besides a listed number: blocks of numbers, signers, certificate hosts, trunks,
words of display names, the looks of the sending software.

Campaigns change their numbers each day and their signer, software and wording seldom; but good callers share all of
those. So one kind of trait alone never weighs enough for more than a tag, and a refusal needs two kinds, or a fresh
number, and two independent sources that told of the campaign (complaints are none). Traits of numbers fade within 30
days, as listed numbers do; the others hold for 18 months, or until the day that was written down.

Files of campaigns are read by `policy.traits`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from policy.call import Call, host_of
from policy.campaigns import label_key
from policy.lists import NumberSet
from policy.told import DAY, FADED_DAYS, FULL_DAYS, LABEL_DAYS, VOICES, faded

KINDS = {"number": 100, "block": 40, "print": 40, "words": 40, "spc": 25, "host": 25, "trunk": 15}
"""What a trait looks at, and what it weighs while it is fresh: the fewer good callers share it, the more."""
ENOUGH_SOURCES = 2
"""So many independent sources must tell of a campaign before its traits refuse a call."""
NOTICE = "fcc"
"""A notice of the FCC needs nobody else to tell of it (47 CFR 64.1200(n)(2)): it counts as two."""
DOCUMENT = re.compile(r"\b(?:DA|FCC)[ -]\d{2}-\d{1,5}\b")
"""How the FCC numbers its documents."""
MOST = 100
"""All traits of a campaign together weigh no more than a fresh number."""
FADING = frozenset(("number", "block"))
WORDS = 16
"""Words of a display name that are looked at."""
MATCHES = 4096
"""Ways to bear traits together whose match is kept: calls of one campaign bear the same ones, and some megabytes hold
what all campaigns of a month do."""


class Trait(NamedTuple):
    """One thing that one source says of a campaign."""

    campaign: str
    kind: str
    value: str
    notified: float
    """When it was told, Unix seconds: before, it does not exist for any call."""
    source: str = "itg"
    family: str = ""
    aliases: tuple[str, ...] = ()
    first_seen: float = 0.0
    last_seen: float = 0.0
    until: float | None = None
    """From this moment on it counts no more."""
    confidence: str = "high"
    evidence: str = ""

    def factor(self, utc: float) -> float:
        """What is left of its weight: 0.0 before it was told, after it ended, and when it is too old."""
        if utc < self.notified or (self.until is not None and utc >= self.until):
            return 0.0
        age = int((utc - max(self.notified, self.last_seen)) // DAY)
        return faded(age, FULL_DAYS, FADED_DAYS) if self.kind in FADING else faded(age, LABEL_DAYS, LABEL_DAYS + 1)

    def until_faded(self, days: int) -> float:
        """Until when it has its whole weight, which it keeps for so many days."""
        fades = max(self.notified, self.last_seen) + (days + 1) * DAY
        return fades if self.until is None else min(fades, self.until)


class Match(NamedTuple):
    """A campaign that a call bears traits of."""

    campaign: str
    weight: float
    kinds: tuple[str, ...]
    firm: bool
    """Enough for a refusal: two kinds of traits or a number, told by two independent sources."""


class Casebook:
    """Campaigns by their traits. Built once, asked for each call from the carrier, swapped whole."""

    __slots__ = (
        "traits", "_numbers", "_spcs", "_hosts", "_trunks", "_prints", "_blocks", "_ranges", "_words", "_begin",
        "_firm_from", "_names", "_titles", "_matches",
    )  # fmt: skip

    def __init__(self, traits: Iterable[Trait] = ()) -> None:
        """Raises ValueError for a trait of a kind that there is not."""
        self.traits = tuple(traits)
        by_value: dict[str, dict[str, list[_Known]]] = {kind: {} for kind in KINDS}
        self._numbers, self._spcs, self._hosts = by_value["number"], by_value["spc"], by_value["host"]
        self._trunks, self._prints = by_value["trunk"], by_value["print"]
        blocks: dict[int, dict[str, list[_Known]]] = {}
        self._ranges: list[tuple[NumberSet, _Known]] = []
        self._words: dict[str, list[tuple[frozenset[str], _Known]]] = defaultdict(list)
        """By the word that they are found by: the others of a trait, and the trait."""
        self._names: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        """By campaign: its name as it is shown."""
        told: dict[str, list[tuple[float, str]]] = defaultdict(list)
        gathered: dict[tuple[str, str, str], list[Trait]] = defaultdict(list)
        for one in self.traits:
            for alias in (one.campaign, *one.aliases):
                self._names.setdefault(label_key(alias), one.campaign)
            if one.kind not in KINDS:
                raise ValueError(f"a trait is one of {', '.join(KINDS)}")
            key = label_key(one.campaign)
            self._titles.setdefault(key, one.campaign)
            if one.confidence == "high" and VOICES.get(one.source, 1):
                told[key].append((one.notified, one.source))
            gathered[key, one.kind, one.value].append(one)
        for (key, kind, value), same in gathered.items():
            known = _Known.of(key, kind, same)
            if kind == "words":
                words = frozenset(value.casefold().split())
                first = min(words)
                self._words[first].append((words - {first}, known))
            elif kind != "block":
                by_value[kind].setdefault(value, []).append(known)
            elif value.endswith("*") and value[:-1].isdigit():
                blocks.setdefault(len(value) - 1, {}).setdefault(value[:-1], []).append(known)
            else:
                self._ranges.append((NumberSet.of(value), known))
        self._blocks = tuple(blocks.items())
        """Beginnings of numbers, by their length."""
        self._begin = frozenset(self._words)
        """The words by which others are found."""
        self._firm_from = {key: _firm_from(sources) for key, sources in told.items()}
        """By campaign: from when on enough independent sources have told of it."""
        self._matches: dict[tuple[_Known, ...], tuple[float, float, Match]] = {}
        """By the traits that a call bears: the match, and between which moments it is the same."""

    def __len__(self) -> int:
        return len(self.traits)

    def __or__(self, other: Casebook) -> Casebook:
        return Casebook(self.traits + other.traits)

    def named(self, name: str) -> str:
        """The campaign that goes by this name, or the name itself."""
        return self._names.get(label_key(name), name)

    def recognise(self, call: Call) -> Match | None:
        """The campaign whose traits weigh most; None where the call bears none that counts."""
        found: list[_Known] = []  # and nearly always nothing is added to it
        caller, judgement, utc = call.caller, call.judgement, call.utc
        if caller is not None:
            if (some := self._numbers.get(caller)) is not None:
                found += some
            for length, blocks in self._blocks:
                if (some := blocks.get(caller[:length])) is not None:
                    found += some
            if self._ranges:
                found += [known for numbers, known in self._ranges if caller in numbers]
        if judgement is not None:  # `call.spc` and `call.host`, which ask for the proof first, and each
            if (signer := judgement.credential) is not None and (some := self._spcs.get(signer.spc or "")) is not None:
                if judgement.proved:
                    found += some
            if self._hosts and (passport := judgement.passport) is not None:
                some = self._hosts.get(host_of(passport.x5u or "") or "")
                if some is not None and judgement.proved:
                    found += some
        if (some := self._trunks.get(call.trunk)) is not None:
            found += some
        if (some := self._prints.get(call.print)) is not None:
            found += some
        if (name := call.display_name) and self._begin:
            said = name[:128].casefold().split()[:WORDS]
            if not self._begin.isdisjoint(said):
                for word in said:
                    for words, known in self._words.get(word, ()):
                        if not words or words.issubset(said):
                            found.append(known)
        if not found:
            return None
        borne = tuple(found)
        if (kept := self._matches.get(borne)) is not None and kept[0] <= utc < kept[1]:
            return kept[2]
        return self._weighed(borne, utc)

    def _weighed(self, found: tuple[_Known, ...], utc: float) -> Match | None:
        """Each kind of trait counts once for a campaign, by the one that is freshest."""
        weights: dict[str, dict[str, float]] = {}
        since, until = -NEVER, NEVER
        for one in found:
            key, kind, weight = one.key, one.kind, one.weight
            if one.fresh_from <= utc < one.fresh_until:
                since, until = max(since, one.fresh_from), min(until, one.fresh_until)
            else:
                since = NEVER  # it weighs less with every day
                weight *= one.factor(utc)
                if not weight:
                    continue
            if (kinds := weights.get(key)) is None:
                weights[key] = {kind: weight}
            elif weight > kinds.get(kind, 0.0):
                kinds[kind] = weight
        if not weights:
            return None
        key = next(iter(weights))
        if len(weights) > 1:
            key = max(weights, key=lambda key: (sum(weights[key].values()), key))
        kinds = weights[key]
        firm_from = self._firm_from.get(key, NEVER)
        firm = ("number" in kinds or len(kinds) > 1) and utc >= firm_from
        match = Match(self._titles[key], min(MOST, sum(kinds.values())), tuple(sorted(kinds)), firm)
        since, until = (max(since, firm_from), until) if utc >= firm_from else (since, min(until, firm_from))
        if since <= utc:
            if len(self._matches) >= MATCHES:
                self._matches.clear()
            self._matches[found] = since, until, match
        return match


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What all sources say together of one trait of a campaign, and what need not be worked out for each call that
    bears it. Each is itself and no other, so that a few of them are looked up fast."""

    key: str
    """Of its campaign."""
    kind: str
    weight: float
    """While it is fresh."""
    fresh_from: float
    fresh_until: float
    """Between these two it has its whole weight, and needs no arithmetic."""
    traits: tuple[Trait, ...]

    @classmethod
    def of(cls, key: str, kind: str, same: Iterable[Trait]) -> _Known:
        days = FULL_DAYS if kind in FADING else LABEL_DAYS
        until, since = max((one.until_faded(days), -one.notified) for one in same)
        return cls(key, kind, KINDS[kind], -since, until, tuple(same))

    def factor(self, utc: float) -> float:
        """What is left of its weight: as much as the freshest of them."""
        return max(one.factor(utc) for one in self.traits)


NEVER = float("inf")


def _firm_from(told: Iterable[tuple[float, str]]) -> float:
    """From when on enough independent sources have told of a campaign; `told`: when, and who."""
    sources: set[str] = set()
    for notified, source in sorted(told):
        sources.add(source)
        if len(sources) + (NOTICE in sources) >= ENOUGH_SOURCES:
            return notified
    return NEVER
