"""What a check finds, what the findings add up to, and how a refusal reads. Values only; `policy.decide`
makes them.

A verdict explains itself: it carries its findings, and the journal, the metrics, the headers and `explain`
all read this one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from policy.grounds import ground

Action = Literal["allow", "tag", "challenge", "divert", "honeypot", "reject"]
"""From mild to strict. `challenge` and `honeypot` are places kept: nothing chooses them yet."""
STRICTNESS: dict[Action, int] = {"allow": 0, "tag": 1, "challenge": 2, "divert": 3, "honeypot": 4, "reject": 5}
CheckMode = Literal["off", "shadow", "enforce"]
"""Not asked; asked, told and without effect; asked."""
Mode = Literal["observe", "tag", "enforce"]


class Class(Enum):
    """Why a finding is allowed to act, which also says how a call may be refused (FCC 25-15)."""

    DETERMINISTIC = "deterministic"
    """Impossible or do-not-originate: true or false, no estimate. Acts without thresholds."""
    SUBSCRIBER = "subscriber"
    """The wish of the person called. Acts without thresholds."""
    ANALYTICS = "analytics"
    """Campaign, behaviour, reputation: an estimate. Adds up; a refusal must offer redress (603+)."""
    IDENTITY = "identity"
    """What the signature says. Adds up, but never reaches a rejection alone."""
    DUTY = "duty"
    """What the caller owes: do-not-call, consent, hours. Adds up."""
    NOTE = "note"
    """Worth recording; weighs nothing."""


Said = str | tuple[Any, ...]
"""A sentence; or a function and what it puts together, so that a call need not wait for words that are read later, by
the journal or by nobody."""


# Slots, as `policy.call.Call` has: a bad call has nine findings, and each is looked at six times.
@dataclass(slots=True, unsafe_hash=True)
class Finding:
    """One check's view of one call. It stays as it was made: many calls may share one."""

    slug: str
    """Stable, from a closed set (`policy.decide.reason_slugs`): it is a metric label and a key in
    settings."""
    kind: Class
    weight: int
    said: Said
    """What `why` tells."""
    campaign: str = ""
    allows: bool = False
    """The call passes whatever else may be found (allow-list, emergency centre)."""
    ceiling: Action = "reject"
    """The most that this finding may lead to: evidence of less than high confidence tags only."""
    shadow: bool = False
    """Told, and without effect: its check is being rehearsed, or what it rests on is too old."""

    @property
    def why(self) -> str:
        """A sentence for a person. Holds no full phone number that the call does not show anyway."""
        said = self.said
        if isinstance(said, str):
            return said
        text: str = said[0](*said[1:])
        return text

    @property
    def ground(self) -> str:
        """The paragraph, or the house rule, that this stands on."""
        return ground(self.slug)


# A member of an enumeration is looked up slowly.
_ANALYTICS, _IDENTITY, _DUTY, _NOTE = Class.ANALYTICS, Class.IDENTITY, Class.DUTY, Class.NOTE


def analytics(slug: str, weight: int, said: Said, campaign: str = "", ceiling: Action = "reject") -> Finding:
    """A finding of the class analytics."""
    return Finding(slug, _ANALYTICS, weight, said, campaign, False, ceiling)


def identity(slug: str, weight: int, said: Said) -> Finding:
    """A finding of the class identity."""
    return Finding(slug, _IDENTITY, weight, said)


def duty(slug: str, weight: int, said: Said, shadow: bool = False) -> Finding:
    """A finding of the class duty."""
    return Finding(slug, _DUTY, weight, said, "", False, "reject", shadow)


def note(slug: str, said: Said) -> Finding:
    """A finding that weighs nothing."""
    return Finding(slug, _NOTE, 0, said)


MOST = 4096
"""Findings of each class that are kept, half a megabyte."""
kept_analytics = lru_cache(MOST)(analytics)
"""The same for a finding that many calls have with the same words: the one that was made before."""
kept_identity, kept_duty, kept_note = lru_cache(MOST)(identity), lru_cache(MOST)(duty), lru_cache(MOST)(note)


class Verdict(NamedTuple):
    """What is done with a call, what would be done in `enforce`, and why."""

    action: Action = "allow"
    would: Action = "allow"
    """The same before the mode and the percentage of the trunk lowered it."""
    rehearsed: Action = "allow"
    """`would`, if the checks in shadow were enforced."""
    score: int = 0
    findings: tuple[Finding, ...] = ()
    deciding: Finding | None = None
    """The finding that `would` rests on; None where nothing spoke against the call."""
    campaign: str = ""
    mode: Mode = "observe"
    allowed: bool = False
    """On the allow-list, or an emergency centre calling."""
    emergency: bool = False
    id: str = ""
    """What a refusal names and the journal keeps, so that redress staff find the call (STI-124). Empty
    unless `would` is reject."""

    divert_to: str = ""
    """Where a diverted call goes; empty unless `would` is divert."""
    divert_by: Literal["request-uri", "302"] = "request-uri"

    @property
    def reason(self) -> str:
        """The slug of the deciding finding, or `none`."""
        return "none" if self.deciding is None else self.deciding.slug


class Rejection(NamedTuple):
    """The answer to a refused call."""

    status: int
    reason: str
    """The reason phrase of the status line."""
    lines: tuple[bytes, ...] = ()
    """Header lines to add, without CRLF."""


_SOS = Finding("emergency", Class.NOTE, 0, "the Request-URI names an emergency service", allows=True)

EMERGENCY = Verdict(deciding=_SOS, findings=(_SOS,), allowed=True, emergency=True)
"""The verdict of every call that `policy.emergency` recognises, in every mode; no check is asked."""
