"""Starts the workers and the desk, starts anew whoever dies, and passes on what the operator says.

It has read the configuration and imported everything before it forks, and it has bound every socket: the group of
sockets and its order never change, and what arrives for a dead worker waits in its socket for the successor. It serves
nothing itself, so there is little that could end it.
"""

from __future__ import annotations

import asyncio
import gc
import marshal
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import uvloop

from policy.decide import reason_slugs
from proxy import service, tied
from proxy.app import App
from proxy.desk import Desk
from proxy.generations import layout, memory, running_version
from proxy.lives import again, begun, lived
from proxy.parts import Parts, prepare, writer
from proxy.settings import Settings, SettingsError, load
from proxy.succession import LOOK_SECONDS, ONE_AT_A_TIME, Asked, Control, Heir, Successor, given_up
from proxy.workers.clerk import Clerk
from proxy.workers.group import grouped
from proxy.workers.legacy import GENERATIONS, Elder, Legacy, LegacyError
from proxy.workers.links import KEEP, Door, Line
from proxy.workers.pulse import Pulses
from proxy.workers.seat import Seat
from proxy.workers.shared import GONE, RELEASED, TAKEN
from proxy.workers.steering import MAX_WORKERS

HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD}
DESK = -1
"""The desk's number among the processes."""
QUICK = 1.0
"""Seconds: who dies sooner after his start is started again only after `PAUSE`."""
PAUSE = 0.5
STOP_SECONDS = 10.0
READY_SECONDS = 30.0


@dataclass(slots=True)
class Process:
    """One child."""

    pid: int
    started: float
    ready: int
    """A pipe that says when it serves."""


class Supervisor:
    """One for a whole ringwarden."""

    def __init__(self, settings: Settings, parts: Parts, workers: int, heir: Heir | None = None) -> None:
        """Binds everything. heir: what an older version hands over. Raises OSError."""
        if not 1 <= workers <= MAX_WORKERS:
            raise ValueError(f"1 to {MAX_WORKERS} workers")
        self.settings, self.parts, self.workers = settings, parts, workers
        self.steered = True
        self._heir, self.legacy = heir, heir.legacy if heir is not None else None
        self.generation = (self.legacy.generation + 1) % GENERATIONS if self.legacy is not None else 0
        self._elder = Elder(self.legacy, None, ()) if self.legacy is not None else None
        self._control: Control | None = None
        self._successor: tuple[Asked, Successor] | None = None
        self._retiring = False
        self._processes: dict[int, Process] = {}
        self._again: dict[int, float] = {}
        """Who is to be started, and when."""
        self._sockets: list[list[socket.socket]] = [[] for _ in range(workers)]
        listeners = []
        for one in settings.listeners:
            there = self.legacy.group(one.transport, one.host, one.port) if self.legacy is not None else []
            bound, steered = grouped(one, workers, there)
            self.steered = self.steered and steered
            for sockets, its in zip(self._sockets, bound, strict=True):
                sockets.append(its)
            port = int(bound[0].getsockname()[1])
            listeners.append(replace(one, port=port, advertised_port=one.advertised_port or port))
        self.listeners = tuple(listeners)
        self._shared = memory(workers)
        self._told = False
        """What the older version had heard of a bypass when we looked last."""
        self._pulses = Pulses(self._shared.pulses, time.monotonic())
        self._lines = [Line() for _ in range(workers)]
        self._desk = Line()
        self._doors = [Door() for _ in range(workers)] if workers > 1 else []

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as `udp:127.0.0.1:5060`."""
        return [f"{one.transport}:{one.host}:{one.port}" for one in self.listeners]

    def run(self, ready: Callable[[], None] = lambda: None) -> int:
        """Until SIGTERM or SIGINT; returns the exit code. `ready` is called once, when all serve."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        gc.collect()
        gc.freeze()
        if not self.steered:
            _say("the kernel does not choose among the workers; hand-over alone serves")
        for number in (DESK, *range(self.workers)):
            self._start(number)
        well = all([self._wait_for(process) for process in self._processes.values()])
        if self._heir is not None and not self._succeed(self._heir, well):
            self._stop()
            return 1
        ready()
        state = self.settings.paths.state
        if state is not None and state.is_dir():
            try:
                self._control = Control(state)
            except OSError as error:
                _say(f"no upgrade will be possible: {error}")
        ticking = service.every()
        told = 0.0
        while True:
            now = time.monotonic()
            for place in self._pulses.hung(now):
                self._kill(DESK if place == self.workers else place)
            if ticking is not None and now >= told and self._pulses.well:
                service.told("WATCHDOG=1")
                told = now + ticking
            for number, when in tuple(self._again.items()):
                if when <= now:
                    del self._again[number]
                    self._start(number)
            self._look()
            if self._retiring and not self._processes:
                return 0
            pause = 0.02 if self._successor is not None else LOOK_SECONDS
            wait = min([pause, *(max(when - now, 0.0) for when in self._again.values())])
            heard = signal.sigtimedwait(HEARD, min(wait, ticking or wait))
            if heard is None:
                continue
            if heard.si_signo in (signal.SIGTERM, signal.SIGINT):
                service.told("STOPPING=1")
                self._stop()
                return 0
            if heard.si_signo == signal.SIGCHLD:
                self._mourn()
            elif heard.si_signo == signal.SIGHUP:
                self._reload()
            else:
                self._brake(heard.si_signo == signal.SIGUSR2)

    def _succeed(self, heir: Heir, well: bool) -> bool:
        """Take over from the older version, once all of ours are built; False where that is not to be."""
        if not well:
            heir.refuse("a worker of the new version did not start")
            return False
        heir.ready()
        try:
            until = time.monotonic() + READY_SECONDS
            while not heir.may_go():
                if time.monotonic() > until:
                    return False
                time.sleep(0.002)
        except LegacyError as error:
            _say(str(error))
            return False
        if self._elder is not None:
            self._shared.leaving.bypass[0] = self._told = self._elder.bypass
        self._shared.leaving.stages[self.workers + 1] = TAKEN
        for number, process in self._processes.items():
            if number != DESK:
                self._wait_for(process)
        return True

    def bequest(self) -> Legacy:
        """What a successor is given."""
        for line in self._lines:
            line.send(KEEP, marshal.dumps(None))
        listeners = [(one.transport, one.host, one.port) for one in self.listeners]
        return Legacy(
            running_version(), self.generation, self.workers, os.getpid(), listeners, self._sockets, self._lines,
            self._desk, self._shared.file, self._shared.leaving.file, layout(),
            bypass=bool(self._shared.leaving.bypass[0]), secret=self.parts.secret,
        )  # fmt: skip

    def _look(self) -> None:
        """Whether an upgrade is asked for, or goes on; and what the version before has heard that was meant for us."""
        if self._elder is not None and self._elder.bypass != self._told:
            self._told = not self._told
            self._brake(self._told)
        if self._successor is None:
            asked = self._control.asked() if self._control is not None and not self._retiring else None
            if asked is not None and self._elder is not None and not self._elder.ended():
                asked.answer(ONE_AT_A_TIME, False)
            elif asked is not None:
                try:
                    self._successor = asked, Successor(asked, self.settings.file, self.bequest())
                except Exception as error:
                    self._stays(asked, given_up(None, error))
            return
        asked, successor = self._successor
        try:
            if not successor.ready():
                return
        except Exception as error:  # whatever it is: the workers serve on
            self._stays(asked, given_up(successor, error))
        else:
            self._retire(asked, successor)
        self._successor = None

    def _stays(self, asked: Asked, why: str) -> None:
        """Nobody follows us yet."""
        _say(f"not upgraded: {why}")
        asked.answer(why, False)

    def _retire(self, asked: Asked, successor: Successor) -> None:
        """From now on the successor serves, and nobody is started here any more."""
        service.told(f"MAINPID={successor.process.pid}")
        self._retiring = True
        # Who is dead and was to be started again has nothing to let go of: the new one need not wait for it.
        for number in self._again:
            self._ended(number)
        self._again.clear()
        successor.go()
        # What the workers say from now on waits in its line for the new desk.
        if (desk := self._processes.get(DESK)) is not None:
            os.kill(desk.pid, signal.SIGTERM)
        asked.answer(f"process {successor.process.pid} has taken over from process {os.getpid()}", True)
        if self._control is not None:
            self._control.close()

    def _ended(self, number: int) -> None:
        """Nobody takes the place of who has ended: the successor's does that."""
        self._shared.leaving.stages[self._place(number)] = RELEASED if number == DESK else GONE

    def _start(self, number: int) -> None:
        read, write = os.pipe()
        supervisor = os.getpid()
        self._pulses.begins(self._place(number), time.monotonic())
        pid = os.fork()
        if pid:
            os.close(write)
            self._processes[number] = Process(pid, time.monotonic(), read)
            return
        code = 1
        try:
            os.close(read)
            for process in self._processes.values():
                os.close(process.ready)
            self._processes.clear()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
            tied.to(supervisor)
            clerk = writer(self.settings, self.parts.secret) if number == DESK else None
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                code = runner.run(self._desk_life(write, clerk) if number == DESK else self._worker_life(number, write))
        except KeyboardInterrupt:
            code = 0
        except BaseException as error:
            _say(f"{_who(number)}: {error!r}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    async def _worker_life(self, number: int, write: int) -> int:
        seat = Seat(number, self.workers, self._sockets[number], self._shared, self._lines, self._desk, self._doors)
        settings = replace(self.settings, listeners=self.listeners)
        begin = partial(begun, write, self._shared.leaving.stages) if self.legacy is not None else None
        app = App(settings, self.parts, seat=seat, legacy=self.legacy, begin=begin)
        await app.start()
        return await lived(
            write,
            self._shared.pulses[number:],
            app.stop,
            {
                signal.SIGHUP: lambda: app.spawn(again(app), "reload"),
                signal.SIGUSR2: lambda: app.bypass(True),
                signal.SIGUSR1: lambda: app.bypass(False),
            },
            app.left,
        )

    async def _desk_life(self, write: int, clerk: Clerk | None) -> int:
        desk = Desk(self.settings, self.parts, self._shared, self._lines, self._desk, self.legacy, clerk)
        await desk.start(self.addresses)
        nothing = dict.fromkeys((signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2), lambda: None)
        return await lived(write, self._shared.pulses[self.workers :], desk.stop, nothing)

    def _wait_for(self, process: Process) -> bool:
        """Until a child serves (or is built, where it waits to take over), or it is clear that it will not."""
        os.set_blocking(process.ready, False)
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            try:
                return bool(os.read(process.ready, 1))
            except BlockingIOError:
                time.sleep(0.005)
        return False

    def _place(self, number: int) -> int:
        """Its cell in what the processes share: the desk's is behind the workers'."""
        return self.workers if number == DESK else number

    def _kill(self, number: int) -> None:
        """Have one end that hangs: nobody else gets what arrives for it, and `_mourn` starts it again."""
        self._shared.hung[0] += 1
        _say(f"{_who(number)} hangs and is killed")
        os.kill(self._processes[number].pid, signal.SIGKILL)

    def _mourn(self) -> None:
        """Start again whoever has died."""
        for number, process in tuple(self._processes.items()):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if not pid:
                continue
            os.close(process.ready)
            del self._processes[number]
            place = self._place(number)
            self._pulses.ended(place)
            if self._retiring:
                self._ended(number)
                continue
            _say(f"{_who(number)} ended ({_why(status)}) and is started again")
            now = time.monotonic()
            if now - process.started < QUICK:
                self._again[number] = now + PAUSE
            else:
                self._start(number)

    def _reload(self) -> None:
        """What is forked from now on has the new configuration, and those that live read it themselves."""
        service.told("RELOADING=1", monotonic=True)
        try:
            settings = load(self.settings.file, reason_slugs())
            self.parts = prepare(settings, secret=self.parts.secret)
        except (SettingsError, OSError) as error:
            _say(f"not reloaded: {error}")
        else:
            self.settings = replace(settings, listeners=self.settings.listeners)
        self._tell(signal.SIGHUP)
        service.told("READY=1")

    def _brake(self, on: bool) -> None:
        """Have all workers stop screening, or go on with it; who is started later, and who follows us, reads it."""
        self._shared.leaving.bypass[0] = on
        self._tell(signal.SIGUSR2 if on else signal.SIGUSR1)

    def _tell(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue

    def _stop(self) -> None:
        """The workers first, so that the desk hears their last rows."""
        for group in ([n for n in self._processes if n != DESK], [DESK]):
            living = {n: self._processes[n] for n in group if n in self._processes}
            for process in living.values():
                os.kill(process.pid, signal.SIGTERM)
            until = time.monotonic() + STOP_SECONDS
            while living:
                for number, process in tuple(living.items()):
                    if os.waitpid(process.pid, os.WNOHANG)[0]:
                        del living[number]
                if living and time.monotonic() > until:
                    for process in living.values():
                        os.kill(process.pid, signal.SIGKILL)
                    until = float("inf")
                if living:
                    signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def _why(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"code {os.waitstatus_to_exitcode(status)}"


def _who(number: int) -> str:
    return "the desk" if number == DESK else f"worker {number}"


def _say(text: str) -> None:
    """The supervisor has no log of its own: what it says is for the operator's terminal, or the system's journal."""
    sys.stderr.write(f"ringwarden: {text}\n")
    sys.stderr.flush()
