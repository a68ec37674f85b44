"""Who calls in the made-up months of `proxy.lab.corpus`: carriers, good callers, campaigns, and how their calls end.

Tables only, guessed from what the trade tells of such callers, and written before any check was measured on them. No
check may read them: `policy` knows nothing of the lab.
"""

from __future__ import annotations

from typing import NamedTuple


class Ends(NamedTuple):
    """How calls of one kind end, as shares; what is left is a talk of minutes."""

    unanswered: float
    short: float
    """Hung up on within 1 to 5 seconds."""
    brief: float
    """Over after 7 to 28 seconds."""
    heard: float
    """A message heard to its end, by a person or a voicemail: 30 to 75 seconds."""


GOOD_ENDS = {
    "household": Ends(0.28, 0.03, 0.10, 0.12),
    "stranger": Ends(0.30, 0.05, 0.15, 0.15),
    "small carrier": Ends(0.30, 0.04, 0.10, 0.12),
    "office": Ends(0.26, 0.04, 0.12, 0.15),
    "hospital": Ends(0.38, 0.05, 0.10, 0.22),
    "courier": Ends(0.33, 0.13, 0.34, 0.12),
    "pharmacy": Ends(0.30, 0.20, 0.25, 0.24),
    "school notice": Ends(0.22, 0.13, 0.20, 0.45),
    "poll": Ends(0.50, 0.24, 0.12, 0.04),
    "emergency centre": Ends(0.10, 0.02, 0.10, 0.20),
    "911": Ends(0.0, 0.01, 0.09, 0.30),
}

GOOD_SHARES = {
    "stranger": 0.11,
    "small carrier": 0.13,
    "office": 0.24,
    "hospital": 0.035,
    "courier": 0.03,
    "pharmacy": 0.02,
    "school notice": 0.02,
    "poll": 0.008,
    "emergency centre": 0.0005,
    "911": 0.001,
}
"""Of the good calls; the rest are households."""
CAMPAIGN_SHARE = 0.2
"""Of all calls: about what is heard of lines whose carrier does nothing."""


class Shape(NamedTuple):
    """One way in which campaigns call."""

    name: str
    share: int
    """Of 21 campaigns."""
    fresh: bool
    """A new number for each call."""
    pool: tuple[int, int]
    """Numbers in use at one time, from and to."""
    signed: tuple[str, ...]
    """How its calls are signed, drawn for each campaign: A, B, C, or unsigned."""
    named: float
    """Share of campaigns that show a brand or an agency as their name."""


SHAPES = (
    Shape("one number", 4, False, (1, 1), ("", "", "A", "B", "C"), 0.25),
    Shape("pool", 4, False, (15, 40), ("", "B", "B", "C"), 0.25),
    Shape("sequence", 2, False, (1, 3), ("", "C"), 0.0),
    Shape("impersonation", 3, False, (1, 4), ("", "", "B", "C"), 1.0),
    Shape("fresh neighbour", 3, True, (0, 0), ("",), 0.1),
    Shape("fresh unsigned", 3, True, (0, 0), ("",), 0.3),
    Shape("fresh with A", 2, True, (0, 0), ("A",), 0.3),
)
"""Eight of 21 take a new number for each call, unsigned or with A."""
SPAN = 4.0
"""Days that a campaign uses a number at most, as the letter shows."""
NAMES = (
    "AMAZON", "Amazon Support", "AMAZ0N ORDER", "Social Security", "SSA OFFICE", "IRS TAX DEPT", "PayPal",
    "Medicare Ben", "Publishers Clearing House", "US TREASURY", "Xfinity", "Walmart Rewards",
)  # fmt: skip
BORROWED = 0.02
"""Share of an unproved campaign's numbers that belong to households that call, too."""


class Carrier(NamedTuple):
    """Whoever hands over calls, seen from the end of the way."""

    name: str
    trunk: str
    spc: str
    """Empty: it signs nothing."""
    origids: str
    """What it puts in `origid`: one for each `customer`, one for all (`gateway`), a new one each `call`."""
    prints: int
    """How many looks its border has."""
    share: int
    """Of good calls."""


CARRIERS = (
    Carrier("alpha", "west", "701A", "customer", 3, 26),
    Carrier("beta", "west", "702B", "gateway", 2, 20),
    Carrier("gamma", "east", "703C", "customer", 3, 16),
    Carrier("delta", "east", "704D", "call", 2, 8),
    Carrier("gateway", "transit", "705E", "gateway", 2, 8),
    Carrier("echo", "transit", "", "", 2, 8),
    Carrier("foxtrot", "transit", "", "", 1, 6),
    Carrier("golf", "east", "", "", 1, 5),
    Carrier("hotel", "transit", "", "", 1, 3),
)
GATEWAY = 4
"""The place of the one that signs C for calls that it does not know."""
OWN_LOOKS = 0.5
"""Share of campaigns, and of honest bursts, whose software shines through the carriers; the others look as their
carrier's other callers."""
DEAD_DIALLED, POLL_DEAD, GOOD_DEAD = 0.25, 0.08, 0.03
"""Of the calls that nobody answers, those to numbers that nobody has: machines dial what may exist, polls take lists of
numbers that were tried lately, people know whom they call."""
