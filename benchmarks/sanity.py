"""Does a verifier verify? A handful of calls, one of each kind, before anything is measured.

A peer that waves everything through is infinitely fast, and the comparison worth nothing: so each side must pass a
good call and refuse a forged signature, a chain to another root, and a caller or callee that was not signed.
"""

from __future__ import annotations

import time

from benchmarks import feed
from benchmarks.sender import Planned, place
from benchmarks.sipp import Address
from benchmarks.stage import Stage

WELCOME, REFUSAL = 200, 438
GAP = 0.03
"""Seconds between two calls: each is alone, and the first one, which may have to fetch the chain, is over before its
neighbours end.
"""


class Unverified(Exception):
    """A side does not do what it is measured for."""


def calls(stage: Stage) -> dict[str, tuple[feed.Call, int]]:
    """One call of each kind, with the answer that a verifier must give it."""
    good, other, third, fourth = feed.signed(4, stage.signer, time.time())
    stranger = feed.signed(1, stage.impostor, time.time(), first=10)[0]
    stale = feed.signed(1, stage.signer, time.time() - 3600, first=11)[0]
    return {
        "good": (good, WELCOME),
        "forged signature": (feed.forged(other), REFUSAL),
        "chain to another root": (stranger, REFUSAL),
        "another callee": (feed.elsewhere(third), REFUSAL),
        "another caller": (feed.from_another(fourth), REFUSAL),
        "an hour old": (stale, REFUSAL),
    }


def check(name: str, stage: Stage, proxy: Address) -> dict[str, int]:
    """Kind -> answer. Raises Unverified if any of them is not what it must be."""
    asked = calls(stage)
    plan = [Planned(at * GAP, call, kind) for at, (kind, (call, _)) in enumerate(asked.items())]
    got = {timing.kind: timing.status for timing in place(plan, stage.carrier, stage.pbx, proxy)}
    wrong = [f"{kind}: {got[kind]} instead of {wanted}" for kind, (_, wanted) in asked.items() if got[kind] != wanted]
    if wrong:
        raise Unverified(f"{name} does not verify: {'; '.join(wrong)}")
    return got
