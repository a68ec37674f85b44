"""Lists, thresholds and settings of screening: one frozen snapshot, built at the edge and swapped whole.

Nothing here belongs to one trunk: its profile, mode and percentage are handed to `policy.decide.decide`
beside the book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from policy.dnc import DoNotCall
from policy.lists import CampaignList, NumberSet

Role = Literal["enterprise", "hosted", "terminating", "intermediate", "gateway", "originating"]

PROVIDERS: frozenset[Role] = frozenset(("hosted", "terminating", "intermediate", "gateway", "originating"))
"""Bound by 47 CFR 64.1200(k): what they block by analytics is answered 603+ and nothing else."""

TAG_AT = 30
REJECT_AT = 80

WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        # A listed number alone is refused while it is fresh, and tagged when a proved A halves it.
        "campaign": 100,
        # Somebody who calls often is worth a look, no more.
        "velocity-caller": 40,
        "dnc-listed": 50,
        # A token that we could not check may be the fault of a third party's web server.
        "identity-unreachable": 10,
        # No signature is normal: most honest calls still arrive without one.
        "identity-missing": 10,
        # Every other failure of the signature: worth a tag, and half a rejection at the very most.
        "identity": 30,
        "verstat": 30,
    }
)
"""Default weights by slug, or by the part of it before the first `-`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How strict a trunk is."""

    name: str = "default"
    tag_at: int = TAG_AT
    reject_at: int = REJECT_AT
    tags: frozenset[str] = frozenset()
    """Slugs that tag a call by themselves, like `attestation-c` or `anonymous`. Empty by default: B, C and
    unsigned calls are never worse off for it (REG-011)."""


@dataclass(frozen=True, slots=True)
class Redress:
    """Where a caller who was blocked by mistake can complain (64.1200(k)(8)); named in every 603+."""

    url: str = ""
    tel: str = ""
    email: str = ""

    def __bool__(self) -> bool:
        return bool(self.url or self.tel or self.email)


@dataclass(frozen=True, slots=True)
class Velocity:
    """More than `limit` calls of one caller in `seconds` are a finding."""

    limit: int = 30
    seconds: float = 60.0


Member = Callable[[str | None], bool]
"""Is this number (None: there is none) on a list?"""

WRITTEN_OUT = 10_000
"""Numbers of a range that are written out singly, so that the list is one set: half a megabyte at most."""


def member(numbers: NumberSet) -> Member:
    """The fastest way to ask a list, which every call does with five of them: the set itself where it is one."""
    if numbers.prefixes:
        return numbers.__contains__
    if sum(int(last) - int(first) + 1 for first, last in numbers.ranges) > WRITTEN_OUT:
        return numbers.__contains__
    exact = numbers.exact
    for first, last in numbers.ranges:
        exact |= {f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)}
    return exact.__contains__


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything that the checks may consult."""

    allow: NumberSet = field(default_factory=NumberSet)
    psap: NumberSet = field(default_factory=NumberSet)
    """Emergency centres and government emergency numbers as callers (64.1200(k)(6)): they outrank every
    block."""
    own: NumberSet = field(default_factory=NumberSet)
    """Our own numbers: outside, nobody may show them; from the PBX they are attested A."""
    dno: NumberSet = field(default_factory=NumberSet)
    """Do-not-originate: numbers whose holder says that no call ever comes from them."""
    deny: NumberSet = field(default_factory=NumberSet)
    """Callers that the subscriber does not want."""
    campaigns: CampaignList = field(default_factory=CampaignList)
    dnc: DoNotCall | None = None
    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({"default": Profile()}))
    codes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """SIP code by slug. It replaces the default of the finding's class; for identity findings and notes it
    is also what lets them reject at all."""
    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)
    role: Role = "enterprise"
    redress: Redress = Redress()
    identity_required: bool = False
    """A call from the carrier without Identity is a finding (`identity-missing`)."""
    velocity: Velocity = Velocity()
    emergency: frozenset[str] = frozenset()
    """Further emergency strings, as `policy.emergency.strings` gives them."""
    key: bytes = b""
    """Secret (up to 64 bytes) of the percentage and of the identifiers of refusals."""
    is_psap: Member = field(init=False, repr=False, compare=False)
    is_allowed: Member = field(init=False, repr=False, compare=False)
    is_own: Member = field(init=False, repr=False, compare=False)
    is_dno: Member = field(init=False, repr=False, compare=False)
    is_denied: Member = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = {"psap": self.psap, "allowed": self.allow, "own": self.own, "dno": self.dno, "denied": self.deny}
        for name, numbers in asked.items():
            object.__setattr__(self, f"is_{name}", member(numbers))

    def weight(self, slug: str) -> int:
        """The weight of a finding: its own, or else that of its family (`identity-…`)."""
        weights = self.weights
        found = weights.get(slug)
        return found if found is not None else weights.get(slug.partition("-")[0], 0)
