"""The answering end: one loop that rings, answers, and says 200 to whatever else is asked.

A call whose Call-ID ends with `@ring` rings and is never answered. What was answered is said again until its ACK
comes (RFC 3261 13.3.1.4).
"""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from proxy.lab.load import words
from proxy.lab.load.plan import Answered
from proxy.lab.load.wires import Wire, wait

T1, T2, LIFE = 0.5, 4.0, 32.0
LOOK = 0.5
"""Seconds between two looks whether something is asked of us."""


class Leg:
    """One call that came."""

    __slots__ = ("acked", "answered", "began", "data", "ended", "reply", "who")

    def __init__(self, data: bytes, reply: bytes, answered: bytes, who: Any) -> None:
        self.data, self.reply, self.answered, self.who = data, reply, answered, who
        self.acked = self.ended = False
        self.began = 0.0


class Callee:
    """One process's calls. `run` answers them."""

    def __init__(self, wires: list[Wire], script: words.Callee, rings: float = 0.0, nap: float = 0.0) -> None:
        """rings: seconds between 180 and 200; nap: see `Plan.nap`."""
        self._wires, self._script, self._rings, self._nap = wires, script, rings, nap
        self._legs: dict[bytes, Leg] = {}
        self._ringing: deque[tuple[float, bytes, Leg]] = deque()
        self._first: deque[tuple[float, bytes, Leg]] = deque()
        self._later: list[tuple[float, int, bytes, Leg, float]] = []
        self._tag, self._count = os.urandom(3).hex().encode(), 0
        self.seen = Answered()

    def run(self, told: Callable[[], bool], asked: Any = None) -> None:
        """Answer until `told` says that it is enough. asked: a file that is ready when `told` has news."""
        clock, nap, wires = time.monotonic, self._nap, self._wires
        while True:
            files = [file for wire in wires for file in wire.files]
            now = clock()
            soonest = self._timers(now)
            ready = wait([*files, asked] if asked is not None else files, min(soonest - now, LOOK))
            # Only asked when there is something to hear, or nothing else to do: asking is dear.
            if (asked is None or asked in ready or not ready) and told():
                return
            if nap and ready:
                time.sleep(nap)
            for wire in wires:
                messages = wire.receive()
                if messages:
                    now = clock()
                    for data, who, _ in messages:
                        self._hear(wire, data, who, now)

    def _hear(self, wire: Wire, data: bytes, who: Any, now: float) -> None:
        kind = data[:4]
        if kind == b"INVI":
            self._invited(wire, data, who, now)
        elif kind == b"ACK ":
            key = words.call_id(data)
            leg = self._legs.get(key)
            if leg is None:
                self.seen.nobody += 1
            elif not leg.acked:
                leg.acked = True
                leg.answered = leg.data = b""
                self.seen.acked += 1
                if leg.ended:
                    del self._legs[key]
        elif kind == b"BYE ":
            wire.send(self._script.well(data), who)
            key = words.call_id(data)
            leg = self._legs.get(key)
            if leg is None or leg.ended:
                self.seen.nobody += 1
            else:
                self.seen.ended += 1
                leg.ended = True
                # It may have overtaken its ACK, through another worker.
                if leg.acked:
                    del self._legs[key]
        elif kind == b"CANC":
            wire.send(self._script.well(data), who)
            leg = self._legs.pop(words.call_id(data), None)
            if leg is not None and leg.data:
                wire.send(self._script.ended(leg.data, self._tag), who)
        elif data[:1].isalpha() and kind != b"SIP/":
            wire.send(self._script.well(data), who)

    def _invited(self, wire: Wire, data: bytes, who: Any, now: float) -> None:
        key = words.call_id(data)
        leg = self._legs.get(key)
        if leg is not None:
            self.seen.twice += 1
            wire.send(leg.reply, who)
            return
        self.seen.calls += 1
        self._count += 1
        ringing, answered = self._script.pick_up(data, b"%s%x" % (self._tag, self._count))
        leg = self._legs[key] = Leg(b"", ringing, answered, (wire, who))
        wire.send(ringing, who)
        if key.endswith(b"@ring"):
            leg.answered = b""
        elif self._rings:
            leg.data = data
            self._ringing.append((now + self._rings, key, leg))
        else:
            self._answer(key, leg, now)

    def _answer(self, key: bytes, leg: Leg, now: float) -> None:
        leg.reply, leg.began = leg.answered, now
        wire, who = leg.who
        wire.send(leg.reply, who)
        self._first.append((now + T1, key, leg))

    def _timers(self, now: float) -> float:
        ringing, first, later = self._ringing, self._first, self._later
        while ringing and ringing[0][0] <= now:
            _, key, leg = ringing.popleft()
            if self._legs.get(key) is leg:
                self._answer(key, leg, now)
        while first and first[0][0] <= now:
            _, key, leg = first.popleft()
            if not leg.acked and not leg.ended and self._legs.get(key) is leg:
                self._again(key, leg, T1, now)
        while later and later[0][0] <= now:
            _, _, key, leg, pause = heapq.heappop(later)
            if not leg.acked and not leg.ended and self._legs.get(key) is leg:
                self._again(key, leg, pause, now)
        soonest = now + LOOK
        if ringing:
            soonest = min(soonest, ringing[0][0])
        if first:
            soonest = min(soonest, first[0][0])
        return min(soonest, later[0][0]) if later else soonest

    def _again(self, key: bytes, leg: Leg, pause: float, now: float) -> None:
        if now - leg.began > LIFE:
            del self._legs[key]
            return
        wire, who = leg.who
        self.seen.again += 1
        wire.send(leg.reply, who)
        pause = min(pause * 2, T2)
        heapq.heappush(self._later, (now + pause, self._count + self.seen.again, key, leg, pause))


def main(wires: list[Wire], script: words.Callee, rings: float, nap: float, line: Any) -> None:
    """The process: `count` asks what was seen so far, `stop` ends it."""
    callee = Callee(wires, script, rings, nap)
    used = time.process_time()

    def told() -> bool:
        while line.poll():
            try:
                word = line.recv()
            except EOFError:
                return True  # whoever started us is gone
            callee.seen.cpu = time.process_time() - used
            line.send(callee.seen)
            if word == "stop":
                return True
        return False

    line.send("ready")
    callee.run(told, line)
