"""A month of calls with the truth beside it: good callers and campaigns, made from a seed. Values only, no sockets.

The same seed gives the same calls. Who calls, and how, stands in `proxy.lab.people`; the checks never see either, only
the calls that come of it: numbers, names, signatures, and how calls ended. `proxy.lab.evaluation` runs them through
the screening.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from policy.call import Call
from policy.told import DAY, Entry
from proxy.lab.people import (
    BORROWED,
    CAMPAIGN_SHARE,
    CARRIERS,
    DEAD_DIALLED,
    GATEWAY,
    GOOD_DEAD,
    GOOD_ENDS,
    GOOD_SHARES,
    NAMES,
    OWN_LOOKS,
    POLL_DEAD,
    SHAPES,
    SPAN,
    Carrier,
    Ends,
    Shape,
)
from shaken.credential import Credential
from shaken.passport import Passport
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Fact, Judgement

DAYS = 30
CALLS = 125_000
START = 1_790_056_800.0
"""The first midnight of the lines' local time (five hours west of UTC), Unix seconds."""
LINES = 12_000
"""Numbers of the subscribers that are called."""
CENTRE = "12025550111"
"""The emergency centre of the corpus; the rulebook of an evaluation knows it, as every installation knows its own."""
HOME = ("1202", "1301", "1571", "1703")
AREAS = tuple(
    f"1{code}"
    for code in (
        *(205, 206, 208, 209, 210, 212, 213, 214, 216, 217, 219, 224, 225, 229, 234, 239, 240, 248, 251, 253, 254, 256),
        *(260, 267, 270, 276, 281, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320),
        *(402, 404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 501, 502, 503, 504, 505, 507, 508, 509),
        *(601, 602, 603, 605, 606, 607, 608, 609, 610, 612, 614, 615, 616, 617, 618, 619, 701, 702, 704, 706, 707, 708),
    )
)


class Placed(NamedTuple):
    """One call, and the truth about it."""

    utc: float
    call: Call
    kind: str
    """Who calls: a good kind, or the shape of a campaign."""
    campaign: str
    """Empty: a good call."""
    duration: float | None
    """Seconds that it is talked, if it is let through; None: not answered."""
    status: int
    rings: float
    """Seconds until it is answered or given up."""

    @property
    def notice(self) -> bool:
        """One that nothing may touch: to or from an emergency centre, or an emergency notice."""
        return self.kind in ("911", "emergency centre", "school notice")


class Corpus(NamedTuple):
    """A month."""

    seed: int
    placed: tuple[Placed, ...]
    """In order of time."""
    told: tuple[Entry, ...]
    """Traced calls of the campaigns, as a traceback group tells of them, days later."""


_HELD = (Fact.PASS,) * 7


def corpus(seed: int, calls: int = CALLS) -> Corpus:
    """A month of about so many calls. Raises ValueError for fewer than 1,000: kinds would be missing."""
    if calls < 1000:
        raise ValueError("a corpus has 1,000 calls at least")
    world = _World(Random(seed))
    bad = round(calls * CAMPAIGN_SHARE)
    placed = [*_good(world, calls - bad)]
    told: list[Entry] = []
    placed += _campaigns(world, bad, told)
    placed.sort(key=lambda one: one.utc)
    final = [one._replace(call=one.call._replace(call_id=f"{seed}-{at}@corpus")) for at, one in enumerate(placed)]
    return Corpus(seed, tuple(final), tuple(told))


@lru_cache(64)
def _credential(spc: str) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    url = f"https://certificates.{spc.lower()}.example.net/{spc}.pem"
    return Credential(url, key, spc, f"CN=SHAKEN {spc}", None, START - DAY, START + 400 * DAY, TNAuthList((spc,)), spc)


def _judged(spc: str, attest: str, origid: str) -> Judgement:
    """A call that proved its caller."""
    signer = _credential(spc)
    token = Passport(
        {}, b"", b"", "ES256", "passport", "shaken", signer.url, int(START), None, None, (), (), attest, origid
    )
    return Judgement(*_HELD, None, token, signer)


class _Line(NamedTuple):
    """A caller with its ways: what all its calls have in common."""

    number: str
    carrier: Carrier
    judgement: Judgement | None
    look: str
    name: str


class _World:
    """What the draws have in common."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        exchanges = {area: [self.exchange() for _ in range(3)] for area in HOME}
        pairs = [(area, one) for area in HOME for one in exchanges[area]]
        self.lines = tuple(
            f"{area}{one}{thousand}{number:03}"
            for (area, one), thousand in zip(pairs, rng.choices(range(10), k=len(pairs)), strict=True)
            for number in range(LINES // len(pairs))
        )
        self.households: list[_Line] = []
        self._until = tuple(accumulate(one.share for one in CARRIERS))
        self._cache: dict[tuple[str, str, str], Judgement] = {}

    def exchange(self) -> str:
        return next(
            text for text in iter(lambda: str(self.rng.randrange(220, 990)), "") if text[1:] != "11" and text != "555"
        )

    def number(self, area: str | None = None) -> str:
        """Any number that could be somebody's."""
        rng = self.rng
        return f"{area or rng.choice(AREAS)}{self.exchange()}{rng.randrange(10_000):04}"

    def local(self) -> str:
        """A number of the neighbourhood: the same town, seldom the same exchange as a given line."""
        rng = self.rng
        if rng.random() < 0.3:
            return f"{rng.choice(self.lines)[:7]}{rng.randrange(10_000):04}"
        return self.number(rng.choice(HOME))

    def carrier(self) -> Carrier:
        return CARRIERS[bisect(self._until, self.rng.randrange(self._until[-1]))]

    def unsigned(self) -> Carrier:
        return self.rng.choice([one for one in CARRIERS if not one.spc])

    def signed(self) -> Carrier:
        return self.rng.choice([one for place, one in enumerate(CARRIERS) if one.spc and place != GATEWAY])

    def judged(self, carrier: Carrier, attest: str, customer: str) -> Judgement | None:
        """The signature of one call."""
        if not carrier.spc or not attest:
            return None
        if carrier.origids == "call":
            return _judged(carrier.spc, attest, f"{carrier.name}-{self.rng.getrandbits(64):x}")
        key = (carrier.spc, attest, f"{carrier.name}-{customer if carrier.origids == 'customer' else 'all'}")
        if (found := self._cache.get(key)) is None:
            found = self._cache[key] = _judged(*key)
        return found

    def look(self, carrier: Carrier) -> str:
        return f"{carrier.name} border|{self.rng.randrange(carrier.prints):08x}"

    def line(self, number: str, carrier: Carrier, customer: str = "homes", name: str = "") -> _Line:
        """A good caller: signed as its carrier does it."""
        rng = self.rng
        attest = rng.choice("CCB") if carrier is CARRIERS[GATEWAY] else "A" if rng.random() < 0.9 else "B"
        return _Line(number, carrier, self.judged(carrier, attest, customer), self.look(carrier), name)

    def placed(
        self, utc: float, line: _Line, callee: str, kind: str, ends: Ends, campaign: str = "", side: str = "carrier"
    ) -> Placed:
        rng = self.rng
        draw, rings, status, duration = rng.random(), 4 + 14 * rng.random(), 200, 0.0
        if draw < ends.unanswered:
            call_ends: float | None = None
            dead = rng.random() < (DEAD_DIALLED if campaign else POLL_DEAD if kind == "poll" else GOOD_DEAD)
            rings, status = (0.3, 404) if dead else (20 + 12 * rng.random(), 487)
        else:
            draw -= ends.unanswered
            for share, least, most in ((ends.short, 1, 5), (ends.brief, 7, 28), (ends.heard, 30, 75), (1, 60, 400)):
                if draw < share:
                    duration = least + (most - least) * rng.random()
                    break
                draw -= share
            call_ends = duration
        judgement = line.judgement
        if judgement is not None and line.carrier.origids == "call":
            judgement = self.judged(line.carrier, judgement.attestation or "B", "")
        call = Call(
            side="pbx" if side == "pbx" else "carrier", trunk=line.carrier.trunk, caller=line.number or None,
            caller_kind="number" if line.number else "anonymous", caller_text="+" + line.number if line.number else "",
            callee=callee, display_name=line.name, judgement=judgement, utc=utc, print=line.look,
        )  # fmt: skip
        return Placed(utc, call, kind, campaign, call_ends, status, rings)

    def moment(self, first: float = 7, last: float = 22, weekdays: bool = False) -> float:
        """A moment of the month by day, busier around its middle."""
        rng = self.rng
        day = rng.randrange(DAYS)
        while weekdays and day % 7 in (5, 6):
            day = rng.randrange(DAYS)
        return START + day * DAY + 3600 * (first + (last - first) * (rng.random() + rng.random()) / 2)


def _good(world: _World, count: int) -> Iterator[Placed]:
    rng = world.rng
    counts = {kind: max(2, round(share * count)) for kind, share in GOOD_SHARES.items()}
    counts["household"] = count - sum(counts.values())
    homes = counts["household"] // 5
    for _ in range(homes):
        number = world.local() if rng.random() < 0.6 else world.number()
        world.households.append(world.line(number, world.carrier(), name=_person(rng) if rng.random() < 0.5 else ""))
    yield from _known(world, world.households, counts["household"], "household", (1, 6), False)
    small = [world.line(world.local(), world.unsigned()) for _ in range(counts["small carrier"] // 5)]
    yield from _known(world, small, counts["small carrier"], "small carrier", (1, 6), False)
    offices = [
        world.line(world.local(), world.carrier(), f"office{at}", f"{_person(rng)} LLC")
        for at in range(counts["office"] // 16 + 1)
    ]
    yield from _known(world, offices, counts["office"], "office", (5, 40), True)
    couriers = [world.line(world.number(), world.carrier(), "homes") for _ in range(counts["courier"] // 25 + 1)]
    yield from _known(world, couriers, counts["courier"], "courier", (25, 60), False)
    for _ in range(counts["stranger"]):
        line = world.line(world.number(), world.carrier())
        if rng.random() < 0.1:
            line = line._replace(number="", judgement=None, name="Anonymous")
        yield world.placed(world.moment(), line, rng.choice(world.lines), "stranger", GOOD_ENDS["stranger"])
    ward = [world.line(world.local(), world.signed(), "hospital", "CITY HOSPITAL") for _ in range(4)]
    for _ in range(counts["hospital"] // 2):
        callee = rng.choice(world.lines)
        yield world.placed(world.moment(7, 20), rng.choice(ward), callee, "hospital", GOOD_ENDS["hospital"])
    # Bursts: each from a number that never called before.
    yield from _bursts(world, "hospital", counts["hospital"] - counts["hospital"] // 2, 300, 7200, "CITY HOSPITAL")
    yield from _bursts(world, "school notice", counts["school notice"], 1000, 600, "SCHOOL DISTRICT")
    yield from _bursts(world, "pharmacy", counts["pharmacy"], 90, 1500, "PHARMACY")
    yield from _bursts(world, "poll", counts["poll"], 260, 3 * 3600, "")
    centre = world.line(CENTRE, CARRIERS[1], "county")
    for _ in range(counts["emergency centre"]):
        callee = rng.choice(world.lines)
        moment = world.moment(0, 24)
        yield world.placed(moment, centre, callee, "emergency centre", GOOD_ENDS["emergency centre"])
    for _ in range(counts["911"]):
        line = _Line(rng.choice(world.lines), CARRIERS[0], None, "", "")
        yield world.placed(world.moment(0, 24), line, "911", "911", GOOD_ENDS["911"], side="pbx")


def _known(
    world: _World, lines: list[_Line], count: int, kind: str, circle: tuple[int, int], weekdays: bool
) -> Iterator[Placed]:
    """Calls of people to the people that they know."""
    rng = world.rng
    circles = [rng.choices(world.lines, k=rng.randint(*circle)) for _ in lines]
    busy = [rng.paretovariate(1.6) for _ in lines]
    days = (8, 18) if weekdays else (7, 22)
    for at in rng.choices(range(len(lines)), busy, k=count):
        moment = world.moment(*days, weekdays)
        yield world.placed(moment, lines[at], rng.choice(circles[at]), kind, GOOD_ENDS[kind])


def _bursts(world: _World, kind: str, count: int, size: int, seconds: float, name: str) -> Iterator[Placed]:
    rng = world.rng
    rounds = max(1, round(count / size))
    for at in range(rounds):
        # An honest burst has a carrier that knows it, or a small one that signs nothing.
        carrier = world.signed() if rng.random() < 0.75 else world.unsigned()
        number = world.local() if kind != "poll" else world.number()
        line = world.line(number, carrier, f"{kind}{at}", name)
        if rng.random() < OWN_LOOKS:
            line = line._replace(look=f"{kind} {at}|{rng.getrandbits(32):08x}")
        start = world.moment(9, 19)
        for callee in rng.choices(world.lines, k=count // rounds):
            yield world.placed(start + seconds * rng.random(), line, callee, kind, GOOD_ENDS[kind])


def _person(rng: Random) -> str:
    return f"{rng.choice(('ALEX', 'SAM', 'KIM', 'LEE', 'PAT', 'JO'))} {''.join(rng.choices('ABDEIKLMNORST', k=6))}"


def _campaigns(world: _World, count: int, told: list[Entry]) -> Iterator[Placed]:
    rng = world.rng
    cycle = [shape for shape in SHAPES for _ in range(shape.share)]
    rng.shuffle(cycle)
    sizes = [0.5 + rng.random() for _ in cycle]
    whole = sum(sizes)
    for at, (shape, size) in enumerate(zip(cycle, sizes, strict=True)):
        yield from _campaign(world, shape, f"{shape.name} {at + 1}", max(3, round(count * size / whole)), told)


def _campaign(world: _World, shape: Shape, name: str, count: int, told: list[Entry]) -> Iterator[Placed]:
    rng = world.rng
    attest = rng.choice(shape.signed)
    carrier = world.unsigned() if not attest else CARRIERS[GATEWAY] if attest == "C" else world.signed()
    shown = rng.choice(NAMES) if rng.random() < shape.named else ""
    look = f"dialer {name}|{rng.getrandbits(32):08x}" if rng.random() < OWN_LOOKS else world.look(carrier)
    judgement = world.judged(carrier, attest, f"customer{name}")
    unanswered, short = 0.44 + 0.12 * rng.random(), 0.32 + 0.08 * rng.random()
    rest = 1 - unanswered - short
    ends = Ends(unanswered, short, rest * 0.55, rest * 0.3)
    numbers = _numbers(world, shape, bool(attest))
    walk = rng.randrange(len(world.lines))
    traced: dict[str, float] = {}
    for utc in _sessions(rng, count):
        if shape.name == "sequence":
            # Now and then a number of the row is somebody else's, and is dialled elsewhere.
            walk = (walk + (1 if rng.random() < 0.9 else rng.randint(2, 4))) % len(world.lines)
            callee = world.lines[walk]
        else:
            callee = rng.choice(world.lines)
        caller = numbers(utc, callee)
        traced.setdefault(caller, utc)
        line = _Line(caller, carrier, judgement, look, shown)
        yield world.placed(utc, line, callee, shape.name, ends, name)
    # Some of its calls are traced, and the notice comes days later, as in the letter.
    for number in rng.sample(sorted(traced), min(len(traced), 6)):
        told.append(Entry(number, name, traced[number] + DAY * rng.uniform(1, 9), traced[number]))


def _sessions(rng: Random, count: int) -> list[float]:
    """The moments of a campaign's calls: some weeks, some hours a day, at the pace of a machine."""
    days = rng.randint(5, 22)
    first = rng.randrange(DAYS - days + 1)
    found: list[float] = []
    left = count
    while left > 0:
        size = min(left, max(1, round(count / rng.uniform(6, 14))))
        start = START + (first + rng.randrange(days)) * DAY + 3600 * rng.uniform(9, 18)
        seconds = 3600 * rng.uniform(0.5, 2.5)
        found += [start + seconds * rng.random() for _ in range(size)]
        left -= size
    return sorted(found)


def _numbers(world: _World, shape: Shape, proved: bool) -> Callable[[float, str], str]:
    """What a campaign shows as its number."""
    rng = world.rng

    def fresh(utc: float, callee: str) -> str:
        if shape.name == "fresh neighbour":
            return f"{callee[:7]}{rng.randrange(10_000):04}"
        return world.number()

    if shape.fresh:
        return fresh
    held: list[tuple[str, float]] = []
    size = rng.randint(*shape.pool)
    blocks: list[str] = []
    used: set[str] = set()

    def pooled(utc: float, callee: str) -> str:
        if size > 4 and (not blocks or rng.random() < 0.001):
            blocks[:] = [world.number()[:8] for _ in range(3)]
        held[:] = [one for one in held if one[1] > utc]
        while len(held) < size:
            if not proved and rng.random() < BORROWED:
                number = rng.choice(world.households).number
            else:
                number = f"{rng.choice(blocks)}{rng.randrange(1000):03}" if blocks else world.number()
            if number in used:
                continue
            used.add(number)
            held.append((number, utc + DAY * rng.uniform(0.5, SPAN)))
        return rng.choice(held)[0]

    return pooled
