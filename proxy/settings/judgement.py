"""What can be set of the judgement of calls, as frozen values: profiles, weights and codes, the lists, who is asked
besides, and whom a blocked caller can ask. Units are in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DIVERSIONS = ("request-uri", "302")
JUDGED = ("INVITE", "MESSAGE", "SUBSCRIBE", "REFER")
ENDS = ("caller", "callee", "signer")
SHOWN = ("never", "missing", "always")
DOINGS = ("allow", "deny", "tag")
CLAIMS = ("subscriber", "deterministic")
CLASSES = ("deterministic", "subscriber", "analytics", "identity", "duty", "note")
MOST_ESTIMATED = 250
"""Distinct numbers or names that are told apart (`policy.behaviour` estimates them): more would never be met."""
CHECK_MODES = ("off", "shadow", "enforce")


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    name: str
    tag_at: int = 30
    reject_at: int = 80
    tags: tuple[str, ...] = ()
    """Reason slugs that tag a call by themselves."""
    divert_at: int | None = None
    divert_to: str = ""
    divert_by: str = "request-uri"
    numbers: tuple[str, ...] = ()
    """Lines of ours that have it, whatever trunk their calls come by."""


@dataclass(frozen=True, slots=True)
class VelocitySettings:
    """More than `limit` calls of one caller within `seconds` are a finding."""

    limit: int = 30
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class RedressSettings:
    """Whom a blocked caller can ask; at least one of them is needed before 603+ is sent (47 CFR
    64.1200(k)(8), (9)).
    """

    url: str = ""
    tel: str = ""
    email: str = ""
    card: str = ""
    """Where the signed card of a 608 is fetched."""
    name: str = ""
    reason: str = "sip"

    def __bool__(self) -> bool:
        return bool(self.url or self.tel or self.email)


@dataclass(frozen=True, slots=True)
class HookSettings:
    """The operator's own decision service."""

    url: str
    milliseconds: int = 50


@dataclass(frozen=True, slots=True)
class NameSettings:
    """Where the names of callers are looked up."""

    url: str
    """With `{number}` in it."""
    milliseconds: int = 50
    cache_hours: int = 24
    show: str = "never"
    """never, missing (where the call shows none) or always"""
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CountrySettings:
    """What is done with the calls of some countries."""

    countries: tuple[str, ...]
    action: str
    """allow, deny or tag"""
    of: str = "caller"
    """caller, callee or signer"""
    side: str = ""
    peers: tuple[str, ...] = ()
    kind: str = "subscriber"
    """subscriber or deterministic"""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    profiles: Mapping[str, ProfileSettings]
    codes: Mapping[str, int | str]
    """Reason slug -> the SIP code that answers it; `603+` is 603 with the notice of ATIS-1000099."""
    weights: Mapping[str, int]
    """Reason slug -> the weight of its finding, where it is not the default."""
    velocity: VelocitySettings
    redress: RedressSettings
    checks: Mapping[str, str] = field(default_factory=dict)
    """Check -> off, shadow or enforce, where it is not the default."""
    methods: tuple[str, ...] = ("INVITE",)
    """Methods whose requests are judged outside of a call; INVITE always."""
    refusals: Mapping[str, int | str] = field(default_factory=dict)
    """Class of a finding -> the code that answers it, where the slug has none."""
    network_level: tuple[str, ...] = ()
    """Reason slugs that stop calls to those lines all the same."""
    telemarketing: bool = False
    """Every call of our customers owes the duties of telemarketing."""
    unknown_zone_is_open: bool = True
    learned_days: int = 90
    """How long a number that our own people called may call back; 0: nothing is learned."""
    hook: HookSettings | None = None
    countries: tuple[CountrySettings, ...] = ()
    names: NameSettings | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    """From where on a figure of behaviour is a finding, where it is not the default (`rulebook.Thresholds`)."""
    brands: tuple[str, ...] = ()
    """More names that campaigns borrow, in lower case."""


@dataclass(frozen=True, slots=True)
class ListSettings:
    bundled: bool = True
    campaigns: tuple[Path, ...] = ()
    allow: tuple[Path, ...] = ()
    deny: tuple[Path, ...] = ()
    dno: tuple[Path, ...] = ()
    dnc: tuple[Path, ...] = ()
    messages: tuple[Path, ...] = ()
    """Who may send text messages."""
    rmd: tuple[Path, ...] = ()
    countries: tuple[Path, ...] = ()
    """More rows for the table of countries."""
    hours: tuple[Path, ...] = ()
    """More rows for the table of calling hours."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.campaigns, *self.allow, *self.deny, *self.dno, *self.dnc)
