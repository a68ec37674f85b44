"""What one generation of ringwarden hands to the next, and how: `ringwarden upgrade`.

Old and new are joined by a Unix socket pair that keeps records apart. The old one sends a description and the
descriptors that belong to it (SCM_RIGHTS): the public sockets, the ways to its workers, its desk's line and its shared
memory. Then the new one says that it could serve, the old one says go, and from there on only the new one reads the
public sockets. Each worker of the old generation publishes its live transactions (`proxy.workers.roll`); what belongs
to them is handed over by the lines that workers have for each other anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.sip.flow import Flow
from proxy.workers import roll
from proxy.workers.links import DATAGRAM, Line, wrapped
from proxy.workers.shared import GONE, Leaving, Shared
from proxy.workers.steering import DIGITS, named

LANGUAGE = 1
"""Changes whenever what is handed over does: another one is no heir, and the old version serves on."""
ENVIRONMENT = "RINGWARDEN_LEGACY"
"""Holds the number of the descriptor by which a successor hears."""
AT_ONCE = 100
"""Descriptors of one message; the kernel takes 253."""
MAX_MESSAGE = 64 * 1024
GENERATIONS = len(DIGITS)
READY, GO = "ready", "go"

Address = tuple[str, str, int]
"""Transport in lower case, host, port."""


class LegacyError(Exception):
    """What was handed over cannot be used; with a sentence."""


@dataclass(slots=True)
class Legacy:
    """What a generation leaves."""

    version: str
    generation: int
    workers: int
    """1: one process without desk and supervisor."""
    pid: int
    """Of its main process."""
    listeners: list[Address]
    sockets: list[list[socket.socket]]
    """For each worker, its socket of each listener."""
    lines: list[Line]
    """To each worker."""
    desk: Line
    """What the workers have for their desk: from now on the new one reads it."""
    memory: int
    """A descriptor."""
    leaving: int
    """Another one."""
    layout: str
    """How the cells are counted in: of another one nothing is taken over."""
    peers: tuple[dict[str, str], list[Any]] = field(default_factory=lambda: ({}, []))
    """Orders to peers, and targets that are out of use, where no desk tells them."""
    bypass: bool = False
    """The operator had stopped all screening by then."""
    secret: bytes = field(default=b"", repr=False)
    """What calls in progress are sealed with, and goes on to be; empty: an older version does not say."""

    def group(self, transport: str, host: str, port: int) -> list[socket.socket]:
        """The sockets of an address, one for each worker; none where it was not listened on. Port 0: any."""
        for at, (its, where, number) in enumerate(self.listeners):
            if (its, where) == (transport, host) and port in (0, number):
                return [row[at] for row in self.sockets]
        return []


def give(link: socket.socket, legacy: Legacy) -> None:
    """Send all of it. Raises OSError."""
    files = [one.fileno() for row in legacy.sockets for one in row]
    files += [end.fileno() for line in (*legacy.lines, legacy.desk) for end in (line.inlet, line.outlet)]
    files += [legacy.memory, legacy.leaving]
    head = {
        "language": LANGUAGE, "version": legacy.version, "generation": legacy.generation, "workers": legacy.workers,
        "pid": legacy.pid, "listeners": legacy.listeners, "files": len(files), "layout": legacy.layout,
        "peers": legacy.peers, "bypass": legacy.bypass, "secret": legacy.secret.hex(),
    }  # fmt: skip
    link.send(json.dumps(head).encode())
    for at in range(0, len(files), AT_ONCE):
        socket.send_fds(link, [b"f"], files[at : at + AT_ONCE])


def received(link: socket.socket) -> Legacy:
    """The other end of `give`. Raises LegacyError, OSError."""
    try:
        head = json.loads(link.recv(MAX_MESSAGE))
        if head["language"] != LANGUAGE:
            raise LegacyError(f"version {head['version']} hands over in another way: stop it and start this one")
        files: list[int] = []
        while len(files) < head["files"]:
            record, some, _, _ = socket.recv_fds(link, 1, AT_ONCE)
            if not record:
                raise LegacyError("it ended before it had handed everything over")
            files += some
        for file in files:
            os.set_inheritable(file, False)
        listeners = [(str(a), str(b), int(c)) for a, b, c in head["listeners"]]
        workers, rest = int(head["workers"]), iter(files)
        sockets = [[socket.socket(fileno=next(rest)) for _ in listeners] for _ in range(workers)]
        lines = [Line((socket.socket(fileno=next(rest)), socket.socket(fileno=next(rest)))) for _ in range(workers + 1)]
        orders, states = head["peers"]
        return Legacy(
            str(head["version"]), int(head["generation"]), workers, int(head["pid"]), listeners, sockets,
            lines[:-1], lines[-1], next(rest), next(rest), str(head["layout"]),
            (orders, [tuple(one) for one in states]), bool(head["bypass"]),
            bytes.fromhex(head.get("secret", "")),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise LegacyError(f"what was handed over cannot be read: {error!r}") from error


async def until(met: Callable[[], bool], every: float, seconds: float = float("inf")) -> bool:
    """Look again and again whether another process has done something; False where it took too long."""
    end = time.monotonic() + seconds
    while True:
        if met():
            return True
        if time.monotonic() > end:
            return False
        await asyncio.sleep(every)


class Elder:
    """The generation before, while it lives: what belongs to its transactions goes to it."""

    def __init__(self, legacy: Legacy, memory: Shared | None, listeners: Sequence[Address]) -> None:
        """memory: its shared memory; None where it is laid out in another way. listeners: ours, in our order."""
        self.legacy, self.memory = legacy, memory
        self.leaving = Leaving(legacy.workers, legacy.leaving)
        self._digit = DIGITS[legacy.generation].encode()
        places = {address: at for at, address in enumerate(legacy.listeners)}
        self._places: Mapping[int, int] = {
            at: places[address] for at, address in enumerate(listeners) if address in places
        }
        self.handed = self.lost = 0

    def takes(self, data: bytes, flow: Flow, whose: int) -> bool:
        """Hand a message over that belongs to it; whose: the worker that a request belongs to."""
        found = named(data)
        if found is None or flow.listener not in self._places:
            return False
        answers, text = found
        if answers:
            if text[1:2] != self._digit:
                return False
            whose = DIGITS.find(chr(text[0]))
            if not 0 <= whose < self.legacy.workers:
                return False
        elif not roll.has(self.leaving.roll[whose], text):
            return False
        if self.leaving.stages[whose] == GONE:
            return answers  # nobody waits for it; a request is a new one
        there = Flow(self._places[flow.listener], flow.host, flow.port)
        if not self.legacy.lines[whose].send(DATAGRAM, wrapped(data, there)):
            self.lost += 1
            return False
        self.handed += 1
        return True

    def stage(self, place: int) -> int:
        """How far its worker is on its way out; place `workers`: its desk."""
        return int(self.leaving.stages[place])

    @property
    def bypass(self) -> bool:
        """Whether the operator has it let all calls through; of an older version: had, when it handed over."""
        now = self.leaving.bypass
        return bool(now[0]) if len(now) else self.legacy.bypass

    def lives(self) -> bool:
        """Whether its main process is there."""
        try:
            os.kill(self.legacy.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        return True

    def ended(self) -> bool:
        """Whether nothing will come of it any more."""
        return not self.lives() or all(self.stage(number) == GONE for number in range(self.legacy.workers))


class Link:
    """One end of the pair between the main processes."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def say(self, word: str) -> None:
        with contextlib.suppress(OSError):
            self.end.send(word.encode())

    def heard(self) -> str | None:
        """A word; None: nothing yet; empty: nobody is there any more."""
        try:
            return self.end.recv(MAX_MESSAGE).decode()
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return ""

    def close(self) -> None:
        self.end.close()
