"""How calls of a number, and of the thousand numbers around it, ended over the last days.

Robocallers use a number for some hours or days and call slowly enough that no single hour shows much. Their calls end
otherwise than those of people: nobody answers, or hangs up at once; hardly anybody talks; and some of the numbers that
are called do not exist, because nobody who calls them knows who is there.

Counters in two generations of `WINDOW` / 2 each; a generation holds `MOST` keys, and turns early when it is full. What
a proved caller (A) did stands apart from what others did in its name.

**Several workers.** Each remembers the calls that ended with it, writes the figures of a key to its own slice of
handed-in 64-bit cells, and adds those of the others when it is asked. A key stands there in full, so nobody is taken
for another. Of two that want the same place the one with more ends has it, and a sum is low by the other's; also by one
end of each worker, or three where there are many. One writer a slice, no lock. Generations go by the time of day, so
that all have the same ones and `rows` count on after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
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
PLACES = 65_536
"""Of a slice, for keys of both generations; a power of two."""
CELLS = 4 * PLACES
"""Cells of one slice, 2 MiB: key and generation; four figures of 16 bits of it and of the one before; since when."""

OFTEN = 16
"""From then on only every fourth end of a key is shown to the other workers; the first one is shown with the second."""
_MARK, _CAP = (1 << 9) - 1, 0xFFFF


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


Row = tuple[str, int, int, int, int, int, float]
"""Of a key, as it is kept over a restart: its name, its generation, the four figures, and since when, Unix seconds."""


PROVED = "A"
"""Stands behind a proved caller: what it did is kept apart from what others did in its name."""


class Past:
    """Ends by caller and by thousand-block."""

    __slots__ = ("_half", "_until", "_most", "_ahead", "_mark", "_mine", "_salt", "others", "now", "before")

    def __init__(
        self,
        mine: memoryview | None = None,
        slices: Sequence[memoryview] = (),
        *,
        window: float = WINDOW,
        most: int = MOST,
        salt: bytes = b"",
        ahead: float = 0.0,
    ) -> None:
        """`mine`: the slice that this worker writes; `slices`: all of them (where `mine` is among them it must be the
        same object), of format "Q" and `CELLS` long; zeros are an empty memory. With one worker there need be none.
        `salt` is a secret that all workers share. `ahead`: Unix
        seconds less monotonic ones. Raises ValueError.
        """
        if window <= 0 or most < 1:
            raise ValueError("the window is a positive number of seconds, and somebody must be remembered")
        if mine is not None and any(one.format != "Q" or len(one) != CELLS for one in (mine, *slices)):
            raise ValueError(f"all slices are {CELLS} 64-bit cells")
        self._half, self._until, self._most, self._ahead, self._mark = window / 2, 0.0, most, ahead, 0
        self.now: dict[str, Record] = {}
        """The younger generation, by caller and by thousand-block (the caller without its last three digits). Nobody is
        in one without its thousand-block."""
        self.before: dict[str, Record] = {}
        self._mine = mine
        self.others = tuple(one for one in slices if one is not mine) if mine is not None else ()
        """The slices of the other workers."""
        # Hashed with a secret (hashes of numbers are the same in all processes): nobody can choose a key that takes
        # another's place.
        self._salt = int.from_bytes(blake2b(salt, digest_size=7, person=b"past").digest(), "big")

    def __len__(self) -> int:
        return len(self.now) + len(self.before)

    def of(self, call: Call, caller: str, block: str, now: float) -> tuple[int, Ends, Ends]:
        """How many calls of the caller of this one have ended, and what is known of them and of those of its
        thousand-block; nothing before that has settled."""
        if self.others:
            return self._of_all(call, caller, block, now)
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

    def _of_all(self, call: Call, caller: str, block: str, now: float) -> tuple[int, Ends, Ends]:
        """The same with what the other workers know."""
        if now >= self._until:
            self._turn(now)
        try:
            own = int(caller)
        except ValueError:
            return 0, NONE, NONE
        size = len(caller) << 1
        around = self._all(block, own // 1000 << 5 | size - 6)
        if around is None:
            return 0, NONE, NONE  # nobody has a past whose block has none
        latest = now - SETTLED
        if proved(call):
            one = self._all(caller + PROVED, own << 5 | size | 1)
        else:
            one = self._all(caller, own << 5 | size)
        if one is None:
            return 0, NONE, _ends(Ends, around) if around[4] <= latest else NONE
        return (
            one[0],
            _ends(Ends, one) if one[4] <= latest else NONE,
            _ends(Ends, around) if around[4] <= latest else NONE,
        )

    def _all(self, key: str, code: int) -> Record | None:
        """What all workers know of a key, in both generations."""
        one, before = self.now.get(key), self.before.get(key) if self.before else None
        if before is not None:
            one = before if one is None else _sum(one, before)
        at = (hash((code, self._salt)) & PLACES - 1) << 2
        for other in self.others:
            head = other[at]
            if head >> 9 == code and (passed := (self._mark - head) & _MARK) < 2:
                found = _read(other, at, passed)
                if other[at] != head:
                    continue  # its worker gave the place away meanwhile
                for ended, unheard, talked, dead, since in found:
                    if ended:
                        more = (ended, unheard, talked, dead, since - self._ahead)
                        one = more if one is None else _sum(one, more)
        return one

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
                ended = 0
            else:
                ended, empty, heard, gone, since = one
                known[key] = (ended + 1, empty + unheard, heard + talked, gone + dead, since)
            if self._mine is not None and (0 < ended < OFTEN or not ended & 3 and (ended or key in self.before)):
                self._show(key)

    def rows(self) -> Iterator[Row]:
        """Everything that is remembered. Another thread may ask: what comes meanwhile may be missing."""
        for mark, generation in ((self._mark, self.now.copy()), (self._mark - 1, self.before.copy())):
            for key, (ended, unheard, talked, dead, since) in generation.items():
                yield key, mark, ended, unheard, talked, dead, since + self._ahead

    def restore(self, rows: Iterable[Row], now: float) -> None:
        """Take up what was remembered before a restart; what is too old by now is not."""
        if now >= self._until:
            self._turn(now)
        for key, mark, *figures, since in rows:
            generation = {self._mark: self.now, self._mark - 1: self.before}.get(mark)
            if generation is None or min(figures) < 0 or (len(generation) >= self._most and key not in generation):
                continue
            ended, unheard, talked, dead = figures
            more = (ended, unheard, talked, dead, min(since - self._ahead, now))
            generation[key] = more if (one := generation.get(key)) is None else _sum(more, one)
        if self._mine is not None:
            for key in {*self.now, *self.before}:
                self._show(key)

    def left(self, now: float) -> list[Row]:
        """What a worker of our number, which is gone, left in our slice: for `restore`."""
        found: list[Row] = []
        if now >= self._until:
            self._turn(now)
        if (mine := self._mine) is not None:
            for at in range(0, CELLS, 4):
                if (head := mine[at]) and (passed := (self._mark - head) & _MARK) < 2:
                    code = head >> 9
                    key = f"{code >> 5:0{code >> 1 & 15}}" + (PROVED if code & 1 else "")
                    found += [
                        (key, self._mark - passed - back, *one)
                        for back, one in enumerate(_read(mine, at, 0)) if one[0] and passed + back < 2
                    ]  # fmt: skip
        return found

    def _show(self, key: str) -> None:
        """Write the figures of a key where the other workers read them."""
        mine, mark = self._mine, key[-1:] == PROVED
        digits = key[:-1] if mark else key
        if mine is None or not digits.isdecimal() or len(digits) > 15:
            return
        code = int(digits) << 5 | len(digits) << 1 | mark
        one, before = self.now.get(key), self.before.get(key) if self.before else None
        ended = (one[0] if one is not None else 0) + (before[0] if before is not None else 0)
        at, head = (hash((code, self._salt)) & PLACES - 1) << 2, code << 9 | self._mark & _MARK
        held = mine[at]
        if held >> 9 != code:
            if held and (self._mark - held) & _MARK < 2 and (mine[at + 1] & _CAP) + (mine[at + 2] & _CAP) > ended:
                return
            mine[at] = 0  # nobody reads the figures of one under the name of the other
        packed = since = 0
        if one is not None:
            packed, since = _packed(one), int(one[4] + self._ahead) << 32
        mine[at + 1] = packed
        packed = 0
        if before is not None:
            packed, since = _packed(before), since | int(before[4] + self._ahead)
        mine[at + 2] = packed
        mine[at + 3] = since
        mine[at] = head

    def _turn(self, now: float) -> None:
        self.before = {} if now >= self._until + self._half and self._until else self.now
        self.now = {}
        if now >= self._until:
            self._mark = int((now + self._ahead) / self._half)
            self._until = (self._mark + 1) * self._half - self._ahead

def _sum(one: Record, before: Record) -> Record:
    """The figures of both."""
    since = one[4] if one[4] < before[4] else before[4]
    return one[0] + before[0], one[1] + before[1], one[2] + before[2], one[3] + before[3], since


def _packed(one: Record) -> int:
    ended, unheard, talked, dead, _ = one
    while ended > _CAP:  # shares are what counts
        ended, unheard, talked, dead = ended >> 1, unheard >> 1, talked >> 1, dead >> 1
    return ended | unheard << 16 | talked << 32 | dead << 48


def _read(cells: memoryview, at: int, passed: int) -> tuple[Record, ...]:
    """The figures that stand at a place, of those of its two generations that still count; since: Unix seconds."""
    now, since = cells[at + 1], cells[at + 3]
    found = (now & _CAP, now >> 16 & _CAP, now >> 32 & _CAP, now >> 48, float(since >> 32))
    if passed:
        return (found,)
    before = cells[at + 2]
    return found, (before & _CAP, before >> 16 & _CAP, before >> 32 & _CAP, before >> 48, float(since & 0xFFFFFFFF))


def proved(call: Call) -> bool:
    """Has the caller proved that the number is its own?"""
    judgement = call.judgement
    if judgement is None or (token := judgement.passport) is None:
        return False
    return judgement.failure is None and judgement.signature is _PASS and token.attest == "A"
