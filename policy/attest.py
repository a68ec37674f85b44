"""Which attestation a call that leaves may be given (ATIS-1000074): the operator's decision, never the signer's
(STI-055).

A: a known customer calls with a number that the inventory says is theirs, now. B: a known customer, another number. C:
the call came through us from somebody we do not know. Nothing: there is no number that an honest signature could be
about. From there a level only ever goes down: what the customer has not proved of itself (KYC), what its trunk may
get at most, and what the PBX asks for a single call. There is no way around the inventory (STI-057).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from policy.inventory import Grant, Inventory
from shaken.number import nanp_fault

Level = Literal["A", "B", "C"]
LEVELS: tuple[Level, ...] = ("A", "B", "C")
"""The highest first."""
NOTHING = "none"
"""What a PBX asks for where a call is to leave unsigned."""

CRITERIA_VERSION = "ATIS-1000074 as of 2026-11"
"""Of the criteria below: what each ground may give at most. A change of the rules is a change of this table and its
name."""
CRITERIA: Mapping[str, Level | None] = MappingProxyType(
    {
        "own-number": "A", "other-number": "B", "other-customer": "B", "right-ended": "B", "right-ahead": "B",
        "transit": "C", "kyc-pending": "B", "trunk-limit": "B", "asked": "B", "no-number": None,
        "impossible-number": None,
    }
)  # fmt: skip

WHY = MappingProxyType(
    {
        "own-number": "the customer's own number",
        "other-number": "a known customer with a number that is not listed as theirs",
        "other-customer": "a known customer with the number of another",
        "right-ended": "the right to the number has ended: it was ported out, or its letter has run out",
        "right-ahead": "the right to the number begins later: it is not ported in yet",
        "transit": "the call came through from somebody who is not known here",
        "kyc-pending": "the customer has not proved who they are",
        "trunk-limit": "the trunk gets no more",
        "asked": "the PBX asked for less",
        "no-number": "the caller shows no number",
        "impossible-number": "the number cannot exist, or is too short to be somebody's",
    }
)
"""Why a call got its level, in words."""


@dataclass(frozen=True, slots=True)
class Customer:
    """What is known of a customer."""

    pending: bool = False
    """They have not proved yet who they are."""
    cap: Level = "C"
    """What they get at most until then: B or C."""
    origid: str = ""
    """Their own identifier in signatures; empty: that of the trunk."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one trunk's calls may get."""

    origid: str
    """A UUID, the same over restarts (RFC 8588 section 5)."""
    customer: str | None = None
    """Whose calls come this way; None: the inventory says whose number it is."""
    transit: bool = False
    """The calls of people we do not know come this way."""
    most: Level = "A"
    other: Level | None = "B"
    """For a known customer's other numbers; None: they leave unsigned."""
    customers: Mapping[str, Customer] = field(default_factory=lambda: MappingProxyType({}))


class Decision(NamedTuple):
    """The level of one call, and why."""

    level: Level | None
    why: str
    """One of WHY: what set the level as it is."""
    customer: str = ""
    origid: str = ""
    source: str = ""
    """Where the right to the number comes from, for an own number."""


def signable(caller: str | None) -> str | None:
    """Why no honest signature can be about this caller; None if one can. A token needs a number that exists (STI-037,
    STI-038)."""
    if caller is None:
        return "no-number"
    if not 7 <= len(caller) <= 15 or not caller.isdigit() or caller[0] == "0":
        return "impossible-number"
    if caller[0] == "1" and (len(caller) != 11 or nanp_fault(caller) is not None):
        return "impossible-number"
    return None


def decide(caller: str | None, inventory: Inventory, terms: Terms, utc: float, asked: str = "") -> Decision:
    """The level for this caller (canonical digits) at this moment.

    asked: what the PBX wants for this call (A, B, C or none); honoured downwards only, anything else is passed over.
    """
    if (fault := signable(caller)) is not None or caller is None:
        return Decision(None, fault or "no-number")
    level: Level | None
    customer, source = terms.customer or "", ""
    if terms.transit:
        level, why = CRITERIA["transit"], "transit"
    elif (grant := inventory.find(caller, utc, terms.customer)) is not None:
        level, why, source = CRITERIA["own-number"], "own-number", grant.source
        customer = customer or grant.customer
    else:
        why = _otherwise(inventory.grants(caller), terms.customer, utc)
        level = terms.other if terms.other is None else max(terms.other, CRITERIA[why] or "C")
    known = terms.customers.get(customer)
    if level is not None and known is not None and known.pending and level < known.cap:
        level, why = known.cap, "kyc-pending"
    if level is not None and level < terms.most:
        level, why = terms.most, "trunk-limit"
    # The letters stand in the order of the alphabet, the highest level first: what is greater is less.
    if level is not None and asked and (asked == NOTHING or (asked in LEVELS and asked > level)):
        level, why = (None if asked == NOTHING else asked), "asked"  # type: ignore[assignment]  # one of LEVELS
    return Decision(level, why, customer, (known.origid if known is not None else "") or terms.origid, source)


def _otherwise(grants: tuple[Grant, ...], customer: str | None, utc: float) -> str:
    """Why a number is not the caller's own."""
    mine = [one for one in grants if customer is None or one.customer == customer]
    if any(one.end <= utc for one in mine):
        return "right-ended"
    if mine:
        return "right-ahead"
    return "other-customer" if any(one.holds(utc) for one in grants) else "other-number"
