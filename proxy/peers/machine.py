"""The health of one target: a table, and the counting that makes its events.

It is fed by pings and by calls. Several failures in a row take a target down and several answers bring it back: one
lost datagram moves nobody. What calls tell weighs more than what pings tell: a host that answers OPTIONS and loses
INVITEs is not well, so a ping's answer takes no failed call back. A failure that began before something good was
heard is old news and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# States
UNKNOWN, UP, FAILING, HELD, DOWN, RISING = "unknown", "up", "failing", "held", "down", "rising"
STATES = (UNKNOWN, UP, FAILING, HELD, DOWN, RISING)

# Events
GOOD, GOOD_ENOUGH, BAD, BAD_ENOUGH, HOLD, FREE = "good", "good-enough", "bad", "bad-enough", "hold", "free"
EVENTS = (GOOD, GOOD_ENOUGH, BAD, BAD_ENOUGH, HOLD, FREE)

TABLE: Mapping[tuple[str, str], str] = {
    (UNKNOWN, GOOD):        UP,
    (UNKNOWN, GOOD_ENOUGH): UP,
    (UNKNOWN, BAD):         FAILING,
    (UNKNOWN, BAD_ENOUGH):  DOWN,
    (UNKNOWN, HOLD):        HELD,
    (UP, BAD):              FAILING,
    (UP, BAD_ENOUGH):       DOWN,
    (UP, HOLD):             HELD,
    (FAILING, GOOD):        UP,
    (FAILING, GOOD_ENOUGH): UP,
    (FAILING, BAD_ENOUGH):  DOWN,
    (FAILING, HOLD):        HELD,
    (HELD, BAD_ENOUGH):     DOWN,
    (HELD, FREE):           UNKNOWN,
    (DOWN, GOOD):           RISING,
    (DOWN, GOOD_ENOUGH):    UP,
    (RISING, BAD):          DOWN,
    (RISING, BAD_ENOUGH):   DOWN,
    (RISING, HOLD):         DOWN,
    (RISING, GOOD_ENOUGH):  UP,
}  # fmt: skip
"""(state, event) -> state. A pair that is not here changes nothing, and `IGNORED` names it."""

IGNORED = frozenset(
    {
        (UNKNOWN, FREE), (UP, GOOD), (UP, GOOD_ENOUGH), (UP, FREE), (FAILING, BAD), (FAILING, FREE),
        (HELD, GOOD), (HELD, GOOD_ENOUGH), (HELD, BAD), (HELD, HOLD),  # it asked for rest, and gets it
        (DOWN, BAD), (DOWN, BAD_ENOUGH), (DOWN, HOLD), (DOWN, FREE), (RISING, GOOD), (RISING, FREE),
    }
)  # fmt: skip

USABLE = frozenset((UNKNOWN, UP, FAILING))
"""States in which calls go there first."""

TRANSPORT = "transport"
"""The failure that proves itself: the network refused it. One is enough."""
MAX_HOLD = 300.0
"""Seconds: the longest Retry-After that we believe (RFC 3261 section 21.5.4); a peer may not send us away for a day."""
UNPINGED = 10
"""So many times longer a failed call counts where only calls tell: on a quiet line they are minutes apart."""
MAX_GOOD = 16
"""The most answers in a row that a target which falls again and again must give."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How much it takes. Times in seconds."""

    down_after: int = 3
    """Failures in a row, of pings or of calls."""
    up_after: int = 2
    """Answers in a row that bring it back."""
    forget: float = 30.0
    """A failed call counts so long."""
    flap: float = 60.0
    """Who falls again so soon after a rise needs twice as many answers the next time."""
    rest: float = 10.0
    """Without pings: every so many seconds one call tries a target that is down, and its answer brings it back."""


class Health:
    """One target's machine. Every method takes the time and says whether the state changed."""

    __slots__ = (
        "answered", "bad_calls", "bad_pings", "call_answered", "failed", "good", "needed", "pinged", "rose", "rules",
        "since", "state", "until", "why",
    )  # fmt: skip

    def __init__(self, rules: Rules, now: float, pinged: bool = True) -> None:
        self.rules = rules
        self.pinged = pinged
        """Pings bring it back; without them a call does, one in a rest."""
        self.state = UNKNOWN
        self.since = now
        self.why = ""
        """The last failure: silence, timeout, transport, 503, or the status that a ping got."""
        self.good = self.bad_pings = self.bad_calls = 0
        self.needed = rules.up_after
        self.until = 0.0
        """When HELD ends; without pings and down, when a call may try it."""
        self.answered = self.call_answered = self.failed = self.rose = float("-inf")

    @property
    def usable(self) -> bool:
        """Whether a call should try it before the others that are not."""
        return self.state in USABLE

    def well(self, now: float, call: bool = True) -> bool:
        """It answered: a call (anything but 408 and 503), or a ping."""
        self.answered = now
        self.bad_pings = 0
        if call:
            self.call_answered = now
            self.bad_calls = 0
        elif self.bad_calls and now - self.failed < self.rules.forget and self.state not in (DOWN, RISING):
            return False
        else:
            self.bad_calls = 0
        self.good += 1
        # An answered call that nobody but it could ask for is proof; there may be no second one for a while.
        enough = self.good >= self.needed or (call and not self.pinged)
        return self._feed(GOOD_ENOUGH if enough else GOOD, now)

    def ill(self, why: str, now: float, since: float, call: bool = True) -> bool:
        """It failed, on something that was sent at `since`."""
        if since <= (self.call_answered if call else self.answered):
            return False
        self.good = 0
        self.why = why
        if call:
            if now - self.failed > (self.rules.forget if self.pinged else UNPINGED * self.rules.forget):
                self.bad_calls = 0
            self.failed = now
            self.bad_calls += 1
        else:
            self.bad_pings += 1
        enough = why == TRANSPORT or max(self.bad_calls, self.bad_pings) >= self.rules.down_after
        changed = self._feed(BAD_ENOUGH if enough else BAD, now)
        if changed and self.state == DOWN:
            self.until = now + self.rules.rest
        return changed

    def hold(self, seconds: float, now: float) -> bool:
        """It answered 503 and asked to be left alone for so long (Retry-After)."""
        self.good, self.why = 0, "503"
        if seconds <= 0:
            return self.ill("503", now, now)
        if self.state != HELD:
            self.until = now + min(seconds, MAX_HOLD)
        return self._feed(HOLD, now)

    def adopt(self, state: str, now: float, until: float | None = None) -> bool:
        """Take over what another process has seen: from here on it is counted anew. until: when a rest ends there."""
        if state == self.state or state not in STATES:
            return False
        self.good = self.bad_pings = self.bad_calls = 0
        self._enter(state, now)
        if state in (HELD, DOWN):
            self.until = now + self.rules.rest if until is None else min(until, now + MAX_HOLD)
        return True

    def tick(self, now: float) -> bool:
        """Let a rest end that is over."""
        return now >= self.until and self._feed(FREE, now)

    def wakes(self) -> float | None:
        """When `tick` has something to do."""
        return self.until if self.state == HELD else None

    def trial(self) -> float | None:
        """When a call may try it although it is down; None: that is left to the pings, or it is not down."""
        return self.until if not self.pinged and self.state in (DOWN, RISING) else None

    def tried(self, now: float) -> None:
        """A call tries it now: the others leave it alone for a rest."""
        self.until = now + self.rules.rest

    def _feed(self, event: str, now: float) -> bool:
        after = TABLE.get((self.state, event), self.state)
        if after == self.state:
            return False
        self._enter(after, now)
        return True

    def _enter(self, after: str, now: float) -> None:
        if after == DOWN and self.state != RISING:
            again = now - self.rose < self.rules.flap
            self.needed = min(self.needed * 2, max(MAX_GOOD, self.rules.up_after)) if again else self.rules.up_after
        elif after == UP and self.state == RISING:
            self.rose = now
        self.state, self.since = after, now
