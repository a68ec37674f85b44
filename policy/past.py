"""How calls of a number, and of the thousand numbers around it, ended over the last days.

Robocallers use a number for some hours or days and call slowly enough that no single hour shows much. Their calls end
otherwise than those of people: nobody answers, or hangs up at once; hardly anybody talks; and some of the numbers that
are called do not exist, because nobody who calls them knows who is there.

Counters in two generations of `WINDOW` / 2 each; a generation holds `MOST` keys, and turns early when it is full. What
a proved caller (A) did stands apart from what others did in its name. Each worker remembers the calls that ended with
it; shares are the same in a fair sample.
"""

from __future__ import annotations

from typing import NamedTuple

from policy.call import Call
from shaken.verdict import Fact

_PASS = Fact.PASS
WINDOW = 4 * 86_400.0
"""Seconds that are looked back on, half of them at least: a traced number is hardly ever used for longer."""
SHORT = 6.0
"""Seconds: an answered call that ends sooner was hung up on."""
TALK = 60.0
"""Seconds of an answered call in which people talked: a recording that is heard to its end is over before."""
SETTLED = 90.0
"""Seconds after the first end of a key before anything is told of it: in a burst the calls that nobody wants are over
first, and those that people listen to are still going on."""
DEAD = frozenset((404, 410, 484, 604))
"""Answers that say: there is no such number."""
MOST = 65_536
"""Keys of a generation, some 12 MB: a day of one finished call a second, all by different callers."""


class Ends(NamedTuple):
    """How the calls of one key ended."""

    ended: int = 0
    unheard: int = 0
    """Not answered, or hung up on within `SHORT` seconds."""
    talked: int = 0
    """Answered for `TALK` seconds or more."""
    dead: int = 0
    """To numbers that nobody has."""
    since: float = 0.0
    """When the first of them ended, monotonic seconds."""

    @property
    def wasted(self) -> float:
        """The share that nobody listened to."""
        return self.unheard / self.ended if self.ended else 0.0

    @property
    def blind(self) -> float:
        """How far it looks as if nobody knew who is called: a dead number adds 1, a talk takes 1 away, a call that was
        heard for a while 1/3; each that was not heard adds 1/15. The sum grows with the calls of a machine, and
        falls with those of anybody else, polls among them: a test of likelihoods, in round figures."""
        ended, unheard, talked, dead, _ = self
        return dead - talked - (ended - unheard - talked) / 3 + (unheard - dead) / 15


NONE = Ends()
_ends = tuple.__new__

Record = tuple[int, int, int, int, float]
"""The figures of `Ends` as a plain tuple: the collector does not follow those, and they are made in half the time."""


PROVED = "A"
"""Stands behind a proved caller: what it did is kept apart from what others did in its name."""


class Past:
    """Ends by caller and by thousand-block."""

    __slots__ = ("_half", "_until", "_most", "now", "before")

    def __init__(self, window: float = WINDOW, most: int = MOST) -> None:
        """Raises ValueError."""
        if window <= 0 or most < 1:
            raise ValueError("the window is a positive number of seconds, and somebody must be remembered")
        self._half, self._until, self._most = window / 2, 0.0, most
        self.now: dict[str, Record] = {}
        """The younger generation, by caller and by thousand-block (the caller without its last three digits). Nobody is
        in one without its thousand-block."""
        self.before: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self.now) + len(self.before)

    def of(self, call: Call, caller: str, block: str, now: float) -> tuple[int, Ends, Ends]:
        """How many calls of the caller of this one have ended, and what is known of them and of those of its
        thousand-block; nothing before that has settled."""
        latest, known, earlier = now - SETTLED, self.now, self.before
        if proved(call):
            caller += PROVED
        ended, ends, around = 0, NONE, NONE
        one, before = known.get(caller), earlier.get(caller)
        if before is not None:
            one = before if one is None else _sum(one, before)
        if one is not None:
            ended = one[0]
            if one[4] <= latest or before is not None:
                ends = _ends(Ends, one)
        one, before = known.get(block), earlier.get(block)
        if before is not None:
            around = _ends(Ends, before if one is None else _sum(one, before))
        elif one is not None and one[4] <= latest:
            around = _ends(Ends, one)
        return ended, ends, around

    def note(self, call: Call, duration: float | None, status: int, now: float) -> None:
        """Note how a call ended. `duration`: seconds since it was answered; None: it was not. `status`: the final code.
        What we refused ourselves is not to be told here: it says nothing about the caller."""
        caller = call.caller
        if caller is None or len(caller) > 15:
            return
        known = self.now
        if now >= self._until or len(known) + 1 >= self._most:
            self._turn(now)
            known = self.now
        unheard = talked = dead = 0
        if duration is None:
            unheard = 1
            if status in DEAD:
                dead = 1
        elif duration >= TALK:
            talked = 1
        elif duration < SHORT and 200 <= status < 300:
            unheard = 1
        block = caller[:-3]
        if (judgement := call.judgement) is not None and judgement.passport is not None and proved(call):
            caller += PROVED
        for key in (caller, block):
            if (one := known.get(key)) is None:
                known[key] = (1, unheard, talked, dead, now)
            else:
                ended, empty, heard, gone, since = one
                known[key] = (ended + 1, empty + unheard, heard + talked, gone + dead, since)

    def _turn(self, now: float) -> None:
        self.before = {} if now >= self._until + self._half and self._until else self.now
        self.now = {}
        if now >= self._until:
            self._until = (int(now / self._half) + 1) * self._half


def _sum(one: Record, before: Record) -> Record:
    """The figures of both generations."""
    return one[0] + before[0], one[1] + before[1], one[2] + before[2], one[3] + before[3], before[4]


def proved(call: Call) -> bool:
    """Has the caller proved that the number is its own?"""
    judgement = call.judgement
    if judgement is None or (token := judgement.passport) is None:
        return False
    return judgement.failure is None and judgement.signature is _PASS and token.attest == "A"
