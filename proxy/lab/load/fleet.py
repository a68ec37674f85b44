"""The processes of a run: started, brought to one start, and asked what they saw. All end with their `with` block."""

from __future__ import annotations

import gc
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from multiprocessing.connection import Connection
from operator import add
from types import TracebackType
from typing import Any

from proxy.lab.load import callee, caller, supply, words
from proxy.lab.load.plan import Address, Answered, Outcome, Plan, Seen
from proxy.lab.load.wires import Datagrams, Streams, Wire, address_of, bound, listening

READY = 90.0
"""Seconds until all are ready: the calls are signed by then."""
START = 0.1
"""Seconds from the word to the start, so that all have heard it."""
GRACE = 20.0
"""Seconds over the time that a run must need, before it is given up."""
END = 5.0

ANYWHERE = Address("127.0.0.1", 0)

_SPAWN = multiprocessing.get_context("spawn")


class LoadError(Exception):
    """A run did not come about; the text says why."""


def _lean(cores: Sequence[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    gc.disable()  # nothing here makes cycles


def _answer(
    sockets: Sequence[socket.socket],
    transport: str,
    script: words.Callee,
    rings: float,
    nap: float,
    cores: Sequence[int],
    line: Connection,
) -> None:
    _lean(cores)
    wires: list[Wire] = [Datagrams(one) if transport == "udp" else Streams(one) for one in sockets]
    callee.main(wires, script, rings, nap, line)


def _call(
    plan: Plan, number: int, sock: socket.socket | None, me: Address, inlet: Connection | None, line: Connection
) -> None:  # fmt: skip
    _lean(plan.cores)
    try:
        wire: Wire
        if sock is not None:
            wire = Datagrams(sock, stamps=plan.exact)
        else:
            wire = Streams()
            for _ in range(number, plan.connections, plan.callers):
                wire.connect(plan.target, me)
        script = words.Caller(me, plan.target, plan.transport, plan.domain, plan.callee, plan.before)
        caller.main(plan, number, wire, script, inlet, line)
    except (OSError, ValueError, EOFError) as error:
        line.send(LoadError(f"caller {number}: {error}"))


def _sign(plan: Plan, number: int, outlet: Connection) -> None:
    _lean(plan.cores)
    supply.sign(plan, number, outlet)


class Callees:
    """Telephones that answer at one address until the block ends."""

    def __init__(
        self,
        me: Address = ANYWHERE,
        *,
        transport: str = "udp",
        processes: int = 1,
        rings: float = 0.0,
        nap: float = 0.0,
        cores: Sequence[int] = (),
    ) -> None:
        """rings: seconds before an answer; nap: see `Plan.nap`. Several processes share the address; each takes the
        rest of its calls at a port of its own. Raises OSError where the address is not to be had, LoadError.
        """
        shared = bound(me, processes) if transport == "udp" else listening(me, processes)
        self.me = address_of(shared[0])
        self._lines: list[Connection] = []
        self._processes: list[Any] = []
        for one in shared:
            mine = [one]
            if processes > 1 and transport == "udp":
                mine += bound(replace(self.me, port=0))
            line, theirs = _SPAWN.Pipe()
            script = words.Callee(address_of(mine[-1]), transport)
            process = _SPAWN.Process(
                target=_answer, args=(mine, transport, script, rings, nap, cores, theirs), daemon=True
            )
            process.start()
            theirs.close()
            for sock in mine:
                sock.close()
            self._lines.append(line)
            self._processes.append(process)
        for line in self._lines:
            _hear(line, READY)

    def seen(self, word: str = "count") -> Answered:
        """What they have seen so far."""
        for line in self._lines:
            line.send(word)
        found: list[Answered] = [_hear(line, END) for line in self._lines]
        return reduce(add, found)

    def settled(self, condition: Callable[[Answered], bool], seconds: float = 2.0) -> Answered:
        """What they have seen once that holds, or so many seconds later."""
        until = time.monotonic() + seconds
        while not condition(seen := self.seen()) and time.monotonic() < until:
            time.sleep(0.02)
        return seen

    def stop(self) -> None:
        with suppress(OSError, LoadError):
            self.seen("stop")
        _end(self._processes)

    def __enter__(self) -> Callees:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Callers:
    """The callers of one plan, ready to begin."""

    def __init__(self, plan: Plan) -> None:
        """Raises OSError where the address is not to be had, LoadError."""
        self.plan = plan
        self._lines: list[Connection] = []
        self._processes: list[Any] = []
        sockets: list[socket.socket | None]
        if plan.transport != "udp":
            sockets = [None] * plan.callers
        elif plan.one_port:
            sockets = [*bound(plan.me, plan.callers)]
        else:
            first = bound(plan.me)[0]
            sockets = [first, *(bound(replace(plan.me, port=0))[0] for _ in range(plan.callers - 1))]
        self.me = address_of(sockets[0]) if sockets[0] is not None else plan.me
        try:
            for number, sock in enumerate(sockets):
                self._start(number, sock)
                if sock is not None:
                    sock.close()
            for line in self._lines:
                _hear(line, READY)
        except BaseException:
            self.stop()
            raise

    def _start(self, number: int, sock: socket.socket | None) -> None:
        line, theirs = _SPAWN.Pipe()
        inlet = None
        if self.plan.signing is not None:
            inlet, outlet = _SPAWN.Pipe(duplex=False)
            signer = _SPAWN.Process(target=_sign, args=(self.plan, number, outlet), daemon=True)
            signer.start()
            outlet.close()
            self._processes.append(signer)
        me = address_of(sock) if sock is not None else self.plan.me
        process = _SPAWN.Process(target=_call, args=(self.plan, number, sock, me, inlet, theirs), daemon=True)
        process.start()
        theirs.close()
        if inlet is not None:
            inlet.close()
        self._lines.append(line)
        self._processes.append(process)

    def begin(self) -> None:
        """All at one moment."""
        began = time.monotonic() + START
        for line in self._lines:
            line.send(began)

    def release(self) -> None:
        """End the run, whatever is open."""
        for line in self._lines:
            with suppress(OSError):
                line.send("enough")

    def seen(self, seconds: float) -> Seen:
        """Wait for the end and tell what was seen. Raises LoadError after so many seconds."""
        found: list[Seen] = [_hear(line, seconds) for line in self._lines]
        return reduce(add, found)

    def stop(self) -> None:
        _end(self._processes)

    def __enter__(self) -> Callers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def place(plan: Plan, callees: Callees | None = None) -> Outcome:
    """Place the calls of a plan and wait for the last. `callees`: those who answer, if they are ours. Raises LoadError,
    OSError.
    """
    before = callees.seen() if callees else None
    seconds = plan.calls / (plan.rate if not plan.limit else 20.0) + plan.talk + 3 * plan.patience + GRACE
    with Callers(plan) as callers:
        callers.begin()
        seen = callers.seen(seconds)
    answered = None
    if callees is not None and before is not None:
        # The last messages may still be on their way to the callee.
        answered = callees.settled(lambda now: (now - before).ended >= seen.completed or plan.expect != 200) - before
    return Outcome(plan, seen, answered)


def _hear(line: Connection, seconds: float) -> Any:
    try:
        if not line.poll(seconds):
            raise LoadError(f"a process of the load said nothing for {seconds:g} s")
        word = line.recv()
    except (EOFError, OSError) as error:
        raise LoadError("a process of the load ended before it was done") from error
    if isinstance(word, LoadError):
        raise word
    return word


def _end(processes: Sequence[Any]) -> None:
    for one in processes:
        one.join(0.2)
        if one.is_alive():
            one.terminate()
    for one in processes:
        one.join(END)
        if one.is_alive():
            one.kill()
            one.join(END)
