"""What one generation hands to the next arrives whole, or is refused with a sentence."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.workers.legacy import GO, READY, Elder, Legacy, LegacyError, Link, give, received
from proxy.workers.links import Line
from proxy.workers.shared import Leaving, Shared
from tests.waiting import SECONDS

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The ends of the link."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for one in (ours, theirs):
            one.settimeout(SECONDS)
        yield ours, theirs


def closed(legacy: Legacy) -> None:
    for line in (*legacy.lines, legacy.desk):
        line.close()
    for row in legacy.sockets:
        for one in row:
            one.close()


def bound() -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    return one


def made(workers: int, sockets: list[list[socket.socket]], shared: Shared) -> Legacy:
    where = [("udp", *row.getsockname()) for row in sockets[0]]
    lines = [Line() for _ in range(workers)]
    states = [("UDP", "192.0.2.1", 5060, "down", 0.0, "silence")]
    return Legacy(
        "9.9", 35, workers, os.getpid(), where, sockets, lines, Line(), shared.file, shared.leaving.file, "x", ({"pbx": "drain"}, states)
    )  # fmt: skip


def test_sockets_lines_memory_and_orders_arrive_also_where_they_are_more_than_one_message_carries(pair: Pair) -> None:
    ours, theirs = pair
    workers, listeners = 36, 4
    shared = Shared(workers, metrics=3, tally=1, behaviour=1)
    shared.metrics[35][2] = 77
    shared.leaving.stages[37] = 1
    sockets = [[bound() for _ in range(listeners)] for _ in range(workers)]
    legacy = made(workers, sockets, shared)
    sending = threading.Thread(target=give, args=(ours, legacy))
    sending.start()
    got = received(theirs)
    sending.join()
    assert (got.version, got.generation, got.workers, got.pid, got.layout) == ("9.9", 35, 36, os.getpid(), "x")
    names = [[one.getsockname() for one in row] for row in sockets]
    assert [[one.getsockname() for one in row] for row in got.sockets] == names
    assert [one.getsockname() for one in got.group("udp", *names[0][2])] == [row[2] for row in names]
    assert got.group("tcp", *names[0][2]) == []
    assert not os.get_inheritable(got.sockets[0][0].fileno())
    assert got.lines[17].send(b"D", b"hello")
    heard: list[bytes] = []
    legacy.lines[17].read(lambda kind, record: heard.append(record))
    assert heard == [b"hello"]
    again = Shared(workers, metrics=3, tally=1, behaviour=1, file=got.memory)
    assert again.metrics[35][2] == 77 and Leaving(workers, got.leaving).stages[37] == 1
    assert got.peers == ({"pbx": "drain"}, [("UDP", "192.0.2.1", 5060, "down", 0.0, "silence")])
    for one in (legacy, got):
        closed(one)


def test_the_secret_goes_along_and_an_older_version_that_gives_none_is_understood(pair: Pair) -> None:
    ours, theirs = pair
    shared = Shared(1, metrics=1, tally=1, behaviour=1)
    legacy = made(1, [[bound()]], shared)
    legacy.secret = b"\x00 sixteen octets\xff"
    give(ours, legacy)
    got = received(theirs)
    assert got.secret == legacy.secret and "sixteen" not in repr(got)
    older, closing = Older(ours), (legacy, got)
    give(older, legacy)  # type: ignore[arg-type]  # what `give` needs of it
    got = received(theirs)
    assert got.secret == b"" and got.workers == 1
    for one in (*closing, got):
        closed(one)


class Older:
    """A link by which an older version tells what it has."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def send(self, data: bytes) -> None:
        head = json.loads(data)
        del head["secret"]
        self._link.send(json.dumps(head).encode())

    def sendmsg(self, *args: Any) -> int:
        return self._link.sendmsg(*args)


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"not json", "cannot be read"),
        (json.dumps({"language": 999, "version": "0.1"}).encode(), "stop it and start this one"),
        (json.dumps({"language": 1, "version": "1", "files": 3}).encode(), "ended before"),
    ],
)
def test_what_cannot_be_read_is_refused(pair: Pair, head: bytes, why: str) -> None:
    ours, theirs = pair
    ours.send(head)
    ours.close()
    with pytest.raises(LegacyError, match=why):
        received(theirs)


def test_memory_of_another_layout_is_not_read() -> None:
    other = Shared(2, metrics=5, tally=1, behaviour=1)
    with pytest.raises(ValueError, match="another way"):
        Shared(2, metrics=6, tally=1, behaviour=1, file=other.file)


def test_counts_of_callers_go_on_with_the_next_generation() -> None:
    old, new = (Shared(2, metrics=1, tally=4, behaviour=4) for _ in range(2))
    old.tally[1][3], old.behaviour[1][0], old.metrics[1][0] = 5, 6, 7
    new.begin_with(old, 1)
    assert (new.tally[1][3], new.behaviour[1][0], new.metrics[1][0]) == (5, 6, 0)
    assert new.tally[0][3] == 0


def test_a_bypass_shows_to_who_follows_as_it_is_now_and_of_an_older_version_as_it_was() -> None:
    shared = Shared(2, metrics=1, tally=1, behaviour=1)
    legacy = made(2, [[bound()], [bound()]], shared)
    old = Elder(legacy, None, ())
    assert not old.bypass
    shared.leaving.bypass[0] = 1
    shared.leaving.stages[3], shared.leaving.roll[1][-1] = 1, 7
    assert old.bypass and not legacy.bypass
    os.ftruncate(shared.leaving.file, os.fstat(shared.leaving.file).st_size - 8)  # as long as the memory of an older one
    old = Elder(legacy, None, ())
    assert not old.bypass and old.leaving.stages[3] == 1 and old.leaving.roll[1][-1] == 7
    legacy.bypass = True
    assert old.bypass
    closed(legacy)


def test_a_link_says_words_and_knows_when_nobody_is_there(pair: Pair) -> None:
    ours, theirs = (Link(one) for one in pair)
    for one in (ours, theirs):
        one.end.setblocking(False)
    assert ours.heard() is None
    theirs.say(READY)
    theirs.say(GO)
    assert [ours.heard(), ours.heard(), ours.heard()] == [READY, GO, None]
    theirs.close()
    assert ours.heard() == ""
    ours.say(GO)  # and nothing is raised
