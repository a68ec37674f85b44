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
from collections.abc import Callable, Iterable
from typing import NamedTuple

from policy.call import Call
from policy.campaigns import label_key
from policy.lists import DAY, FADED_DAYS, FULL_DAYS, LABEL_DAYS, VOICES, NumberSet, faded

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


class Match(NamedTuple):
    """A campaign that a call bears traits of."""

    campaign: str
    weight: float
    kinds: tuple[str, ...]
    firm: bool
    """Enough for a refusal: two kinds of traits or a number, told by two independent sources."""


class Casebook:
    """Campaigns by their traits. Built once, asked for each call from the carrier, swapped whole."""

    __slots__ = ("traits", "_by_value", "_lengths", "_ranges", "_words", "_told", "_names")

    def __init__(self, traits: Iterable[Trait] = ()) -> None:
        """Raises ValueError for a trait of a kind that there is not."""
        self.traits = tuple(traits)
        by_value: dict[str, dict[str, list[Trait]]] = {kind: defaultdict(list) for kind in KINDS}
        self._ranges: list[tuple[NumberSet, Trait]] = []
        self._words: dict[str, list[tuple[frozenset[str], Trait]]] = defaultdict(list)
        self._told: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._names: dict[str, str] = {}
        for one in self.traits:
            for alias in (one.campaign, *one.aliases):
                self._names.setdefault(label_key(alias), one.campaign)
            if one.kind not in KINDS:
                raise ValueError(f"a trait is one of {', '.join(KINDS)}")
            if one.confidence == "high" and VOICES.get(one.source, 1):
                self._told[label_key(one.campaign)].append((one.notified, one.source))
            if one.kind == "words":
                words = frozenset(one.value.casefold().split())
                self._words[min(words)].append((words, one))
            elif one.kind == "block" and not (one.value.endswith("*") and one.value[:-1].isdigit()):
                self._ranges.append((NumberSet.of(one.value), one))
            else:
                by_value[one.kind][one.value.removesuffix("*") if one.kind == "block" else one.value].append(one)
        self._by_value = {kind: dict(found) for kind, found in by_value.items() if found}
        self._lengths = tuple(sorted({len(prefix) for prefix in self._by_value.get("block", ())}))

    def __len__(self) -> int:
        return len(self.traits)

    def __or__(self, other: Casebook) -> Casebook:
        return Casebook(self.traits + other.traits)

    def named(self, name: str) -> str:
        """The campaign that goes by this name, or the name itself."""
        return self._names.get(label_key(name), name)

    def recognise(self, call: Call) -> Match | None:
        """The campaign whose traits weigh most; None where the call bears none that counts."""
        found: list[Trait] = []
        by_value, caller = self._by_value, call.caller
        if caller is not None:
            if (numbers := by_value.get("number")) is not None:
                found += numbers.get(caller, ())
            for length in self._lengths:
                found += by_value["block"].get(caller[:length], ())
            found += [trait for numbers, trait in self._ranges if caller in numbers]
        for kind, read in _READ:
            if (values := by_value.get(kind)) is not None and (value := read(call)):
                found += values.get(value, ())
        if self._words and call.display_name:
            said = call.display_name[:128].casefold().split()[:WORDS]
            for word in said:
                found += [trait for words, trait in self._words.get(word, ()) if words.issubset(said)]
        return self._weighed(found, call.utc) if found else None

    def _weighed(self, found: Iterable[Trait], utc: float) -> Match | None:
        """Each kind of trait counts once for a campaign, by the one that is freshest."""
        weights: dict[str, dict[str, float]] = defaultdict(dict)
        names: dict[str, str] = {}
        for one in found:
            if factor := one.factor(utc):
                key = label_key(one.campaign)
                names.setdefault(key, one.campaign)
                weights[key][one.kind] = max(weights[key].get(one.kind, 0.0), KINDS[one.kind] * factor)
        if not weights:
            return None
        key = max(weights, key=lambda key: (sum(weights[key].values()), key))
        kinds = weights[key]
        firm = ("number" in kinds or len(kinds) > 1) and self._spoken(key, utc) >= ENOUGH_SOURCES
        return Match(names[key], min(MOST, sum(kinds.values())), tuple(sorted(kinds)), firm)

    def _spoken(self, key: str, utc: float) -> int:
        """How many independent sources have told of a campaign."""
        sources = {source for notified, source in self._told[key] if notified <= utc}
        return len(sources) + (NOTICE in sources)


_READ: tuple[tuple[str, Callable[[Call], str | None]], ...] = (
    ("spc", lambda call: call.spc),
    ("host", lambda call: call.host),
    ("trunk", lambda call: call.trunk),
    ("print", lambda call: call.print),
)
