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


class Past:
    """Ends by caller and by thousand-block."""

    __slots__ = ("_half", "_until", "_most", "_now", "_before")

    def __init__(self, window: float = WINDOW, most: int = MOST) -> None:
        """Raises ValueError."""
        if window <= 0 or most < 1:
            raise ValueError("the window is a positive number of seconds, and somebody must be remembered")
        self._half, self._until, self._most = window / 2, 0.0, most
        self._now: dict[str, Ends] = {}
        self._before: dict[str, Ends] = {}

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def of(self, key: str, now: float) -> Ends:
        """What is known of a key, as `keys` names it; nothing before that has settled."""
        one, before = self._now.get(key), self._before.get(key)
        if before is None:
            return one if one is not None and one[4] <= now - SETTLED else NONE
        if one is None:
            return before
        return _ends(
            Ends, (one[0] + before[0], one[1] + before[1], one[2] + before[2], one[3] + before[3], before[4])
        )

    def note(self, call: Call, duration: float | None, status: int, now: float) -> None:
        """Note the end of a call; arguments as in `policy.behaviour`."""
        caller = call.caller
        if caller is None or len(caller) > 15:
            return
        if now >= self._until or len(self._now) + 1 >= self._most:
            self._turn(now)
        if duration is None:
            unheard, talked, dead = 1, 0, 1 if status in DEAD else 0
        else:
            unheard = 1 if duration < SHORT and 200 <= status < 300 else 0
            talked, dead = 1 if duration >= TALK else 0, 0
        known = self._now
        # A named tuple makes itself in Python, and unpacking one takes longer.
        for key in keys(call, caller):
            one = known.get(key)
            if one is None:
                known[key] = _ends(Ends, (1, unheard, talked, dead, now))
            else:
                known[key] = _ends(Ends, (one[0] + 1, one[1] + unheard, one[2] + talked, one[3] + dead, one[4]))

    def _turn(self, now: float) -> None:
        self._before = {} if now >= self._until + self._half and self._until else self._now
        self._now = {}
        if now >= self._until:
            self._until = (int(now / self._half) + 1) * self._half


def keys(call: Call, caller: str) -> tuple[str, str]:
    """The caller, with a mark where it is proved, and its thousand-block."""
    judgement = call.judgement
    if judgement is not None and judgement.failure is None and judgement.signature is _PASS:
        token = judgement.passport
        if token is not None and token.attest == "A":
            return caller + "A", caller[:-3]
    return caller, caller[:-3]
