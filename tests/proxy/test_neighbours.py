"""The peers of the settings as the rooms of peers know them."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

from proxy.neighbours import Board, Desk, Hearsay, Moved, by_datagram, configured
from proxy.peers import Directory, Hop, Peer, Place, Target
from proxy.settings import read
from proxy.sip.flow import Flow

DATA: dict[str, Any] = {
    "listen": [{"address": "192.0.2.10"}],
    "peer": [
        {"name": "a", "side": "carrier", "hops": ["udp+tcp:198.51.100.7", "tcp:198.51.100.8:5070"], "weight": 3},
        {"name": "b", "side": "carrier", "hops": ["sip.example.net"], "sources": ["198.51.100.9"], "ping": False},
        {"name": "pbx", "side": "pbx", "hops": ["192.0.2.20"], "priority": 2},
    ],
}


def test_each_peer_is_taken_over_with_its_hops() -> None:
    a, b, pbx = configured(read(DATA), lambda target: Flow(0, target.host, target.port))
    assert a.hops == (Hop("198.51.100.7", 5060, "UDP", True), Hop("198.51.100.8", 5070, "TCP")) and a.weight == 3
    assert b.hops == (Hop("sip.example.net", unsaid=True),) and pbx.hops[0].unsaid and not b.ping and a.ping
    assert (pbx.name, pbx.side, pbx.priority) == ("pbx", "pbx", 2)
    quiet = configured(read(DATA | {"health": {"ping_seconds": 0}}), lambda target: Flow(0, target.host, target.port))
    assert not any(peer.ping for peer in quiet)


@pytest.mark.parametrize(
    ("listen", "hops", "said"),
    [
        ("udp+tcp", ["192.0.2.20", "udp+tcp:192.0.2.21", "tcp:192.0.2.22", "sip.example.net"], []),
        ("udp+tcp", ["udp:192.0.2.20", "udp:192.0.2.21"], ["udp: is written"]),
        ("udp", ["192.0.2.20"], ["no [[listen]] speaks TCP"]),
    ],
)
def test_whoever_gets_long_requests_by_udp_is_named(listen: str, hops: list[str], said: list[str]) -> None:
    listens = {"address": "192.0.2.10", "transport": listen}
    pbx = {"name": "pbx", "side": "pbx", "hops": hops, "sources": ["192.0.2.20"]}
    carrier = {"name": "a", "side": "carrier", "hops": ["udp:198.51.100.7"]}
    found = by_datagram(read({"listen": [listens], "peer": [pbx, carrier]}))
    assert found == [
        f"{name}: what is longer than 1300 octets leaves by UDP too: {why}"
        for name, why in [*(("pbx", one) for one in said), ("a", "udp: is written")]
    ]


def test_an_address_that_no_listener_reaches_is_said() -> None:
    def udp_only(target: Target) -> Flow | None:
        return Flow(0, target.host, target.port) if target.transport == "UDP" else None

    with pytest.raises(OSError, match=r"no listener reaches 198\.51\.100\.8 of the peer a by TCP"):
        configured(read(DATA), udp_only)


def test_the_desk_shows_and_orders() -> None:
    directory = Directory(configured(read(DATA), lambda target: Flow(0, target.host, target.port)))
    desk = Desk(directory, lambda: 5.0)
    desk.order("pbx", "drain")
    assert [row.order for row in desk.rows()] == ["", "", "", "drain"]


# What several processes tell each other


PEER = Peer("east", "carrier", (Hop("192.0.2.1", 5060, "UDP"), Hop("192.0.2.2", 5060, "UDP")))
ONE, OTHER = Target("UDP", "192.0.2.1", 5060), Target("UDP", "192.0.2.2", 5060)


class Worker:
    """A directory that tells the others, and hears of them when `listen` is called."""

    def __init__(self, board: Board | None = None) -> None:
        self.now = 100.0
        self.others: list[Worker] = []
        self.directory = Directory([PEER], now=0.0, changed=lambda *moved: self.hearsay.changed(*moved))
        for hop, target in zip(PEER.hops, (ONE, OTHER), strict=True):
            self.directory.place(hop, (Place(target),), 0.0)
        report = board.moved if board is not None else lambda moved: None
        self.hearsay = Hearsay(self.directory, lambda: self.now, self.tell, report)

    def tell(self, moved: Moved) -> None:
        for one in self.others:
            one.hearsay.heard(marshal.loads(marshal.dumps(moved)))  # as it goes from process to process

    def fails(self, times: int, call: bool = True) -> None:
        for _ in range(times):
            self.now += 1
            self.directory.ill(ONE, "silence", self.now, self.now - 0.5, call)


def pair(board: Board | None = None) -> tuple[Worker, Worker]:
    one, other = Worker(board), Worker(board)
    one.others, other.others = [other], [one]
    return one, other


def test_what_one_worker_finds_dead_all_leave_alone_and_take_up_again_together() -> None:
    pings, calls = pair()
    calls.fails(3)
    assert pings.directory.state(ONE) == calls.directory.state(ONE) == "down"
    assert pings.directory.choose("carrier", 104.0, lambda: 0.5) == (OTHER, ONE)
    assert pings.directory.rows(104.0)[0].why == "silence"
    for now in (105.0, 106.0):
        pings.directory.well(ONE, now, call=False)
    assert pings.directory.state(ONE) == calls.directory.state(ONE) == "up"


def test_a_doubt_is_not_told_so_that_a_ping_takes_no_failed_call_back() -> None:
    pings, calls = pair()
    for _ in range(2):
        calls.fails(1)
        pings.directory.well(ONE, calls.now, call=False)
        assert (pings.directory.state(ONE), calls.directory.state(ONE)) == ("up", "failing")
    calls.fails(1)
    assert pings.directory.state(ONE) == calls.directory.state(ONE) == "down"


def test_a_rest_that_a_peer_asked_for_ends_everywhere_at_once() -> None:
    one, other = pair()
    one.directory.ill(ONE, "503", 100.0, 100.0, retry_after=60.0)
    assert other.directory.state(ONE) == "held" and other.directory.rests(ONE) == 160.0
    other.directory.tick(159.0)
    assert other.directory.state(ONE) == "held"
    one.directory.tick(160.0)
    assert one.directory.state(ONE) == other.directory.state(ONE) == "unknown"
    assert one.directory.rests(Target("UDP", "192.0.2.9", 5060)) == 0.0


def test_who_falls_again_must_prove_more_also_where_another_worker_saw_it() -> None:
    pings, calls = pair()
    calls.fails(3)
    for _ in range(2):
        pings.directory.well(ONE, calls.now, call=False)
    calls.fails(3)
    for answers in range(1, 5):
        pings.directory.well(ONE, calls.now + answers, call=False)
        assert (pings.directory.state(ONE) == "up") is (answers == 4)


def test_the_board_shows_what_was_told_last_and_passes_orders_on() -> None:
    told: list[tuple[str, str]] = []
    now = [200.0]
    board = Board(lambda: now[0], lambda name, order: told.append((name, order)))
    one, _ = pair(board)
    with pytest.raises(KeyError):
        board.order("east", "drain")  # nobody has told anything yet
    one.fails(3)
    board.take(one.hearsay.shown())
    assert board.usable() == {"east": 1.0}
    now[0] = 205.0
    assert [(row.target, row.state, row.seconds) for row in board.rows()] == [
        ("udp:192.0.2.1:5060", "down", 5.0), ("udp:192.0.2.2:5060", "unknown", 108.0),
    ]  # fmt: skip
    board.order("east", "drain")
    assert told == [("east", "drain")] and board.usable() == {"east": 0.0}
    board.take(one.hearsay.shown())  # the worker has not heard of it yet
    assert [row.order for row in board.rows()] == ["drain", "drain"]
    board.order("east", "up")
    assert board.usable() == {"east": 2.0}
    with pytest.raises(KeyError):
        board.order("west", "drain")


def test_a_worker_that_begins_is_told_orders_and_who_is_out_of_use() -> None:
    board = Board(lambda: 0.0, lambda name, order: None)
    one, other = pair(board)
    one.fails(3)
    other.directory.ill(OTHER, "transport", 104.0, 104.0)
    for now in (110.0, 111.0):
        other.directory.well(OTHER, now, call=False)
    board.take(one.hearsay.shown())
    board.order("east", "drain")
    late = Worker()
    late.hearsay.welcomed(*board.welcome())
    assert late.directory.state(ONE) == "down" and late.directory.state(OTHER) == "unknown"
    assert {row.order for row in late.directory.rows(0.0)} == {"drain"}
    late.hearsay.ordered("gone", "drain")
    late.hearsay.ordered("east", "nonsense")
    assert {row.order for row in late.directory.rows(0.0)} == {"drain"}


def test_a_desk_that_begins_learns_the_orders_from_the_workers_and_forgets_who_is_gone() -> None:
    one, _ = pair()
    one.directory.order("east", "drain")
    board = Board(lambda: 0.0, lambda name, order: None)
    board.moved(("UDP", "192.0.2.77", 5060, "down", 0.0, "silence"))
    board.take(one.hearsay.shown())
    board.moved((*ONE, "down", 0.0, "silence"))
    orders, states = board.welcome()
    assert orders == {"east": "drain"} and [state[1] for state in states] == ["192.0.2.1"]
    # After a reload the peers are others: their orders are as the workers have them.
    one.directory.replace([Peer("new", "carrier", PEER.hops)], 0.0)
    board.take(one.hearsay.shown())
    assert board.welcome()[0] == {"new": "drain"}
