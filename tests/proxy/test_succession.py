"""How an upgrade is asked for, and what becomes of a new version that does not start."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.cli.run import succeeded
from proxy.succession import NAME, Asked, Control, Heir, SuccessionError, Successor, ask, inherited
from proxy.workers.legacy import ENVIRONMENT, GO, Legacy, LegacyError, Link, give
from proxy.workers.links import Line
from proxy.workers.shared import Shared
from tests.waiting import SECONDS, found, turns


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    one = Control(tmp_path)
    yield one
    one.close()


@pytest.fixture
def legacy() -> Iterator[Legacy]:
    shared, lines = Shared(1, metrics=1, tally=1, behaviour=1), [Line(), Line()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        where = [("udp", *bound.getsockname())]
        yield Legacy("1", 3, 1, os.getpid(), where, [[bound]], lines[:1], lines[1], shared.file, shared.leaving.file, "x")
    for line in lines:
        line.close()


def test_who_asks_says_how_the_new_version_is_started_and_hears_what_became_of_it(control: Control, tmp_path: Path) -> None:
    assert stat.S_IMODE(os.stat(tmp_path / NAME).st_mode) == 0o600
    told: list[tuple[bool, str]] = []
    asking = threading.Thread(
        target=lambda: told.append(ask(tmp_path, ["new", "-m", "proxy.cli"], {"PATH": "/bin", "SECRET": "no"}))
    )
    asking.start()
    asked = found(control.asked, "something came")
    assert isinstance(asked, Asked)
    assert (asked.command, asked.environment) == (["new", "-m", "proxy.cli"], {"PATH": "/bin"})
    asked.answer("not today", False)
    asking.join()
    assert told == [(False, "not today")]


@pytest.mark.parametrize("request_", [b"nonsense", b"[]", json.dumps({"command": 3, "environment": {}}).encode()])
def test_what_cannot_be_read_is_nobodys_wish(control: Control, tmp_path: Path, request_: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(tmp_path / NAME))
        link.send(request_)
        link.settimeout(SECONDS)
        for _ in range(3):
            assert control.asked() is None
        assert link.recv(10) == b""


def test_the_socket_of_a_successor_stays_when_the_old_one_goes(tmp_path: Path) -> None:
    old = Control(tmp_path)
    new = Control(tmp_path)
    old.close()
    assert (tmp_path / NAME).exists()
    new.close()
    assert not (tmp_path / NAME).exists()
    with pytest.raises(OSError, match="No such file"):
        ask(tmp_path, [], {})


def started(command: list[str], legacy: Legacy, link: socket.socket) -> Successor:
    return Successor(Asked(command, {}, link), Path("ringwarden.toml"), legacy)


def test_a_command_that_is_not_there_or_ends_at_once_is_no_successor(legacy: Legacy) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(SuccessionError, match="cannot be started"):
            started(["/nonexistent/ringwarden"], legacy, theirs)
        ends = started([sys.executable, "-c", "raise SystemExit(2)"], legacy, theirs)
        with pytest.raises(SuccessionError, match="code 2"):
            found(ends.ready, "something came")
        assert ends.process.returncode == 2


class Stuck:
    """A process that takes its time to end, also where it is killed: its memory is given back, or a disk does not answer."""

    pid, killed = 0, False

    def __init__(self, command: list[str], *, pass_fds: list[int], **_: object) -> None:
        self.link = socket.socket(fileno=os.dup(pass_fds[0]))

    def wait(self, seconds: float) -> int:
        raise subprocess.TimeoutExpired("new", seconds)

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize("late", [True, False])
def test_a_successor_that_takes_its_time_to_end_is_given_up_all_the_same(legacy: Legacy, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    monkeypatch.setattr("proxy.succession.subprocess.Popen", Stuck)
    monkeypatch.setattr("proxy.succession.START_SECONDS", -1.0 if late else SECONDS)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        successor = started(["new"], legacy, theirs)
        process: Any = successor.process
        with process.link:
            if not late:
                process.link.shutdown(socket.SHUT_RDWR)
            with pytest.raises(SuccessionError, match="was not ready" if late else "has not ended yet"):
                successor.ready()
            assert process.killed


async def test_whatever_goes_wrong_with_a_successor_the_old_one_waits_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cli.run.LOOK_SECONDS", 0.0)
    said: list[str] = []

    def bequest() -> Legacy:
        raise KeyError("a fault of ours")

    log = SimpleNamespace(say=lambda what, **more: said.append(what))
    app: Any = SimpleNamespace(elder=None, bequest=bequest, log=log, settings=SimpleNamespace(file=Path("ringwarden.toml")))
    links = [socket.socketpair() for _ in range(2)]
    wishes = [Asked(["new"], {}, theirs) for _, theirs in links]
    waiting = asyncio.create_task(succeeded(app, SimpleNamespace(asked=lambda: wishes.pop() if wishes else None)))  # type: ignore[arg-type]
    await turns(lambda: len(said) == 2, "both were told")
    assert not waiting.done() and said == ["upgrade-failed"] * 2
    waiting.cancel()
    for ours, _ in links:
        with ours:
            assert json.loads(ours.recv(1000)) == {"well": False, "text": "KeyError('a fault of ours')"}


def test_the_heir_gets_everything_and_waits_for_its_turn(legacy: Legacy) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    give(ours, legacy)
    environ = {ENVIRONMENT: str(theirs.detach())}
    heir = inherited(environ)
    assert heir is not None and not environ
    assert heir.legacy.generation == 3 and heir.legacy.listeners == legacy.listeners
    assert not heir.may_go()
    link = Link(ours)
    heir.ready()
    assert link.heard() == "ready"
    link.say(GO)
    assert heir.may_go()
    link.close()
    with pytest.raises(LegacyError, match="withdrawn"):
        heir.may_go()
    for row in heir.legacy.sockets:
        for one in row:
            one.close()
    for line in (*heir.legacy.lines, heir.legacy.desk):
        line.close()
    heir.close()


def test_nobody_has_anything_for_a_usual_start_and_a_broken_note_is_said() -> None:
    assert inherited({}) is None
    with pytest.raises(LegacyError, match="names no socket"):
        inherited({ENVIRONMENT: "soup"})


def test_an_older_version_that_ends_before_it_has_handed_over_is_said() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs, pytest.raises(LegacyError):
        Heir(theirs)
