"""What callers did lately: figures per caller, thousand-block and called number, in memory that never grows.

Nothing is judged here: `facts` gives the figures, the checks compare them. Larger groups (trunk, signer, …) are in
`policy.sources`; calls per minute are in `policy.tally`, the ends of the last days in `policy.past`.

**The memory.** Small tuples in two generations: this half-window's, and those of the one before. Who calls again is
taken over into the present generation, so busy callers stay. It looks back over half a window at least and a whole one
at most.

**The bound, and its error.** A generation holds `MOST` keys of a kind. When a flood of random callers fills it, the
generations turn early: the window gets shorter, and nobody is accused of another's calls. Every figure is the truth or
less, except the distinct ones: they are estimated from 61 bits (linear counting), up to 100 within a third in 19 of 20
cases (numbers in a row look up to half more), and never more than there were attempts.

**Several workers.** A caller's attempts, distinct numbers and names, last called number and run are also written to
this worker's slice of handed-in 64-bit cells, and those of the others are added; so are, from the `SHARED_FROM`th call
on, a block's and a called number's attempts and distinct callers: a sum is low by at most `SHARED_FROM - 1` calls of
each other worker. A run goes on where any worker saw the number before. Of two that want the same place the busier one
has it, and the other is counted by each worker alone. One writer a slice, no lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from typing import NamedTuple
from zlib import crc32

from policy.call import Call
from policy.past import NONE, Ends, Past

WINDOW = 3600.0
"""Seconds that are looked back on."""
SHORT = 6.0
"""Seconds: an answered call that ends sooner was hung up on (carriers count short calls from here)."""
MOST = 32_768
"""Keys of one kind in a generation, about 6 MB for callers: 18 new callers a second for half an hour."""
SHARED_FROM = 4
"""Most blocks and called numbers are met less often than this, and cost no look at the other workers."""
RECORD = 5
"""Cells: whose; half-window, run, and how many; bits of numbers; bits of names; the last number."""
CELLS = 16_384 * RECORD
"""Cells of one slice, 640 KiB."""

_BLOCK, _CALLED = 1 << 60, 2 << 60
"""Set a block, and a called number, apart from a caller of the same digits."""
_BITS = 61
_ONE, _MASK = 1 << _BITS, (1 << _BITS) - 1
_SIGN = tuple(1 << bit for bit in range(_BITS))
_ESTIMATE = tuple(round(-_BITS * log(1 - ones / _BITS)) for ones in range(_BITS)) + (300,)


class Seen(NamedTuple):
    """What was seen of one caller, its thousand-block and the number it calls, this call included."""

    attempts: int = 0
    callees: int = 0
    """Distinct numbers that this caller called (an estimate)."""
    run: int = 0
    """Calls in a row, each to the number next to the last one."""
    names: int = 0
    """Distinct display names that this caller showed (an estimate)."""
    ended: int = 0
    """Calls of this caller whose end is known, of the last days, settled or not (`policy.past`)."""
    block: int = 0
    """Calls of the thousand numbers around the caller."""
    block_callers: int = 0
    """Distinct callers among them (an estimate)."""
    crowd: int = 0
    """Distinct callers to the number called (an estimate)."""
    neighbour: bool = False
    """Caller and called number share area and exchange, and are not the same."""
    past: Ends = NONE
    """How its calls of the last days ended (`policy.past`)."""
    block_past: Ends = NONE
    """How those of the thousand numbers around it ended."""


NOTHING = Seen()
_seen = tuple.__new__

Person = tuple[int, int, int, int, int]
"""Attempts, bits of called numbers, bits of names, last called number, run."""
Place = int
"""Bits of callers, and above them the attempts: a call is one addition."""


class Behaviour:
    """Figures per caller, thousand-block and called number."""

    __slots__ = ("_half", "_until", "_people", "_people_before", "_blocks", "_blocks_before", "_called",
                 "_called_before", "_mine", "_others", "_salt", "_places", "_most", "_room", "_mark", "past",
                 "note_end")  # fmt: skip

    def __init__(
        self,
        mine: memoryview | None = None,
        slices: Sequence[memoryview] = (),
        *,
        window: float = WINDOW,
        salt: bytes = b"",
        most: int = MOST,
        past: Past | None = None,
    ) -> None:
        """`mine`: the slice that this worker writes; `slices`: all of them (where `mine` is among them it must be the
        same object). Slices are writable memoryviews of format "Q" and one length, a multiple of `RECORD`; zeros are
        an empty memory. With one worker there need be none. `salt` is a secret that all workers share. `past`: how
        calls ended; None: a memory of its own. Raises ValueError.
        """
        if window <= 0 or most < 1:
            raise ValueError("the window is a positive number of seconds, and somebody must be remembered")
        if mine is not None and any(
            one.format != "Q" or len(one) != len(mine) or len(one) % RECORD or not len(one) for one in (mine, *slices)
        ):
            raise ValueError(f"all slices are 64-bit cells of one length, a multiple of {RECORD}")
        self._half, self._until, self._mark = window / 2, 0.0, 0
        self._most, self._room = most, 0
        self._people: dict[str, Person] = {}
        self._people_before: dict[str, Person] = {}
        self._blocks: dict[str, Place] = {}
        self._blocks_before: dict[str, Place] = {}
        self._called: dict[int, Place] = {}
        self._called_before: dict[int, Place] = {}
        self.past = past if past is not None else Past()
        """How calls of the last days ended."""
        self.note_end = self.past.note  # an end belongs to the days, not to the hour
        self._mine = mine
        self._others = tuple(one for one in slices if one is not mine) if mine is not None else ()
        # Hashed with a secret (hashes of numbers are the same in all processes): nobody can choose a key that takes
        # another's place.
        self._salt = int.from_bytes(blake2b(salt, digest_size=7, person=b"behaviour").digest(), "big")
        self._places = len(mine) // RECORD if mine is not None else 0

    def __len__(self) -> int:
        """Keys that are remembered."""
        held = (self._people, self._people_before, self._blocks, self._blocks_before, self._called)
        return sum(len(one) for one in held) + len(self._called_before)

    def facts(self, call: Call, now: float) -> Seen:
        """Note an attempt and say what is known of its parties. `now`: monotonic seconds. Calls without a caller's
        number are not followed: an anonymous caller is no single person (TRAP-43)."""
        caller, callee = call.caller, call.callee
        if caller is None or len(caller) > 15:
            return NOTHING
        try:
            own = int(caller)
        except ValueError:
            return NOTHING
        self._room -= 1  # a call adds one key of a kind at most
        if self._room < 0 or now >= self._until:
            self._turn(now)
        number = -9
        if callee is not None and len(callee) <= 15:
            try:
                number = int(callee)
            except ValueError:
                pass
        sign = _SIGN[own % _BITS]

        # The caller.
        people = self._people
        one, before = people.get(caller), self._people_before.get(caller)
        attempts = callees = run = 1
        name = call.display_name
        shown = _SIGN[crc32(name.encode("utf-8", "replace")) % _BITS] if name else 0
        bits = _SIGN[number % _BITS] if number >= 0 else 0
        names = 1 if shown else 0
        if one is None and before is None and not self._others:
            people[caller] = (1, bits, shown, number, 1)
        else:
            attempts, called, showed, last, run = one or _after(before)
            attempts += 1
            bits |= called
            shown |= showed
            if number != last:
                run = run + 1 if -2 < number - last < 2 else 1
                if self._others and number >= 0:
                    run = self._run(own, number, run)
            people[caller] = (attempts, bits, shown, number, run)
            if before is not None:
                attempts += before[0]
                bits |= before[1]
                shown |= before[2]
            if self._others:
                attempts, bits, shown = self._together(own, attempts, bits, shown, number, run)
            callees = _ESTIMATE[bits.bit_count()]
            if callees > attempts:
                callees = attempts
            if shown:
                names = _ESTIMATE[shown.bit_count()]

        # The thousand numbers around it, and those who call the same number.
        key = caller[:-3]
        places = self._blocks
        places[key] = place = places.get(key, 0) + _ONE | sign
        if self._others or key in self._blocks_before:
            block, callers = self._all(place, self._blocks_before.get(key), own // 1000 + _BLOCK)
        else:
            block, callers = place >> _BITS, _ESTIMATE[(place & _MASK).bit_count()]
            if callers > block:
                callers = block
        crowd, near = 0, False
        if number >= 0:
            apart = own - number
            near = -10_000 < apart < 10_000 and apart != 0 and own // 10_000 == number // 10_000 and len(caller) == 11
            called_by = self._called
            called_by[number] = place = called_by.get(number, 0) + _ONE | sign
            if self._others or number in self._called_before:
                crowd = self._all(place, self._called_before.get(number), number + _CALLED)[1]
            else:
                crowd = _ESTIMATE[(place & _MASK).bit_count()]
                if crowd > place >> _BITS:
                    crowd = place >> _BITS
        # Nobody has a past whose block has none.
        past = self.past
        if key in past.now or key in past.before or past.others:
            ended, ends, around = past.of(call, caller, key, now)
        else:
            ended, ends, around = 0, NONE, NONE
        # A named tuple makes itself in Python, which would take a tenth of all this.
        return _seen(Seen, (
            attempts, callees, run, names, ended, block, callers, crowd, near, ends, around,
        ))  # fmt: skip

    def _all(self, place: Place, before: Place | None, key: int) -> tuple[int, int]:
        """Calls of (or to) a place, and callers among them, in both generations and of all workers."""
        count, bits = place >> _BITS, place & _MASK
        if before is not None:
            count += before >> _BITS
            bits |= before & _MASK
        if self._others and count >= SHARED_FROM:
            count, bits, _ = self._together(key, count, bits)
        callers = _ESTIMATE[bits.bit_count()]
        return count, callers if callers < count else count

    def _turn(self, now: float) -> None:
        """Let the older generation go, if the half-window is over or memory is full."""
        if now < self._until:
            self._room = self._most - 1 - max(len(self._people), len(self._called))
            if self._room >= 0:
                return
        self._room = self._most - 1
        late = now >= self._until + self._half
        self._people_before = {} if late else self._people
        self._blocks_before = {} if late else self._blocks
        self._called_before = {} if late else self._called
        self._people, self._blocks, self._called = {}, {}, {}
        if now >= self._until:
            half = int(now / self._half)
            self._mark, self._until = half & 0xFFFF, (half + 1) * self._half

    def _together(
        self, key: int, count: int, bits: int, names: int = 0, number: int = 0, run: int = 0
    ) -> tuple[int, int, int]:
        """Show the other workers our figures of a key, and add theirs."""
        mine, mark = self._mine, self._mark
        assert mine is not None
        at = hash((key, self._salt)) % self._places * RECORD
        held, head, ours = mine[at], mine[at + 1], min(count, 0xFFFF)
        # A reader takes what is not older than one half-window; the busier one keeps its place.
        if held == key or head & 0xFFFF <= ours or (mark - (head >> 16)) & 0xFFFF > 1:
            if held != key:
                mine[at] = 0  # nobody reads the figures of one under the name of the other
            mine[at + 1] = min(run, 0xFF) << 32 | mark << 16 | ours
            mine[at + 2] = bits
            mine[at + 3] = names
            mine[at + 4] = number if number > 0 else 0
            mine[at] = key
        for other in self._others:
            if other[at] == key and (mark - ((head := other[at + 1]) >> 16)) & 0xFFFF < 2:
                more, shown = other[at + 2], other[at + 3]
                if other[at] == key:  # else its worker gave the place away meanwhile
                    count += head & 0xFFFF
                    bits |= more
                    names |= shown
        return count, bits & _MASK, names

    def _run(self, caller: int, number: int, run: int) -> int:
        """Our run, or a longer one of another worker's that goes on with this call."""
        at = hash((caller, self._salt)) % self._places * RECORD
        for other in self._others:
            if other[at] == caller and -2 < (apart := number - other[at + 4]) < 2:
                head = other[at + 1]
                if (self._mark - (head >> 16)) & 0xFFFF < 2 and other[at] == caller:
                    run = max(run, (head >> 32) + (apart != 0))
        return run


def _after(before: Person | None) -> Person:
    """An empty record that goes on where the one of the generation before stopped."""
    return (0, 0, 0, before[3], before[4]) if before is not None else (0, 0, 0, -9, 0)
