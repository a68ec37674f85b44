"""Lists, thresholds and settings of screening: one frozen snapshot, built at the edge and swapped whole.

Nothing here belongs to one trunk: its profile, mode and percentage are handed to `policy.decide.decide`
beside the book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from policy.agreements import Agreements
from policy.call import Call
from policy.casebook import Casebook
from policy.complaints import Complaints
from policy.countries import Countries
from policy.dnc import DoNotCall
from policy.dno import GIVEN_OUT
from policy.hours import Hours
from policy.learned import Learned
from policy.lists import CampaignList, NumberSet
from policy.membership import LONG, MOST_ROWS, Listed, Member, either, marked, member
from policy.messages import Messages
from policy.profiles import Choice
from policy.reassigned import Reassigned
from policy.upstreams import Block
from policy.verdict import CheckMode, Class, Finding
from policy.weights import REJECT_AT, TAG_AT, WEIGHTS, Weights

Role = Literal["enterprise", "hosted", "terminating", "intermediate", "gateway", "originating"]

Code = int | Literal["603+"]
"""What refuses a call: a SIP code, or 603 with the notice of ATIS-1000099."""

PROVIDERS: frozenset[Role] = frozenset(("hosted", "terminating", "intermediate", "gateway", "originating"))
"""Bound by 47 CFR 64.1200(k): what they block by analytics is answered 603+ and nothing else."""

TRANSIT: frozenset[Role] = frozenset(("intermediate", "gateway"))
"""Between two providers: they have no subscribers of their own in the call."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How strict a trunk is."""

    name: str = "default"
    tag_at: int = TAG_AT
    reject_at: int = REJECT_AT
    divert_at: int | None = None
    """From this score on a call goes to `divert_to` instead; None: never."""
    divert_to: str = ""
    """The URI of a voicemail or of the PBX's captcha. Empty: nothing is diverted."""
    divert_by: Literal["request-uri", "302"] = "request-uri"
    tags: frozenset[str] = frozenset()
    """Slugs that tag a call by themselves, like `attestation-c` or `anonymous`. Empty by default: B, C and
    unsigned calls are never worse off for it (REG-011)."""


@dataclass(frozen=True, slots=True)
class Redress:
    """Where a caller who was blocked by mistake can complain (64.1200(k)(8)); named in every 603+."""

    url: str = ""
    tel: str = ""
    email: str = ""
    card: str = ""
    """Where the signed card with these contacts is fetched (RFC 8688 section 3.2.1); a 608 names it."""
    name: str = ""
    """Who is to be asked, as the card says it."""
    reason: Literal["sip", "q850"] = "sip"
    """How the Reason of a 603+ is spelled."""

    def __bool__(self) -> bool:
        return bool(self.url or self.tel or self.email)


BRANDS = frozenset(
    (
        "amazon", "apple", "microsoft", "google", "paypal", "venmo", "zelle", "netflix", "walmart", "ebay", "fedex",
        "ups", "usps", "dhl", "at&t", "verizon", "comcast", "xfinity", "wells fargo", "bank of america", "chase",
        "citibank", "capital one", "american express", "visa", "mastercard", "publishers clearing house", "irs", "fbi",
        "dea", "ssa", "fcc", "ftc", "dhs", "social security", "medicare", "medicaid", "customs and border", "sheriff",
        "us treasury", "internal revenue",
    )
)  # fmt: skip
"""Names that campaigns borrow: the traced ones of 2023 and those that the FTC hears of most. In lower case."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a figure of behaviour is a finding. The window is that of `policy.behaviour`, an hour."""

    callees: int = 60
    sequence: int = 5
    """Calls in a row, each to the next number."""
    names: int = 3
    crowd: int = 40
    """Different callers to one number."""
    block: int = 200
    neighbours: float = 0.4
    """Share of neighbours among the calls of a source."""
    ends: int = 10
    """Ended calls before a caller's share of wasted ones says anything."""
    wasted: float = 0.8
    """Share of calls hung up on at once or not answered."""
    strangers: float = 0.8
    dials: int = 20
    """Ended calls of some days from which on it can be told that nobody knows who is called."""
    blind: float = 5.0
    """From this sum on (`policy.past.Ends.blind`) it is told: for a poll, one chance in a hundred and fifty."""
    talked: float = 0.06
    """Share of talks over weeks: no more than this is a machine."""
    bad: float = 0.1
    """Share of proved bad calls in a standing."""
    unknown_zone_is_open: bool = True


@dataclass(frozen=True, slots=True)
class Velocity:
    """More than `limit` calls of one caller in `seconds` are a finding."""

    limit: int = 30
    seconds: float = 60.0
    told: str = field(init=False, repr=False, compare=False)
    """The seconds as a sentence says them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", f"{self.seconds:g}")


CHECKS: Mapping[str, CheckMode] = MappingProxyType(
    dict.fromkeys(("caller_id", "recorded", "hours", "pattern", "answers", "reputation", "brand"), "shadow")
)
"""What a fresh install rehearses before it acts: duties that depend on the kind of call, and every estimate."""


TELEMARKETING, RECORDED = "telemarketing", "prerecorded"
"""What a PBX says that a call is for; a recorded message is telemarketing that owes more."""


Asked = Callable[[Call, "Rulebook"], Finding | None]


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
    areas: frozenset[str] = GIVEN_OUT
    """The area codes that a caller may have, with their country code: `1202`."""
    campaigns: CampaignList = field(default_factory=CampaignList)
    casebook: Casebook | None = None
    """What recognises campaigns besides their numbers; None: nothing is known."""
    dnc: DoNotCall | None = None
    """The operator's own list of numbers that no call of ours goes to."""
    national: DoNotCall | None = None
    """The do-not-call registry: telemarketing owes it a look."""
    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({"default": Profile()}))
    codes: Mapping[str, Code] = field(default_factory=lambda: MappingProxyType({}))
    """SIP code by slug. It replaces the default of the finding's class; for identity findings and notes it
    is also what lets them reject at all."""
    refusals: Mapping[Class, Code] = field(default_factory=lambda: MappingProxyType({}))
    """Code by class, for the slugs that have none of their own. It lets nothing reject that would not."""
    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)
    role: Role = "enterprise"
    redress: Redress = Redress()
    opted_out: NumberSet = field(default_factory=NumberSet)
    """Lines of ours whose subscriber wants nothing blocked by analytics (64.1200(k)(3)): such calls are tagged."""
    network_level: frozenset[str] = frozenset()
    """Slugs of analytics so sure that they stop calls to those lines too (64.1200(k)(11))."""
    identity_required: bool = False
    """A call from the carrier without Identity is a finding (`identity-missing`)."""
    velocity: Velocity = Velocity()
    emergency: frozenset[str] = frozenset()
    """Further emergency strings, as `policy.emergency.strings` gives them."""
    key: bytes = b""
    """Secret (up to 64 bytes) of the percentage and of the identifiers of refusals."""
    checks: Mapping[str, CheckMode] = field(default_factory=lambda: CHECKS)
    """Mode of a check by its name; one that is not named enforces."""
    limits: Thresholds = Thresholds()
    brands: frozenset[str] = BRANDS
    hours: Hours | None = None
    agreements: Agreements | None = None
    """Opt-outs, consent and business relations of the people that our customers call."""
    reassigned: Reassigned | None = None
    """What the Reassigned Numbers Database said; None: it was not asked."""
    learned: Learned | None = None
    """The numbers that our own people called lately; None: nothing is learned."""
    messages: Messages | None = None
    """Who may send text messages; None: whoever likes."""
    upstreams: Mapping[str, tuple[Block, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By the trunk's name: why nothing is taken from it."""
    complaints: Complaints | None = None
    """What people complained of to the FTC and the FCC; None: nothing was brought in."""
    countries: Countries | None = None
    """What is wanted of the calls of which countries; None: nothing."""
    choice: Choice | None = None
    """Lines and customers with profiles of their own; None: the trunk's is everybody's."""
    names: bool = False
    """Are names of callers looked up?"""
    telemarketing: bool = False
    """Every call that leaves owes the duties of telemarketing; else those whose `purpose` says so."""
    spares: bool = field(init=False, repr=False, compare=False)
    """Has any line opted out? Nearly always not, and then nobody looks further."""
    off: frozenset[str] = field(init=False, repr=False, compare=False)
    shadow: frozenset[str] = field(init=False, repr=False, compare=False)
    weight: Callable[[str], int] = field(init=False, repr=False, compare=False)
    """The weight of a finding: its own, or else that of its family (`identity-…`)."""
    marks: bytes | None = field(init=False, repr=False, compare=False)
    """A bit for each number on a list, where the lists are long (`marked`)."""
    asks: dict[tuple[str, bool, bool], tuple[Asked, ...]] = field(init=False, repr=False, compare=False)
    """The checks that this book asks, by side, whether the caller has a number, and whether the trunk is blocked, as
    `policy.decide` finds them out once."""
    mask: int = field(init=False, repr=False, compare=False)
    """What a hash is cut to, so that it is the place of a mark."""
    unlisted: Rulebook = field(init=False, repr=False, compare=False)
    """The same book without the numbers of long lists, for callers whose number has no mark."""
    is_passed: Member = field(init=False, repr=False, compare=False)
    """An emergency centre, or on the allow-list? For nearly every caller this one look is all."""
    is_barred: Member = field(init=False, repr=False, compare=False)
    """One of our own, or on the do-not-originate list?"""
    is_psap: Member = field(init=False, repr=False, compare=False)
    is_allowed: Member = field(init=False, repr=False, compare=False)
    is_own: Member = field(init=False, repr=False, compare=False)
    is_dno: Member = field(init=False, repr=False, compare=False)
    is_denied: Member = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = {"psap": self.psap, "allowed": self.allow, "own": self.own, "dno": self.dno, "denied": self.deny}
        for name, numbers in asked.items():
            object.__setattr__(self, f"is_{name}", member(numbers))
        object.__setattr__(self, "is_passed", either(self.psap, self.allow))
        object.__setattr__(self, "is_barred", either(self.own, self.dno))
        object.__setattr__(self, "spares", bool(self.opted_out))
        off = frozenset(name for name, mode in self.checks.items() if mode == "off")
        if not self.psap and not self.allow and self.learned is None:
            off |= {"allow"}  # it could say nothing
        if self.messages is None:
            off |= {"message"}
        if self.reassigned is None:
            off |= {"reassigned"}
        if not self.upstreams:
            off |= {"upstream"}
        if not self.names:
            off |= {"caller_name"}
        if not self.complaints:
            off |= {"complaint"}
        if not self.countries:
            off |= {"country"}
        if not self.campaigns and self.casebook is None:
            off |= {"campaign"}
        if not self.brands:
            off |= {"brand"}
        object.__setattr__(self, "off", off)
        shadow = frozenset(name for name, mode in self.checks.items() if mode == "shadow")
        object.__setattr__(self, "shadow", shadow)
        object.__setattr__(self, "asks", {})
        object.__setattr__(self, "weight", Weights(self.weights).__getitem__)
        # Long lists: their sets lie far apart in memory, and each look at one is a wait for it. One bit each of few
        # megabytes says for nearly every caller that it is on none, and the checks then see the book without them.
        marks, blank = None, self
        if sum(len(numbers.exact) for numbers in asked.values()) >= LONG:
            lists: list[Listed] = [numbers.exact for numbers in asked.values()]
            campaigns = self.campaigns
            if len(campaigns) - len(campaigns.entries) <= MOST_ROWS:
                lists += campaigns.packed
                campaigns = replace(campaigns, unlisted=True)
            marks = marked(lists)
            psap, allow, own, dno, deny = (
                NumberSet(frozenset(), numbers.prefixes, numbers.ranges) for numbers in asked.values()
            )
            blank = replace(self, psap=psap, allow=allow, own=own, dno=dno, deny=deny, campaigns=campaigns)
        object.__setattr__(self, "marks", marks)
        object.__setattr__(self, "mask", 8 * len(marks) - 1 if marks is not None else 0)
        object.__setattr__(self, "unlisted", blank)

    def profile_of(self, call: Call, usual: Profile) -> Profile:
        """By which profile a call is judged; usual: its trunk's."""
        return usual if self.choice is None else self.choice.of(call) or usual

    def owes(self, call: Call) -> bool:
        """Is this a call of telemarketing, as far as we are told?"""
        return self.telemarketing or call.purpose in (TELEMARKETING, RECORDED)

    def consented(self, call: Call) -> bool:
        """Has the person called agreed to it? (From do-not-call and calling hours that excuses, REG-050, REG-056.)"""
        agreements, callee = self.agreements, call.callee
        return agreements is not None and callee is not None and agreements.consented(call.caller, callee, call.utc)

    def excused(self, call: Call) -> bool:
        """Has the person called agreed to it, or is there a business relation? (From do-not-call that excuses.)"""
        agreements, callee = self.agreements, call.callee
        return agreements is not None and callee is not None and (
            agreements.consented(call.caller, callee, call.utc) or agreements.related(call.caller, callee, call.utc)
        )
