"""What the supervisor keeps and survives, without its children; and what a call notices of it."""

from __future__ import annotations

import asyncio
import json
import marshal
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from policy.decide import reason_slugs
from proxy.app import App
from proxy.lab.ports import free_port
from proxy.lab.world import World
from proxy.parts import prepare
from proxy.settings import load
from proxy.succession import Asked, SuccessionError
from proxy.supervisor import DESK, Supervisor
from proxy.transports import Streams
from proxy.workers.links import RETIRE
from proxy.workers.seat import Seat
from proxy.workers.shared import GONE, RELEASED, RETIRED, SERVING
from tests.proxy.test_app import call
from tests.proxy.test_supervisor import children
from tests.waiting import SECONDS, counted, turns, until

SMALL = (
    '[[listen]]\naddress = "127.0.0.1:0"\n[[trunk]]\nname = "c"\nside = "carrier"\nsources = ["127.0.0.2"]\n'
    '[next_hop]\npbx = ["127.0.0.3"]\n[lab]\nenabled = true\n'
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[[str], Supervisor]]:
    """Makes a supervisor of two workers that has started none; the argument stands first in its configuration."""
    all_of_them: list[Supervisor] = []

    def make(first: str = "") -> Supervisor:
        path = tmp_path / "small.toml"
        path.write_text(first + SMALL)
        settings = load(path, reason_slugs())
        all_of_them.append(Supervisor(settings, prepare(settings), 2))
        return all_of_them[-1]

    yield make
    for one in all_of_them:
        for way in (*one._lines, one._desk, *one._doors):
            way.close()
        for row in one._sockets:
            for bound in row:
                bound.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ('secret = "the first of sixteen"\n', 'secret = "another of sixteen"\n'), ("", '[paths]\nstate = "state"\n')],
)
def test_whoever_is_forked_after_a_reload_has_the_secret_of_those_who_live(
    made: Callable[[str], Supervisor], before: str, after: str
) -> None:
    supervisor = made(before)
    old = supervisor.parts
    supervisor.settings.file.write_text(after + SMALL)
    supervisor._reload()
    assert supervisor.parts is not old
    assert (supervisor.parts.secret, supervisor.parts.book.key) == (old.secret, old.book.key)
    assert any("another secret" in one for one in supervisor.parts.remarks) == bool(after)


def listless(text: str) -> str:
    """Nobody is refused, and nothing outlives the process."""
    return text.replace('campaigns = ["campaigns.csv"]', "campaigns = []").replace('state = "state"\n', "")


async def test_a_call_that_began_before_a_reload_goes_on_by_a_worker_that_was_started_after_it(tmp_path: Path) -> None:
    async with World(tmp_path, workers=2, amend=listless) as world:
        assert world.process is not None
        pid = world.process.pid
        dialog = (await world.carrier.call(call(world), world.proxy, hang_up=False)).dialog
        assert dialog is not None
        world.config.write_text(world.config.read_text().replace("campaigns = []", 'campaigns = ["campaigns.csv"]'))
        os.kill(pid, signal.SIGHUP)
        await counted(world, 'ringwarden_reloads_total{result="ok"}', 2)
        dead = children(pid)[2]
        os.kill(dead, signal.SIGKILL)
        await until(lambda: len(children(pid)) == 3 and dead not in children(pid), "one in its place")
        for _ in range(12):  # both workers have some of them
            again = await world.carrier.within(dialog, "INVITE")
            assert again.status == 200 and again.dialog is not None
            dialog = again.dialog
        assert (await world.carrier.call(call(world), world.proxy)).status == 603  # a new one is refused by now
        assert (await world.carrier.within(dialog, "BYE")).status == 200


class Next:
    """A successor, and what it is asked."""

    process = SimpleNamespace(pid=4321)

    def __init__(self, ready: bool | Exception = True) -> None:
        self._ready = ready
        self.heard: list[str] = []

    def ready(self) -> bool:
        if isinstance(self._ready, Exception):
            raise self._ready
        return self._ready

    def go(self) -> None:
        self.heard.append("go")

    def end(self) -> None:
        self.heard.append("end")


@pytest.fixture
def asked() -> Iterator[tuple[Asked, Callable[[], tuple[bool, str]]]]:
    """Who asks for an upgrade, and what he is told."""
    ours, theirs = socket.socketpair()

    def told() -> tuple[bool, str]:
        answer = json.loads(ours.recv(1000))
        return answer["well"], answer["text"]

    with ours, theirs:
        ours.settimeout(SECONDS)
        yield Asked(["new"], {}, theirs), told


@pytest.mark.parametrize("fault", [SuccessionError("it ended with code 2"), subprocess.TimeoutExpired("new", 0.2), KeyError("a fault")])
def test_whatever_goes_wrong_with_a_successor_the_workers_serve_on(
    made: Callable[[str], Supervisor], asked: Any, fault: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor, (wish, told) = made(""), asked
    supervisor._successor = wish, Next(fault)  # type: ignore[assignment]  # what it needs of one
    supervisor._look()
    assert supervisor._successor is None and not supervisor._retiring
    well, text = told()
    assert not well and text and f"not upgraded: {text}" in capsys.readouterr().err


def test_a_bequest_that_fails_is_said_and_the_workers_serve_on(
    made: Callable[[str], Supervisor], asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, (wish, told) = made(""), asked
    monkeypatch.setattr(supervisor, "_control", SimpleNamespace(asked=lambda: wish))
    monkeypatch.setattr(supervisor, "bequest", lambda: {}["nothing"])
    supervisor._look()
    assert told() == (False, "KeyError('nothing')") and supervisor._successor is None


def test_a_desk_that_waits_for_its_next_start_when_a_new_version_is_ready_is_not_started_again(
    made: Callable[[str], Supervisor], asked: Any
) -> None:
    supervisor, (wish, told), successor = made(""), asked, Next()
    supervisor._again = {DESK: 0.0, 1: 0.0}
    supervisor._successor = wish, successor  # type: ignore[assignment]
    supervisor._look()
    assert told()[0] and successor.heard == ["go"]
    assert supervisor._retiring and not supervisor._again
    assert list(supervisor._shared.leaving.stages[:3]) == [SERVING, GONE, RELEASED]


async def test_a_worker_that_is_retired_while_it_starts_never_reads_what_the_new_version_reads(made: Callable[[str], Supervisor]) -> None:
    supervisor = made(f'[api]\naddress = "127.0.0.1:{free_port()}"\n')
    settings = replace(supervisor.settings, listeners=supervisor.listeners)
    lines, shared = supervisor._lines, supervisor._shared
    assert lines[1].send(RETIRE, marshal.dumps(None))
    seat = Seat(1, 2, supervisor._sockets[1], shared, lines, supervisor._desk, supervisor._doors)
    app = App(settings, supervisor.parts, seat=seat)
    await app.start()
    try:
        assert list(shared.leaving.stages[:2]) == [SERVING, RETIRED]
        loop = asyncio.get_running_loop()
        assert not any([loop.remove_reader(one) for one in seat.sockets]) and app.api is None
        # A connection that another worker took for it is served.
        ((at, streams),) = [(at, one) for at, one in enumerate(app.sockets) if isinstance(one, Streams)]
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            taken, _ = server.accept()
            with taken:
                supervisor._doors[1].send(at, taken)
            await turns(lambda: len(streams), "its connection")
        async with asyncio.timeout(SECONDS):
            await app.left.wait()  # nothing is left to do for it
    finally:
        await app.stop()
