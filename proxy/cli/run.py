"""`run` and `check-config`: read the settings, say plainly what is wrong with them, and run until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import uvloop

from certs.apart import Apart
from policy.decide import reason_slugs
from proxy import service
from proxy.app import App
from proxy.cli import NEGATIVE, OK, USAGE, complain
from proxy.collector import calm
from proxy.neighbours import by_datagram
from proxy.parts import Parts, fetching, prepare, writer
from proxy.settings import Settings, SettingsError, load
from proxy.succession import LOOK_SECONDS, ONE_AT_A_TIME, Control, Heir, Successor, ask, given_up, inherited
from proxy.workers.clerk import Clerk
from proxy.workers.legacy import LegacyError, until
from proxy.workers.shared import GONE
from proxy.workers.steering import MAX_WORKERS


def read(file: str) -> Settings | None:
    """The settings, or None after saying what is wrong with them."""
    try:
        return load(Path(file), reason_slugs())
    except SettingsError as error:
        complain(str(error))
        return None


def check(file: str) -> int:
    """Everything that `run` would refuse to start with, without opening a socket."""
    settings = read(file)
    if settings is None:
        return USAGE
    try:
        parts = prepare(settings, make=False)
    except SettingsError as error:
        return complain(str(error))
    for line in parts.remarks:
        print(line)
    for line in by_datagram(settings):
        print(line)
    for line in parts.trust.report(time.time()):
        print(line)
    print(f"{file}: well")
    return OK


def run(file: str, workers: str = "1") -> int:
    """Stand in front of the PBX until SIGTERM or Ctrl-C. workers: how many processes, or `auto`: one for each core."""
    try:
        heir = inherited()
    except LegacyError as error:
        return complain(str(error))
    settings = read(file)
    if settings is None:
        return USAGE
    try:
        parts = prepare(settings, secret=(heir.legacy.secret or None) if heir is not None else None)
    except SettingsError as error:
        return complain(str(error))
    try:
        number = min(len(os.sched_getaffinity(0)), MAX_WORKERS) if workers == "auto" else int(workers)
    except ValueError:
        return complain(f"--workers is a number or auto, not {workers}")
    if number != 1:
        return company(settings, parts, number, heir)
    try:
        apart = Apart.started(fetching(settings, parts), uvloop.new_event_loop) if parts.anchors is not None else None
    except OSError:
        apart = None  # a thread serves as well
    clerk = writer(settings, parts.secret)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, parts, heir, apart, clerk))


def upgrade(file: str) -> int:
    """Have the ringwarden that runs with this configuration hand over to this version."""
    settings = read(file)
    if settings is None:
        return USAGE
    try:
        prepare(settings, make=False)
    except SettingsError as error:
        return complain(str(error))
    note = pid_file(settings)
    if note is None:
        return complain("an upgrade needs paths.state: what runs is found by it")
    try:
        well, text = ask(note.parent, [sys.executable, "-m", "proxy.cli"], os.environ)
    except OSError as error:
        return complain(f"no ringwarden of {file} can be asked ({error}): is it running?")
    if well:
        print(text)
        return OK
    print(f"ringwarden: not upgraded, the old version serves on: {text}", file=sys.stderr)
    return NEGATIVE


async def until_allowed(heir: Heir) -> None:
    """Say that we could serve, and wait for the older version. Raises LegacyError."""
    heir.ready()
    await until(heir.may_go, 0.002)


async def succeeded(app: App, control: Control) -> None:
    """Wait until somebody asks for an upgrade, and let a successor take over."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if (asked := control.asked()) is None:
            continue
        if app.elder is not None:
            asked.answer(ONE_AT_A_TIME, False)
            continue
        successor: Successor | None = None
        try:
            successor = Successor(asked, app.settings.file, app.bequest())
            await until(successor.ready, 0.02)
        except Exception as error:  # whatever it is: we serve on, and the next one may be better
            why = given_up(successor, error)
            app.log.say("upgrade-failed", level="error", why=why)
            asked.answer(why, False)
            continue
        service.told(f"MAINPID={successor.process.pid}")
        control.close()
        successor.go()
        asked.answer(f"process {successor.process.pid} has taken over from process {os.getpid()}", True)
        await app.left.wait()
        return


def company(settings: Settings, parts: Parts, workers: int, heir: Heir | None = None) -> int:
    """Several workers behind one address."""
    from proxy.supervisor import Supervisor

    try:
        supervisor = Supervisor(settings, parts, workers, heir)
    except ValueError as error:
        return complain(f"--workers: {error}")
    except OSError as error:
        return complain(f"cannot listen: {error}")
    note = pid_file(settings)

    def ready() -> None:
        if note is not None:
            write_down(note)
        service.told("READY=1")
        print(f"ringwarden ready {' '.join(supervisor.addresses)}", flush=True)

    try:
        return supervisor.run(ready)
    finally:
        forget(note)


def write_down(note: Path) -> None:
    """Note our process, in one step: whoever reads at the same time finds the one before, never half a number. Where
    it cannot be written, calls go on, and the commands that look for us do not find us.
    """
    draft = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        draft.write_text(f"{os.getpid()}\n", encoding="ascii")
        draft.replace(note)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        complain(f"{note} cannot be written ({error.strerror}): reload and bypass will not find this process")


def forget(note: Path | None) -> None:
    """Take our note away; that of a successor stays."""
    if note is not None:
        with contextlib.suppress(OSError):
            if note.read_text(encoding="ascii").strip() == str(os.getpid()):
                note.unlink()


async def serve(
    settings: Settings, parts: Parts, heir: Heir | None = None, apart: Apart | None = None, clerk: Clerk | None = None
) -> int:
    """Start, say so, wait for a signal, stop."""
    begin = partial(until_allowed, heir) if heir is not None else None
    legacy = heir.legacy if heir is not None else None
    app = App(settings, parts, apart=apart, clerk=clerk, legacy=legacy, begin=begin)
    stop = app.left
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await app.start()
    except OSError as error:
        await app.stop()
        return complain(f"cannot listen: {error}")
    except LegacyError as error:
        await app.stop()
        return complain(str(error))
    control = None
    if pid_file(settings) is not None and settings.paths.state is not None:
        try:
            control = Control(settings.paths.state)
            app.spawn(succeeded(app, control), "upgrade")
        except OSError as error:
            app.log.say("no-upgrade", level="warning", why=str(error))
    loop.add_signal_handler(signal.SIGHUP, lambda: app.spawn(again(app), "reload"))
    loop.add_signal_handler(signal.SIGUSR2, app.bypass, True)
    loop.add_signal_handler(signal.SIGUSR1, app.bypass, False)
    note = pid_file(app.settings)
    if note is not None:
        write_down(note)
    service.told("READY=1")
    ticking = service.every()
    if ticking is not None:
        app.spawn(service.alive(ticking), "watchdog")
    gc.collect()
    calm()
    print(f"ringwarden ready {' '.join(app.addresses)}", flush=True)
    sys.stdout.flush()
    await stop.wait()
    if not app.retired:
        service.told("STOPPING=1")
    forget(note)
    if control is not None:
        control.close()
    await app.stop()
    app.memory.leaving.stages[0] = GONE
    return OK


async def again(app: App) -> None:
    """Reload, and tell systemd of it."""
    service.told("RELOADING=1", monotonic=True)
    await app.reload()
    service.told("READY=1")


def pid_file(settings: Settings) -> Path | None:
    """Where a running ringwarden notes its process, for `reload` and `bypass`."""
    state = settings.paths.state
    return state / "ringwarden.pid" if state is not None and state.is_dir() else None


def signalled(file: str, number: signal.Signals) -> int:
    """Send a signal to the ringwarden that runs with this configuration."""
    settings = read(file)
    if settings is None:
        return USAGE
    note = pid_file(settings)
    try:
        process = int(note.read_text(encoding="ascii")) if note is not None else 0
    except (OSError, ValueError):
        process = 0
    if process <= 0:
        return complain(f"no ringwarden of {file} has noted itself in the state folder: is it running?")
    try:
        os.kill(process, number)
    except OSError as error:
        return complain(f"process {process} cannot be told: {error.strerror}")
    print(f"told process {process}")
    return OK
