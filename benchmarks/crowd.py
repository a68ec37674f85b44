"""Many callers in one process, who do what RFC 3261 has a caller do: send an INVITE again until somebody answers, ACK what
ends a call, hang up. Either so many calls a second, whoever answers (a flood), or so many open at one time (what is
carried).

It is run as a program of its own, on cores of its own (`python -m benchmarks.crowd`), and writes one JSON line a second:
what was begun, what ended well, what was refused, what was sent again. Signed calls come from a feed, which a flood goes
round in.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.feed import Call
from benchmarks.sender import invite, value, values
from benchmarks.sipp import BUFFER, Address

T1 = 0.5
"""Seconds to the first repetition; each further one comes after twice the time (RFC 3261 section 17.1.1.2)."""
REPEATS = 6
"""After so many an INVITE is given up (64*T1)."""
T2 = 4.0
"""Seconds between two BYEs at most."""
BATCH = 64
"""Messages read before the next call is due again."""
ROOM = 65_535

_OURS = re.compile(rb";branch=z9hG4bK-([0-9]+)([iab])").search


@dataclass(slots=True)
class Second:
    """What happened in one second."""

    at: float = 0.0
    """Unix seconds."""
    begun: int = 0
    well: int = 0
    """Calls that were answered, and whose BYE was."""
    refused: int = 0
    """Calls that got a 503."""
    failed: int = 0
    """Calls that got another refusal, or nothing for 32 s."""
    again: int = 0
    """Messages sent again."""


@dataclass(slots=True)
class _Leg:
    number: int
    invite: bytes
    stage: str = "calling"
    """calling, heard (a 1xx), leaving (its BYE is out), over"""
    bye: bytes = b""
    ack: bytes = b""
    tries: int = 0


class Crowd:
    """The calls of one socket."""

    def __init__(self, me: Address, proxy: Address, calls: Sequence[Call]) -> None:
        self._me, self._proxy, self._calls = me, proxy, calls
        self._to = (proxy.host, proxy.port)
        self._legs: dict[int, _Leg] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.setblocking(False)
        self._socket.bind((me.host, me.port))
        self._poll = select.epoll()
        self._poll.register(self._socket, select.EPOLLIN)
        self._waits: dict[float, deque[tuple[float, _Leg, str]]] = {}
        """Delay -> who sends again when, in the order of time."""
        self._next = 0
        self._second = Second()
        self._print = print

    def close(self) -> None:
        self._poll.close()
        self._socket.close()

    @property
    def open(self) -> int:
        return len(self._legs)

    def run(self, seconds: float, rate: float = 0.0, open_at_once: int = 0, calls: int = 0, patience: float = 3.0) -> None:
        """Place calls for so many seconds (or so many of them), then wait a little for those that are under way."""
        began = now = time.monotonic()
        self._second = Second(time.time())
        turn = began + 1.0
        while now < began + seconds and (not calls or self._next < calls):
            if open_at_once:
                while self.open < open_at_once and (not calls or self._next < calls):
                    self._begin(now)
                due = now + 0.01
            else:
                for _ in range(BATCH):
                    due = began + self._next / rate
                    if due > now:
                        break
                    self._begin(now)
            self._turn(max(min(due, turn) - time.monotonic(), 0.0))
            now = time.monotonic()
            if now >= turn:
                self._told()
                turn += 1.0
        until = now + patience
        while self.open and now < until:
            self._turn(min(until - now, 0.05))
            now = time.monotonic()
        self._told()

    def _told(self) -> None:
        self._print(json.dumps(asdict(self._second)), flush=True)
        self._second = Second(time.time())

    def _begin(self, now: float) -> None:
        number = self._next
        self._next += 1
        call = self._calls[number % len(self._calls)]
        text = invite(call, self._me, self._proxy, f"{self._me.port}.{number}")
        leg = _Leg(number, text.replace(b";branch=z9hG4bK-%d.%d-1" % (self._me.port, number), b";branch=z9hG4bK-%di" % number))
        self._legs[number] = leg
        self._second.begun += 1
        self._send(leg.invite)
        self._later(T1, now, leg, "calling")

    def _later(self, delay: float, now: float, leg: _Leg, stage: str) -> None:
        queue = self._waits.get(delay)
        if queue is None:
            queue = self._waits[delay] = deque()
        queue.append((now + delay, leg, stage))

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendto(data, self._to)
        except (BlockingIOError, ConnectionRefusedError):
            pass  # lost, as on any network

    def _turn(self, wait: float) -> None:
        if self._poll.poll(wait):
            for _ in range(BATCH):
                try:
                    data = self._socket.recv(ROOM)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                if found := _OURS(data):
                    leg = self._legs.get(int(found[1]))
                    if leg is not None and data[:8] == b"SIP/2.0 ":
                        self._heard(leg, data, int(data[8:11]), found[2])
        now = time.monotonic()
        for delay, queue in tuple(self._waits.items()):
            while queue and queue[0][0] <= now:
                _, leg, stage = queue.popleft()
                if leg.stage != stage or leg.number not in self._legs:
                    continue
                leg.tries += 1
                if leg.tries > (REPEATS if stage == "calling" else 10):
                    self._over(leg, "failed")
                    continue
                self._second.again += 1
                self._send(leg.invite if stage == "calling" else leg.bye)
                self._later(delay * 2 if stage == "calling" else min(delay * 2, T2), now, leg, stage)

    def _heard(self, leg: _Leg, data: bytes, status: int, kind: bytes) -> None:
        if kind == b"b":
            if status >= 200:
                self._over(leg, "well")
        elif status < 200:
            if leg.stage == "calling":
                leg.stage = "heard"
        elif status < 300:
            if leg.stage != "leaving":
                leg.stage, leg.tries = "leaving", 0
                leg.ack, leg.bye = self._request(leg, data, b"ACK", b"1", b"a"), self._request(leg, data, b"BYE", b"2", b"b")
                self._send(leg.ack)
                self._send(leg.bye)
                self._later(T1, time.monotonic(), leg, "leaving")
            else:
                self._send(leg.ack)
        else:
            self._send(self._request(leg, data, b"ACK", b"1", b"i", leg.invite.split(b" ", 2)[1]))
            self._over(leg, "refused" if status == 503 else "failed")

    def _over(self, leg: _Leg, how: str) -> None:
        leg.stage = "over"
        if self._legs.pop(leg.number, None) is not None:
            setattr(self._second, how, getattr(self._second, how) + 1)

    def _request(self, leg: _Leg, answer: bytes, method: bytes, number: bytes, kind: bytes, target: bytes = b"") -> bytes:
        routes = b""
        if not target:
            target = value(answer, b"Contact").strip(b"<>")
            routes = b"".join(b"Route: %s\r\n" % one for one in reversed(values(answer, b"Record-Route")))
        return (
            b"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%d%s\r\n%sMax-Forwards: 70\r\n"
            b"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s %s\r\nContent-Length: 0\r\n\r\n"
        ) % (
            method, target, self._me.host.encode(), self._me.port, leg.number, kind, routes, value(leg.invite, b"From"),
            value(answer, b"To"), value(leg.invite, b"Call-ID"), number, method,
        )  # fmt: skip


def read(path: Path) -> list[Call]:
    """The calls of an injection file (benchmarks/feed.py)."""
    calls = []
    for line in path.read_text(encoding="ascii").splitlines()[1:]:
        caller, callee, asserted, identity = line.split(";", 3)
        calls.append(Call(caller, callee, asserted, "" if identity == "none;;;" else identity))
    return calls


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--me", required=True, metavar="HOST:PORT")
    parser.add_argument("--proxy", required=True, metavar="HOST:PORT")
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=0.0, help="calls a second")
    parser.add_argument("--open", type=int, default=0, help="instead: calls open at one time")
    parser.add_argument("--calls", type=int, default=0, help="no more than these")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--patience", type=float, default=3.0, help="seconds for the calls under way at the end")
    asked = parser.parse_args(arguments)
    me, proxy = (Address(host, int(port)) for host, _, port in (asked.me.partition(":"), asked.proxy.partition(":")))
    crowd = Crowd(me, proxy, read(asked.feed))
    print("ready", flush=True)
    try:
        crowd.run(asked.seconds, asked.rate, asked.open, asked.calls, asked.patience)
    finally:
        crowd.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
