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
from collections.abc import Callable, Sequence
from itertools import cycle
from statistics import median
from time import thread_time_ns
from types import MappingProxyType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.report import table
from policy.behaviour import Behaviour
from policy.call import Call
from policy.decide import ROOMS, decide
from policy.dnc import Registry
from policy.lists import DAY, CampaignList, Entry, NumberSet
from policy.reputation import Memory, Reputation
from policy.rulebook import Profile, Redress, Rulebook
from policy.sources import Sources
from policy.tally import CELLS, Tally
from proxy import zoning
from shaken.verdict import Fact, Judgement

UTC = 1_794_000_000.0
QUIET, WORST, NOTE = 10.0, 25.0, 6.0
"""Limits in microseconds: a call that hits nothing, the worst call, the facts of behaviour."""
CHECKS, EMPTY = 500, 50_000
"""ES256 checks, and empty calls, of one turn of the floors."""
EVEN = 1.10
"""Long lists may cost this share of short ones."""


def book(numbers: int) -> Rulebook:
    """Every check enforcing, and so many numbers on the lists together; none of them is ever met by a quiet call.

    A list in memory holds two million at most (`policy.lists.MAX_NUMBERS`), the registry the rest.
    """
    one = numbers // 5 if numbers > 100 else numbers
    lists = [
        NumberSet(frozenset(str(start + number) for number in range(one)))
        for start in (19_000_000_000, 19_100_000_000, 19_200_000_000)
    ]
    registry = NumberSet(frozenset(str(19_300_000_000 + number) for number in range(max(one, numbers - 3 * one))))
    campaigns = tuple(Entry(f"1202555{line:04}", "Composed", UTC - DAY) for line in range(150, 160))
    return Rulebook(
        allow=lists[0], psap=NumberSet.of("12025550110"), own=NumberSet.of("12025550120-12025550129"),
        dno=lists[1], deny=lists[2], campaigns=CampaignList(campaigns),
        dnc=Registry(registry), key=b"key", redress=Redress(tel="+12025550199"), hours=zoning.load(UTC),
        telemarketing=True, identity_required=True,
        checks=MappingProxyType({room.__name__.rpartition(".")[2]: "enforce" for room in ROOMS}),
    )  # fmt: skip


def quiet(count: int) -> list[Call]:
    """Calls by honest callers, each with a proved A."""
    held = Fact.PASS
    proved = Judgement(held, held, held, held, held, held, held)
    return [
        Call(
            caller=f"1{212 + at % 600}{300 + at % 600}{at % 10_000:04}", callee=f"1202555{100 + at % 100:04}", trunk="carrier",
            judgement=proved, display_name="ALICE" if at % 2 else "", call_id=f"{at}@example.com", utc=UTC,
        )
        for at in range(count)
    ]  # fmt: skip


def worst(calls: Sequence[Call], now: float) -> list[Call]:
    """The same calls, guilty of everything at once that scoring adds up."""
    behaviour, sources, memory = Behaviour(), Sources(), Reputation([Memory("trunk", "carrier", UTC, 500, 100, 0)])
    for at in range(300):
        one = Call(
            caller="12025550177", callee=str(12125550100 + at), display_name=f"AMAZ0N {at}", trunk="carrier", utc=UTC
        )
        seen = behaviour.facts(one, now)
        around = sources.facts(one, seen, now)
        behaviour.note_end(one, None, 480, now)
        sources.note_end(one, None, 480, now)
    return [
        call._replace(
            caller="12025550150", judgement=None, verstat="TN-Validation-Failed", attempts=1000, seen=seen, sources=around,
            standing=memory.standing(call), display_name=f"AMAZ0N {at}",
        )
        for at, call in enumerate(calls)
    ]  # fmt: skip


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
    short, full = book(10), book(long)
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
    out = [replace_side(call) for call in calls]
    outward = cost(lambda call: decide(call, full, profile, "enforce"), out, turns)
    check, empty = floors(turns)

    rows = (
        ("decide, hits nothing, 10 numbers on each list", nothing, QUIET),
        (f"decide, hits nothing, {long:,} numbers on the lists", longer, QUIET),
        (f"decide, the worst ({len(verdict.findings)} findings, {verdict.would})", heavy, WORST),
        ("decide, a call of our customer's that hits duties", outward, WORST),
        ("behaviour and sources, an attempt", follows, None),
        ("behaviour and sources, an end", ends, None),
        ("behaviour and sources together", follows + ends, NOTE),
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


def replace_side(call: Call) -> Call:
    return call._replace(side="pbx", judgement=None)


if __name__ == "__main__":
    sys.exit(main())
