"""The crowd of `callers` by the real clock: two sockets, one loop, and calls that are signed shortly before they are placed.

Whoever signs ten seconds of calls in one go says nothing meanwhile, and then everything at once: ringwarden lets calls go on
unscreened because they came in a heap, not because it was slow. So each round of the loop signs a handful at most, a
few milliseconds of work. How late the telephones themselves were is told: what they did late was not ringwarden's doing.
"""

from __future__ import annotations

import gc
import select
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType

from benchmarks import cpu, feed
from benchmarks.callers import CARRIER, PBX, Crowd
from benchmarks.counted import bound
from benchmarks.sender import ROOM
from benchmarks.sipp import Address
from benchmarks.stage import Stage

AHEAD = 0.5
"""Seconds before its moment that a call is signed."""
HANDFUL = 12
"""Calls that are signed at one time."""
BATCH = 32
"""Messages that are read of one side before it is somebody else's turn."""
LATE = 0.02
"""Seconds: what is done later than this is counted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A call to place."""

    at: float
    """Seconds from the beginning."""
    fate: str
    """One of `callers.FATES`."""
    rings: float
    talks: float
    pause: float


class Telephones:
    """Both ends of all calls, before one proxy. Use it in a `with` block; nothing happens but in `until`."""

    def __init__(self, stage: Stage, proxy: Address) -> None:
        self._sockets = bound(stage.carrier.host, stage.carrier.port), bound(stage.pbx.host, stage.pbx.port)
        self._to, self._signer = (proxy.host, proxy.port), stage.signer
        self.crowd = Crowd(stage.carrier, stage.pbx, proxy, self._say)
        self._poll = select.epoll()
        self._sides = {one.fileno(): (one, side) for side, one in zip((CARRIER, PBX), self._sockets, strict=True)}
        for file in self._sides:
            self._poll.register(file, select.EPOLLIN)
        self._wishes: Iterator[Wish] = iter(())
        self._next: Wish | None = None
        self._began, self._number = 0.0, 0
        self._waits: dict[int, float] = {}
        self.latest = 0.0
        """Seconds by which something was done too late, at the most."""
        self.late = 0
        """How often it was more than LATE."""
        self.longest = 0.0
        """Seconds of CPU of the longest round of the loop: so long nobody was listened to, on whatever machine."""

    def ask(self, wishes: Iterable[Wish], began: float) -> None:
        """Place these, in the order of their moments, from `began` on (monotonic seconds, AHEAD from now or later)."""
        self._wishes, self._began = iter(wishes), began
        self._next = next(self._wishes, None)

    def until(self, end: float) -> None:
        """Place, answer and hang up until then (monotonic seconds)."""
        crowd, clock, used = self.crowd, time.monotonic, time.thread_time
        began = used()
        while (now := clock()) < end:
            late = now - (crowd.next() or now)
            if late > LATE:
                self.late += 1
                self.latest = max(self.latest, late)
            crowd.due(now)
            signs = self._sign(now)
            wait = min(crowd.next() or end, end, signs) - clock()
            busy = used()
            self.longest, began = max(self.longest, busy - began), busy
            for file, _ in self._poll.poll(max(wait, 0.0)):
                sock, side = self._sides[file]
                with suppress(BlockingIOError):
                    for _ in range(BATCH):
                        crowd.heard(side, sock.recv(ROOM), clock())

    def _sign(self, now: float) -> float:
        """Sign a handful, if it is time; returns when it is time again."""
        if self._next is not None and self._began + self._next.at - AHEAD <= now:
            handful = [self._next, *islice(self._wishes, HANDFUL - 1)]
            calls = feed.signed(len(handful), self._signer, time.time(), first=self._number)
            self._number += len(handful)
            for wish, call in zip(handful, calls, strict=True):
                call = feed.forged(call) if wish.fate == "rejected" else call
                self.crowd.place(call, wish.fate, self._began + wish.at, rings=wish.rings, talks=wish.talks, pause=wish.pause)
            self._next = next(self._wishes, None)
        return self._began + self._next.at - AHEAD if self._next is not None else float("inf")

    def _say(self, side: int, data: bytes) -> None:
        with suppress(OSError):  # it is sent again, as any lost datagram
            self._sockets[side].sendto(data, self._to)

    def watch(self, pid: int) -> None:
        """Note from now on how long these processes could run and their cores serve others."""
        self._waits = cpu.waits(pid)

    def lateness(self, pid: int) -> str:
        """For reading: how late we were, and how long those who are watched did not have their cores."""
        missed = [max(at - self._waits[one], 0.0) for one, at in cpu.waits(pid).items() if one in self._waits]
        return (
            f"the telephones were late {self.late:,} times by more than {LATE * 1000:g} ms, by {self.latest * 1000:,.0f} ms at the most, "
            f"and busy for {self.longest * 1000:,.1f} ms of CPU at one time; "
            f"cores not had, s a process: {', '.join(f'{one:.1f}' for one in missed)}"
        )

    def unscreened(self, journal: Path) -> list[float]:
        """When calls went on unscreened, in seconds from the beginning: as the journal has it, which outlives an upgrade."""
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as link:
            rows = link.execute("SELECT utc FROM calls WHERE action = 'unscreened' ORDER BY utc").fetchall()
        zero = time.time() - (time.monotonic() - self._began)
        return [utc - zero for (utc,) in rows]

    def __enter__(self) -> Telephones:
        # Nothing here makes cycles, and a look through all that many calls hold is a pause that all of them notice.
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.enable()
        self._poll.close()
        for one in self._sockets:
            one.close()


def heaps(moments: Iterable[float], gap: float = 0.25) -> str:
    """Moments for reading: those that are close together as one, with their number."""
    found: list[tuple[float, float, int]] = []
    for at in moments:
        first, last, count = found[-1] if found else (at, float("-inf"), 0)
        if at - last <= gap:
            found[-1] = first, at, count + 1
        else:
            found.append((at, at, 1))
    return ", ".join(f"{count} at {first:.1f} s" for first, _, count in found)
