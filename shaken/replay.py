"""The same token on two calls: somebody copied a signature while it was fresh (RFC 8225 section 10.1).

A fixed table over 64-bit cells that are handed in (an array, or memory shared by workers: each writes its own slice and
reads all of them, so there is no lock). Time is handed in, nothing is swept, and nothing grows: in a full bucket the
oldest token is forgotten, so a flood costs memory of replays, never memory.

**Who is not accused.** A retransmission, the branches of a fork and a call that passes twice carry one Call-ID. A
caller's network that tries again after an answer of ours that let it starts a new one: `forget` what failed. Two
calls between the same two numbers, signed in one second by a deterministic signer, are one token: rare, and the
reason why this is a finding and no verdict.

**The cells.** A token takes two: 64 bits of r, then a hash of the Call-ID above the second in which it came. s is
left out: with n - s in its place the same signature holds again, and would be another.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from zlib import crc32

WAYS = 4
"""Tokens of one bucket."""
BUCKETS = 16_384
"""65,536 tokens: at 500 verified calls a second those of the last two minutes. 1 MiB a worker."""
CELLS = BUCKETS * WAYS * 2
"""Cells of one slice; a slice is `CELLS * 8` bytes, cast to "Q"."""
WINDOW = 125.0
"""Seconds: a token that is signed a minute ahead of our clock stays fresh for two."""

_SECOND = (1 << 32) - 1
_FIELDS = Struct("<QI").unpack_from


class Replays:
    """Which tokens were seen lately, and on which call."""

    __slots__ = ("_mine", "_slices", "_window", "_mask", "_salt")

    def __init__(
        self, mine: memoryview, slices: Sequence[memoryview] = (), *, window: float = WINDOW, salt: bytes = b""
    ) -> None:
        """`mine`: the slice that this worker writes; `slices`: all of them, or none where there is but one worker.
        Writable memoryviews of format "Q" and one length, a power of two times `2 * WAYS`; zeros are an empty table.
        `salt`: shared by all workers. Raises ValueError.
        """
        buckets = len(mine) // (2 * WAYS)
        if buckets < 1 or buckets & (buckets - 1) or buckets * 2 * WAYS != len(mine):
            raise ValueError("a slice has a power of two buckets")
        if any(cells.format != "Q" or len(cells) != len(mine) for cells in (mine, *slices)):
            raise ValueError("all slices are 64-bit cells of one length")
        self._mine = mine
        self._slices = tuple(slices) or (mine,)
        self._window, self._mask = window, buckets - 1
        self._salt = crc32(salt)

    def seen(self, signature: bytes, call_id: bytes, now: float) -> bool:
        """Note a proved token, and say whether another call had it within the window.

        signature: r and s, 64 octets. now: monotonic seconds, of one clock for all workers.
        """
        key, place, call = self._where(signature, call_id)
        second, other, known, past = int(now) & _SECOND, False, False, place + 2 * WAYS
        for cells in self._slices:
            bucket = cells[place:past].tolist()
            if key not in bucket:
                continue  # nearly always
            for name, what in zip(bucket[::2], bucket[1::2], strict=True):
                if name == key and what and (second - what) & _SECOND <= self._window:
                    if what >> 32 == call:
                        known = True
                    else:
                        other = True
        if not known:
            self._write(key, place, call << 32 | second, second)
        return other

    def forget(self, signature: bytes, call_id: bytes) -> None:
        """This call failed in a way that lets the caller's network try again with the same token."""
        key, place, call = self._where(signature, call_id)
        mine = self._mine
        for at in range(place, place + 2 * WAYS, 2):
            if mine[at] == key and mine[at + 1] >> 32 == call:
                mine[at + 1] = 0

    def _where(self, signature: bytes, call_id: bytes) -> tuple[int, int, int]:
        """The key of a token, the first cell of its bucket, and 32 bits of its call, never all zero."""
        key, place = _FIELDS(signature)
        return key or 1, (place & self._mask) * 2 * WAYS, crc32(call_id, self._salt) | 1

    def _write(self, key: int, place: int, what: int, second: int) -> None:
        """Into an empty place of the bucket, else that of the oldest. What a reader finds half written is empty."""
        mine = self._mine
        held = mine[place + 1 : place + 2 * WAYS : 2].tolist()
        if 0 in held:
            way = held.index(0)
        else:
            ages = [(second - one) & _SECOND for one in held]
            way = ages.index(max(ages))
        at = place + 2 * way
        mine[at + 1] = 0
        mine[at] = key
        mine[at + 1] = what
