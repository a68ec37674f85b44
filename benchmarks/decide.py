"""What does a verdict cost, with every check on: for a call that hits nothing, for the worst, with short and with long lists?

No socket and no proxy: the facts of behaviour, the checks and their sum, in this process, in microseconds of CPU. Lists of
10 and of 10 million numbers in all are asked in turns, with callers that stand on none of them. Each figure stands beside two
floors of the same run, by which machines can be compared: a bare ES256 check, which a verified call needs in any language, and a
bare Python call of a function with seven arguments.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path
from statistics import median
from time import thread_time_ns
from types import MappingProxyType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.report import table
from policy.agreements import Agreements, Consent, OptOut, Relation
from policy.behaviour import Behaviour
from policy.call import Call
from policy.casebook import Casebook, Trait
from policy.complaints import Complaints, Told
from policy.countries import Rule
from policy.decide import ROOMS, decide
from policy.dnc import Bitmap, Registry
from policy.learned import Learned
from policy.lists import CampaignList, NumberSet
from policy.messages import Messages, Registration
from policy.packed import Packed
from policy.reassigned import Query, Reassigned
from policy.reputation import Memory, Reputation
from policy.rulebook import RECORDED, Profile, Redress, Rulebook
from policy.sources import Sources
from policy.tally import CELLS, Tally
from policy.told import DAY, Entry
from policy.upstreams import Block
from proxy import numbering, zoning
from proxy.lists.areacodes import Reading
from proxy.lists.packing import Packing
from proxy.lists.registry import build, mapped
from proxy.lists.traced import mapped as mapped_traced
from shaken.credential import Credential
from shaken.passport import Passport
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Fact, Judgement

UTC = 1_794_000_000.0
QUIET, WORST, NOTE = 10.0, 25.0, 6.0
"""Limits in microseconds: a call that hits nothing, the worst call, the facts of behaviour."""
CHECKS, EMPTY = 500, 50_000
"""ES256 checks, and empty calls, of one turn of the floors."""
EVEN = 1.10
"""Long lists may cost this share of short ones."""


def book(numbers: int, folder: Path) -> Rulebook:
    """Every check enforcing with something to ask, and so many numbers on the lists together; none of them is ever met
    by a quiet call.

    A list in memory holds two million at most (`policy.lists.MAX_NUMBERS`); a tenth are traced calls, in a packed table,
    and the registry's bitmap has the rest. Both are built below the folder and mapped, as a service maps them.
    """
    one = numbers // 5 if numbers > 100 else numbers
    allow, dno, deny = (
        NumberSet(frozenset(str(start + number) for number in range(one)))
        for start in (19_000_000_000, 19_100_000_000, 19_200_000_000)
    )
    places = numbering.load(COUNTRIES)
    found = Rulebook(
        allow=allow, psap=NumberSet.of("12025550110"), own=NumberSet.of("12025550120-12025550129"), dno=dno, deny=deny,
        campaigns=CampaignList(listed(), (traced(folder, max(one // 2, 10)),)), casebook=casebook(),
        dnc=Registry(NumberSet.of("12025550115")), national=registry(folder, max(one, 10)), agreements=agreements(),
        reassigned=Reassigned(Query(person(at), UTC - 90 * DAY, "yes", UTC - DAY) for at in range(100)),
        learned=Learned(90), messages=Messages((Registration("12025550120", "C1", "care", "active"),)),
        upstreams=MappingProxyType({"blocked": (Block("upstream-blocked", "is blocked since May", 0.0),)}),
        complaints=Complaints({f"1202555{line:04}": Told(3, UTC - DAY) for line in range(150, 160)}),
        countries=places, names=True, key=b"key", redress=Redress(tel="+12025550199"), hours=zoning.load(UTC),
        telemarketing=True, identity_required=True,
        checks=MappingProxyType({room.__name__.rpartition(".")[2]: "enforce" for room in ROOMS}),
    )  # fmt: skip
    assert not found.off, f"never asked: {', '.join(sorted(found.off))}"
    return found


COUNTRIES = (
    Rule("deny", frozenset(("satellite", "international", "RU")), "caller", "carrier"),
    Rule("tag", frozenset(("KP",)), "signer", "carrier"),
    Rule("tag", frozenset(("US",)), "caller", "carrier", frozenset(("doubtful",))),
    Rule("deny", frozenset(("premium",)), "callee", "pbx"),
    Rule("tag", frozenset(("CU", "satellite")), "callee", "pbx"),
)
"""What is wanted of countries: of callers, signers and called numbers."""
SIGNERS = 20
"""Carriers that sign the quiet calls."""


def listed() -> tuple[Entry, ...]:
    """The numbers of a campaign that two sources told of, so long ago that its traits weigh more."""
    return tuple(
        Entry(f"1202555{line:04}", "Composed", UTC - 10 * DAY, source=source)
        for line in range(150, 160)
        for source in ("itg", "honeypot")
    )


def casebook() -> Casebook:
    """Seventy campaigns with all kinds of traits, and the one that the worst call bears every trait of."""
    borne = (
        ("number", "12025550150"), ("block", "1202555015*"), ("print", "dialler/1"), ("words", "amaz0n"),
        ("trunk", "doubtful"),
    )  # fmt: skip
    others = (
        Trait(f"Campaign {at}", kind, value, UTC - 2 * DAY, source)
        for at in range(70)
        for source in ("itg", "honeypot")
        for kind, value in (
            ("number", str(19_400_000_000 + at)), ("block", f"19500{at:02}*"), ("print", f"dialler/{at + 2}"),
            ("words", f"offer number{at}"), ("spc", f"8{at:02}X"), ("host", f"c{at}.example.net"), ("trunk", f"peer {at}"),
        )
    )  # fmt: skip
    return Casebook(
        [*others, *(Trait("Composed", *one, UTC - DAY, source) for one in borne for source in ("itg", "honeypot"))]
    )


def traced(folder: Path, rows: int) -> Packed:
    """A packed table of so many traced calls."""
    path = folder / f"traced-{rows}"
    with closing(Packing(folder)) as packing:
        for at in range(rows):
            packing.take(
                12_000_000_000 + 7_919 * at % 7_000_000_000, UTC - DAY, UTC - DAY, (f"C{at % 500}", "itg", "high", "", "")
            )
        packing.write(path)
    return mapped_traced(path)


def registry(folder: Path, numbers: int) -> Bitmap:
    """The bitmap of a registry with every number of some exchanges, those of the people that our customers call."""
    text, path = folder / f"202-{numbers}.txt", folder / f"registry-{numbers}"
    each = 10_000
    text.write_text(
        "".join(f"202,{at // each}{at % each:04}\n" for at in range(5_550_000, 5_550_000 + min(numbers, each)))
    )
    files = [text]
    for area in range(300, 300 + -(-max(0, numbers - each) // (each * 700))):
        more = folder / f"{area}-{numbers}.txt"
        many = min(700, (numbers - each) // each)
        more.write_text("".join(f"{area},{at}\n" for at in range(2_000_000, 2_000_000 + many * each)))
        files.append(more)
    build([(one, int(UTC // DAY) - 1) for one in files], path, None, Reading())
    return mapped(path)


def person(at: int) -> str:
    """Somebody whom our customers call."""
    return f"1202555{100 + at % 100:04}"


def agreements() -> Agreements:
    """What people agreed to, bought or asked for; each did something of each."""
    who = [person(at) for at in range(100)]
    return Agreements([
        *(Consent("*", one, UTC - 80 * DAY) for one in who),
        *(Relation("*", one, UTC - 70 * DAY) for one in who),
        *(OptOut("*", one, UTC - 2 * DAY) for one in who),
    ])


def quiet(count: int) -> list[Call]:
    """Calls by honest callers, each with a proved A of one of some carriers."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    proved = [signed(key, f"7{at:02}J", f"https://cr{at}.example.com/shaken.pem") for at in range(SIGNERS)]
    return [
        Call(
            caller=f"1{212 + at % 600}{300 + at % 600}{at % 10_000:04}", callee=person(at), trunk="carrier",
            judgement=proved[at % SIGNERS], display_name="ALICE" if at % 2 else "", call_id=f"{at}@example.com", utc=UTC,
            print="pjsip/2.14 audio",
        )
        for at in range(count)
    ]  # fmt: skip


def signed(key: ec.EllipticCurvePublicKey, spc: str, url: str) -> Judgement:
    """What is known of a call that proved an A."""
    passport = Passport({}, b"", b"", "ES256", "passport", "shaken", url, int(UTC), None, None, (), (), "A", "origid")
    credential = Credential(url, key, spc, "CN=SHAKEN", None, 0.0, UTC + DAY, TNAuthList((spc,)), "", country="US")
    held = Fact.PASS
    return Judgement(held, held, held, held, held, held, held, None, passport, credential)


def worst(calls: Sequence[Call], now: float) -> list[Call]:
    """The same calls, guilty of everything at once that scoring adds up."""
    behaviour, sources, memory = Behaviour(), Sources(), Reputation([Memory("trunk", "doubtful", UTC, 500, 100, 0)])
    for at in range(300):
        one = Call(
            caller="12025550177", callee=str(12125550100 + at), display_name=f"AMAZ0N {at}", trunk="doubtful", utc=UTC
        )
        seen = behaviour.facts(one, now)
        around = sources.facts(one, seen, now)
        behaviour.note_end(one, None, 480, now)
        sources.note_end(one, None, 480, now)
    bad = [
        call._replace(
            caller="12025550150", judgement=None, verstat="TN-Validation-Failed", attempts=1000, seen=seen, sources=around,
            trunk="doubtful", display_name=f"AMAZ0N {at}", name="PARCEL DESK", print="dialler/1",
        )
        for at, call in enumerate(calls)
    ]  # fmt: skip
    return [call._replace(standing=memory.standing(call)) for call in bad]


def dutiful(calls: Sequence[Call]) -> list[Call]:
    """The same people called by one of our customers, from one of our numbers, by day: two days ago they asked for no
    more calls."""
    return [call._replace(side="pbx", caller="12025550120", trunk="pbx", judgement=None) for call in calls]


def reckless(calls: Sequence[Call]) -> list[Call]:
    """The same under a number that is not ours, at night, with a recorded message."""
    return [
        call._replace(caller="12125550199", utc=UTC + 8 * 3600, purpose=RECORDED, attempts=0) for call in dutiful(calls)
    ]


def cost(act: Callable[[Call], object], calls: Sequence[Call], turns: int) -> float:
    """Microseconds of CPU a call: the median of so many turns, less what the loop costs."""
    figures = []
    for _ in range(turns):
        began = thread_time_ns()
        for call in calls:
            act(call)
        middle = thread_time_ns()
        for call in calls:
            _nothing(call)
        figures.append((2 * middle - began - thread_time_ns()) / len(calls) / 1000)
    return median(figures)


def _nothing(call: Call) -> None:
    pass


def _seven(one: object, two: object, three: object, four: object, five: object, six: object, seven: object) -> None:
    """A Python function that does nothing."""


def floors(turns: int) -> tuple[float, float]:
    """Microseconds of CPU, the median of so many turns: a bare ES256 check, and a bare call with seven arguments."""
    key, how = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    text = b"x" * 400  # as long as the signed part of a PASSporT
    check, value, checks, calls = key.public_key().verify, key.sign(text, how), [], []
    for _ in range(turns):
        began = thread_time_ns()
        for _ in range(CHECKS):
            check(value, text, how)
        checks.append((thread_time_ns() - began) / CHECKS / 1000)
        began = thread_time_ns()
        for at in range(EMPTY):
            _seven(at, at, at, at, at, at, at)
        calls.append((thread_time_ns() - began) / EMPTY / 1000)
    return median(checks), median(calls)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short lists and few turns: does it run at all?")
    quick = parser.parse_args(argv).quick
    turns, count, long = (3, 2000, 20_000) if quick else (15, 20_000, 10_000_000)
    profile, calls, now = Profile(), quiet(count), 5000.0
    with tempfile.TemporaryDirectory() as folder:  # what is mapped stays
        short, full = book(10, Path(folder)), book(long, Path(folder))
    # The lists are there for good: the collector need not look through them again and again.
    gc.collect()
    gc.freeze()
    behaviour, sources, memory = Behaviour(), Sources(), Reputation()
    tally = Tally(memoryview(bytearray(CELLS * 8)).cast("Q"))
    known: list[Call] = []

    def follow(call: Call) -> None:
        seen = behaviour.facts(call, now)
        sources.facts(call, seen, now)

    def end(call: Call) -> None:
        behaviour.note_end(call, 60.0, 200, now)
        sources.note_end(call, 60.0, 200, now)

    follows, ends = cost(follow, calls, turns), cost(end, calls, turns)
    behaviour, sources = Behaviour(), Sources()
    plain = [call._replace(judgement=None, print="") for call in calls]
    alone = cost(follow, plain, turns) + cost(end, plain, turns)
    counts = cost(lambda call: tally.note(call.caller or "", now), calls, turns)
    stands = cost(memory.standing, calls, turns)
    fresh, around = Behaviour(), Sources()
    for call, _ in zip(calls, cycle([0]), strict=False):
        seen = fresh.facts(call, now)
        known.append(call._replace(seen=seen, sources=around.facts(call, seen, now)))
    # A caller of the plain kind: seen once, with nothing to be said of it.
    known = [call for call in known if decide(call, short, profile, "enforce").deciding is None]
    pairs = [
        (
            cost(lambda call: decide(call, short, profile, "enforce"), known, 1),
            cost(lambda call: decide(call, full, profile, "enforce"), known, 1),
        )
        for _ in range(turns)
    ]
    nothing, longer = median(a for a, _ in pairs), median(b for _, b in pairs)
    ratio = median(b / a for a, b in pairs)
    bad = worst(calls, now)
    verdict = decide(bad[0], full, profile, "enforce")
    heavy = cost(lambda call: decide(call, full, profile, "enforce"), bad, turns)
    out, night = dutiful(calls), reckless(calls)
    outward = cost(lambda call: decide(call, full, profile, "enforce"), out, turns)
    owed = decide(night[0], full, profile, "enforce")
    outworst = cost(lambda call: decide(call, full, profile, "enforce"), night, turns)
    check, empty = floors(turns)

    rows = (
        ("decide, hits nothing, 10 numbers on each list", nothing, QUIET),
        (f"decide, hits nothing, {long:,} numbers on the lists", longer, QUIET),
        (f"decide, the worst ({len(verdict.findings)} findings, {verdict.would})", heavy, WORST),
        ("decide, a call of our customer's to one who opted out", outward, WORST),
        (f"decide, the worst of our customers' ({len(owed.findings)} findings, {owed.would})", outworst, WORST),
        ("behaviour and sources, an attempt", follows, None),
        ("behaviour and sources, an end", ends, None),
        ("both, of a call without signer and software", alone, NOTE),
        ("tally, a count", counts, None),
        ("reputation, a look", stands, None),
    )
    good, shown = True, []
    for name, figure, limit in rows:
        kept = limit is None or figure <= limit
        good &= kept
        told = "" if limit is None else f"at most {limit:g}: {'kept' if kept else 'NOT KEPT'}"
        shown.append([name, f"{figure:.2f}", f"{figure / check:.2f}", f"{figure / empty:.0f}", told])
    shown.append(["floor: a bare ES256 check", f"{check:.2f}", "1", "", ""])
    shown.append(["floor: a bare call with seven arguments", f"{empty:.3f}", "", "1", ""])
    title = f"What a verdict costs, every check on; {turns} turns of {count:,} calls; medians, CPU us a call"
    print(table(title, ["", "us", "in ES256 checks", "in bare calls", "limit, us"], shown))
    even = ratio <= EVEN
    print(f"\nlong lists to short ones: {ratio:.2f}; at most {EVEN:g}: {'kept' if even else 'NOT KEPT'}")
    return 0 if (good and even) or quick else 1


if __name__ == "__main__":
    sys.exit(main())
