"""`run` and `check-config`: read the settings, say plainly what is wrong with them, and run until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from pathlib import Path

import uvloop

from certs.apart import Apart
from policy.decide import reason_slugs
from proxy import service
from proxy.app import App
from proxy.cli import OK, USAGE, complain
from proxy.parts import Parts, fetching, prepare
from proxy.settings import Settings, SettingsError, load

YOUNG, OLDER, OLDEST = 2_000, 10, 5_000
"""When Python looks for circles among objects: after so many new ones that live on, at those only. What lives is a
call's 32 s of transactions, looked at once a step in any case: 50,000 at a time took 18 ms of CPU out of the calls, and
each twentieth time half a second; 2,000 take 0.4 and each tenth time 7 ms (20,000 calls held).
"""


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
        parts = prepare(settings)
    except SettingsError as error:
        return complain(str(error))
    for line in parts.remarks:
        print(line)
    for line in parts.trust.report(time.time()):
        print(line)
    print(f"{file}: well")
    return OK


def run(file: str, workers: str = "1") -> int:
    """Stand in front of the PBX until SIGTERM or Ctrl-C. workers: how many processes, or `auto`: one for each core."""
    settings = read(file)
    if settings is None:
        return USAGE
    try:
        parts = prepare(settings)
    except SettingsError as error:
        return complain(str(error))
    try:
        number = len(os.sched_getaffinity(0)) if workers == "auto" else int(workers)
    except ValueError:
        return complain(f"--workers is a number or auto, not {workers}")
    if number != 1:
        return company(settings, parts, number)
    try:
        apart = Apart.started(fetching(settings, parts), uvloop.new_event_loop) if parts.anchors is not None else None
    except OSError:
        apart = None  # a thread serves as well
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(App(settings, parts, apart=apart)))


def company(settings: Settings, parts: Parts, workers: int) -> int:
    """Several workers behind one address."""
    from proxy.supervisor import Supervisor

    try:
        supervisor = Supervisor(settings, parts, workers)
    except ValueError as error:
        return complain(f"--workers: {error}")
    except OSError as error:
        return complain(f"cannot listen: {error}")
    note = pid_file(settings)

    def ready() -> None:
        if note is not None:
            note.write_text(f"{os.getpid()}\n", encoding="ascii")
        service.told("READY=1")
        print(f"ringwarden ready {' '.join(supervisor.addresses)}", flush=True)

    try:
        return supervisor.run(ready)
    finally:
        if note is not None:
            note.unlink(missing_ok=True)


async def serve(app: App) -> int:
    """Start, say so, wait for a signal, stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await app.start()
    except OSError as error:
        await app.stop()
        return complain(f"cannot listen: {error}")
    loop.add_signal_handler(signal.SIGHUP, lambda: app.spawn(again(app), "reload"))
    loop.add_signal_handler(signal.SIGUSR2, app.bypass, True)
    loop.add_signal_handler(signal.SIGUSR1, app.bypass, False)
    note = pid_file(app.settings)
    if note is not None:
        note.write_text(f"{os.getpid()}\n", encoding="ascii")
    service.told("READY=1")
    ticking = service.every()
    if ticking is not None:
        app.spawn(service.alive(ticking), "watchdog")
    # What was built at the start stays for good: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
    print(f"ringwarden ready {' '.join(app.addresses)}", flush=True)
    sys.stdout.flush()
    await stop.wait()
    service.told("STOPPING=1")
    if note is not None:
        note.unlink(missing_ok=True)
    await app.stop()
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
