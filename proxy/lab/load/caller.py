"""The calling end: one loop over one wire that starts calls on a schedule and carries each to its end.

The timers of RFC 3261 17.1 (A, B, E, F) are one queue for the first half second, in which nearly every request is
answered, and a heap for the few that are not.
"""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from proxy.lab.load import words
from proxy.lab.load.plan import Plan, Seen
from proxy.lab.load.supply import Supply
from proxy.lab.load.wires import Streams, Wire, wait
from proxy.workers.steering import DIGITS

T1, T2 = 0.5, 4.0
BURST = 8
"""Calls started before what has come is looked at, when the schedule is behind."""
LOOK = 0.25
"""Seconds between two looks whether the run is to end."""
CALLING, TALKING, ENDING, OVER = range(4)


class Leg:
    """One call."""

    __slots__ = ("ack", "began", "bye", "call", "call_id", "heard", "invite", "mark", "phase", "rang", "sent", "who")

    def __init__(self, call: Any, mark: bytes, call_id: bytes, invite: bytes, who: Any, now: float) -> None:
        self.call, self.mark, self.call_id, self.invite, self.who = call, mark, call_id, invite, who
        self.sent = self.began = now
        self.phase = CALLING
        self.heard = self.rang = False
        self.ack = self.bye = b""


class Caller:
    """One process's calls. `run` places them."""

    def __init__(self, plan: Plan, number: int, wire: Wire, script: words.Caller, supply: Supply) -> None:
        self._plan, self._wire, self._script, self._supply = plan, wire, script, supply
        self._stem = b"%s%s" % (DIGITS[number].encode(), os.urandom(3).hex().encode())
        self._end = b"@" + (plan.hold.encode() or b"lab")
        self._legs: dict[bytes, Leg] = {}
        self._first: deque[tuple[float, Leg, int]] = deque()
        self._later: list[tuple[float, int, Leg, int, float]] = []
        self._talks: deque[tuple[float, Leg]] = deque()
        self._to = (plan.target.host, plan.target.port)
        self._share = len(range(number, plan.calls, plan.callers))
        self._number = number
        self._tie = 0
        self.seen = Seen()
        self._open = 0

    def run(self, began: float, told: Callable[[], bool] = lambda: False) -> Seen:
        """Start at this moment (monotonic seconds); ends with the last call, or when `told` says so. What is held
        stays until then.
        """
        plan, wire, seen, supply = self._plan, self._wire, self.seen, self._supply
        clock, receive, hear = time.monotonic, wire.receive, self._hear
        limit = plan.limit and max(plan.limit // plan.callers, 1)
        step = plan.callers / plan.rate
        due = began + self._number / plan.rate
        placed, share, looked, ends, nap = 0, self._share, began, False, plan.nap
        while clock() < began - 0.001:
            wait(wire.files, began - clock() - 0.001)
            receive()
        used = time.process_time()
        seen.began = clock()
        while True:
            now, burst = clock(), 0
            while due <= now and placed < share and burst < BURST and (not limit or self._open < limit):
                if not self._place(placed, due, now):
                    break
                placed, burst = placed + 1, burst + 1
                # A closed loop does not make up for what it could not start.
                due = max(due + step, now - 0.01) if limit else due + step
                now = clock()
            soonest = self._timers(now)
            if now - looked > LOOK:
                looked = now
                if (ends := told()) or (plan.hold and not self._open and placed == share):
                    seen.held = len(self._legs)
            if ends or (placed == share and not self._legs):
                break
            free = placed < share and (not limit or self._open < limit)
            until = min(soonest, due if free else soonest, looked + LOOK)
            inlet = supply.inlet
            ready = wait(wire.files if inlet is None else (*wire.files, inlet), until - now)
            if not ready:
                continue
            if inlet is not None and inlet in ready:
                supply.more()
            if nap:
                # What is on its way comes with it, and is handled at one wake-up.
                time.sleep(min(nap, max(until - clock(), 0.0)))
            came = receive()
            now = clock()
            for data, who, when in came:
                hear(data, who, when or now, now)
        seen.ended = clock()
        seen.cpu = time.process_time() - used
        seen.placed = placed
        return seen

    def _place(self, index: int, due: float, now: float) -> bool:
        call = self._supply.take()
        if call is None:
            return False  # late: the schedule says so
        mark = b"%s%x" % (self._stem, index)
        call_id = mark + self._end
        invite = self._script.invite(mark, call_id, call.caller, call.callee, call.identity)
        wire = self._wire
        who = self._to if not isinstance(wire, Streams) else wire.connections[index % len(wire.connections)]
        leg = self._legs[call_id] = Leg(call, mark, call_id, invite, who, now)
        wire.send(invite, who)
        self._open += 1
        self._first.append((now + T1, leg, CALLING))
        if not self._plan.limit:
            self.seen.late.add(now - due)
        return True

    # What is heard

    def _hear(self, data: bytes, who: Any, when: float, now: float) -> None:
        if data[:8] != b"SIP/2.0 ":
            self._asked(data, who)
            return
        leg = self._legs.get(words.call_id(data))
        if leg is None:
            self.seen.nobody += 1
            return
        status = int(data[8:11])
        if words.is_bye(data):
            if leg.phase == ENDING and status >= 200:
                self._over(leg, "" if status == 200 else f"BYE {status}")
            return
        if leg.phase == CALLING:
            self._progress(leg, data, status, when, now)
        elif 200 <= status < 300:
            self._wire.send(leg.ack, leg.who)  # our ACK was lost, or is still on its way
            self.seen.nobody += 1

    def _progress(self, leg: Leg, data: bytes, status: int, when: float, now: float) -> None:
        leg.heard = True
        if status > 100 and not leg.rang:
            leg.rang = True
            self.seen.ringing.add(when - leg.sent)
            if self._plan.hold == "ring" and status < 200:
                leg.phase = TALKING
                self._open -= 1
                leg.invite = b""
        if status < 200:
            return
        self.seen.answered.add(when - leg.sent)
        script, wire = self._script, self._wire
        if status >= 300:
            wire.send(script.refused(leg.mark, leg.call_id, leg.call.caller, leg.call.callee, data), leg.who)
            self._over(leg, "" if status == self._plan.expect else str(status))
            return
        leg.ack, leg.bye, target = script.dialog(leg.mark, leg.call_id, leg.call.caller, data)
        if target is not None and not isinstance(wire, Streams):
            leg.who = target
        wire.send(leg.ack, leg.who)
        leg.invite = b""
        if self._plan.hold == "talk":
            leg.phase = TALKING
            self._open -= 1
        elif self._plan.talk:
            leg.phase = TALKING
            self._talks.append((now + self._plan.talk, leg))
        else:
            self._end_call(leg, now)

    def _end_call(self, leg: Leg, now: float) -> None:
        leg.phase, leg.began, leg.heard = ENDING, now, False
        self._wire.send(leg.bye, leg.who)
        self._first.append((now + T1, leg, ENDING))

    def _over(self, leg: Leg, fault: str) -> None:
        leg.phase = OVER
        self._open -= 1
        del self._legs[leg.call_id]
        if fault or (self._plan.expect != 200 and leg.bye):
            self.seen.failed[fault or "200"] += 1
        else:
            self.seen.completed += 1

    def _asked(self, data: bytes, who: Any) -> None:
        """A request to us: a ping, or the end of a call from the other side. All are well."""
        if not data.startswith(b"ACK ") and data[:1].isalpha():
            self._wire.send(b"SIP/2.0 200 OK" + words.echo(data, b"lab") + b"\r\nContent-Length: 0\r\n\r\n", who)

    # Time

    def _timers(self, now: float) -> float:
        """Do what is due; returns when the next is."""
        first, later, talks = self._first, self._later, self._talks
        while first and first[0][0] <= now:
            _, leg, phase = first.popleft()
            if leg.phase == phase:
                self._again(leg, phase, T1, now)
        while later and later[0][0] <= now:
            _, _, leg, phase, pause = heapq.heappop(later)
            if leg.phase == phase:
                self._again(leg, phase, pause, now)
        while talks and talks[0][0] <= now:
            self._end_call(talks.popleft()[1], now)
        soonest = first[0][0] if first else now + 1.0
        if later and later[0][0] < soonest:
            soonest = later[0][0]
        return min(soonest, talks[0][0]) if talks else soonest

    def _again(self, leg: Leg, phase: int, pause: float, now: float) -> None:
        left = leg.began + self._plan.patience - now
        if left <= 0:
            self._over(leg, "silence" if phase == CALLING else "BYE silence")
            return
        # An INVITE that was heard of is not sent again; over a stream nothing is.
        if not (phase == CALLING and leg.heard) and not isinstance(self._wire, Streams):
            self.seen.again += 1
            self._wire.send(leg.invite if phase == CALLING else leg.bye, leg.who)
        pause = pause * 2 if phase == CALLING else min(pause * 2, T2)
        self._tie += 1
        heapq.heappush(self._later, (now + min(pause, left), self._tie, leg, phase, pause))


def main(plan: Plan, number: int, wire: Wire, script: words.Caller, inlet: Connection | None, line: Connection) -> None:
    """The process: says when it has enough to begin, is told the moment, says what it saw."""
    supply = Supply(plan, number, inlet)
    supply.fill()
    line.send("ready")
    began = line.recv()
    line.send(Caller(plan, number, wire, script, supply).run(began, line.poll))
