"""What goes from process to process arrives whole, and what does not fit is dropped and counted, never waited for."""

from __future__ import annotations

import asyncio
import marshal
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.fetch import FetchError
from proxy.sip.flow import Flow
from proxy.storage.rows import End, Row
from proxy.workers import links as room
from proxy.workers.links import (
    ASKED,
    CARRIED,
    DATAGRAM,
    ENDED,
    MAX_RECORD,
    ROWS,
    WANTED,
    WAYS,
    Door,
    Line,
    RemoteFetch,
    RemoteJournal,
    batches,
    rows_of,
    unwrapped,
    wrapped,
)
from proxy.workers.seat import MAX_WAYS, Seat
from proxy.workers.shared import Shared
from tests.waiting import SECONDS


@pytest.fixture
def lines() -> Iterator[Callable[[], Line]]:
    made: list[Line] = []

    def make() -> Line:
        made.append(Line())
        return made[-1]

    yield make
    for one in made:
        one.close()


def read(line: Line) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    line.read(lambda kind, record: found.append((kind, record)))
    return found


@pytest.mark.parametrize("flow", [Flow(0, "198.51.100.7", 5060), Flow(3, "2001:db8::1", 65535)])
def test_a_datagram_arrives_with_where_it_came_from(flow: Flow, lines: Callable[[], Line]) -> None:
    line = lines()
    assert line.send(DATAGRAM, wrapped(b"INVITE\r\n" * 4000, flow))
    ((kind, record),) = read(line)
    assert kind == DATAGRAM and unwrapped(record) == (b"INVITE\r\n" * 4000, flow)


async def test_rows_arrive_as_they_were(lines: Callable[[], Line]) -> None:
    line = lines()
    journal = RemoteJournal(line)
    rows = [Row(utc=1.5, call_id="a", findings=(("slug", "duty", 3, "why"),)), End("a", 2.0, 0.5, "caller")]
    for row in rows:
        journal.put(row)
    journal.close()
    ((kind, record),) = read(line)
    assert kind == ROWS and rows_of(record) == rows and (journal.handed, journal.refused) == (2, 0)


async def test_rows_as_long_as_their_senders_like_arrive_whole(lines: Callable[[], Line]) -> None:
    line = lines()
    journal = RemoteJournal(line)
    rows = [Row(utc=1.5, call_id=f"{number}" * 60_000) for number in range(10)]
    for row in rows:
        journal.put(row)
    journal.close()
    records = read(line)
    assert [row for _, record in records for row in rows_of(record)] == rows
    assert max(len(record) for _, record in records) < MAX_RECORD and journal.refused == 0


async def test_rows_that_wait_are_bounded_by_their_octets_too(
    lines: Callable[[], Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = lines()
    monkeypatch.setattr(room, "MAX_OCTETS", 100_000)
    journal = RemoteJournal(line)
    while line.send(ROWS, b"x" * 60_000):
        pass
    for number in range(3):
        journal.put(Row(utc=1.5, call_id=f"{number}" * 40_000))
    assert journal.refused == 1 and journal.health().waiting == 2
    read(line)
    journal.close()
    journal.put(Row(utc=2.5, call_id="3" * 40_000))
    assert journal.refused == 1 and journal.health().waiting == 1


async def test_a_row_that_cannot_be_packed_is_counted_and_costs_nothing_else(lines: Callable[[], Line]) -> None:
    line = lines()
    journal = RemoteJournal(line)
    journal.put(Row(utc=1.5, call_id="a", action=object()))  # type: ignore[arg-type]
    journal.put(Row(utc=1.5, call_id="b"))
    journal.close()
    ((_, record),) = read(line)
    assert [row.call_id for row in rows_of(record)] == ["b"] and journal.health().dropped == 1  # type: ignore[union-attr]


def test_rows_of_an_older_version_are_read_too() -> None:
    row = Row(utc=1.5, call_id="a")
    assert rows_of(marshal.dumps([("Row", tuple(row))])) == [row]


async def test_a_desk_that_does_not_read_costs_rows_and_nothing_else(lines: Callable[[], Line]) -> None:
    line = lines()
    journal = RemoteJournal(line, bound=500)
    while line.send(ROWS, b"x" * 60_000):
        pass
    for number in range(600):
        journal.put(End(str(number), 1.0, 1.0))
    assert journal.refused == 100
    journal.close()
    assert journal.health().dropped == 600 and journal.handed == 0


async def test_a_certificate_is_asked_for_and_given_or_refused(lines: Callable[[], Line]) -> None:
    line = lines()
    fetch = RemoteFetch(line, 4)
    good, bad = asyncio.create_task(fetch.fetch("https://a/1")), asyncio.create_task(fetch.fetch("https://a/2"))
    await asyncio.sleep(0)
    wanted = [marshal.loads(record) for kind, record in read(line) if kind == WANTED]
    assert wanted == [(1, 4, "https://a/1"), (2, 4, "https://a/2")]
    fetch.arrived(marshal.dumps((1, (b"pem", 60.0), "", "")))
    fetch.arrived(marshal.dumps((2, (), "status", "it answers 500")))
    fetch.arrived(marshal.dumps((9, (b"late", None), "", "")))
    assert await good == (b"pem", 60.0)
    with pytest.raises(FetchError) as caught:
        await bad
    assert caught.value.slug == "status"


def test_what_belongs_to_another_worker_goes_there(lines: Callable[[], Line]) -> None:
    pair = [lines(), lines()]
    seat = Seat(0, 2, (), Shared(2, metrics=1, tally=1, behaviour=1), pair, lines())
    flow = Flow(0, "198.51.100.7", 5060)
    answer = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d0f\r\nCSeq: 1 INVITE\r\n\r\n"
    assert not seat.elsewhere(answer % 0, flow) and not seat.elsewhere(b"nonsense", flow)
    assert seat.elsewhere(answer % 1, flow) and seat.handed == 1
    ((_, record),) = read(pair[1])
    assert unwrapped(record) == (answer % 1, flow)
    while pair[1].send(DATAGRAM, b"x" * 60_000):
        pass
    assert not seat.elsewhere(answer % 1, flow) and seat.lost == 1  # better here than nowhere


def test_what_is_for_somebody_who_has_connected_to_another_worker_leaves_there(lines: Callable[[], Line]) -> None:
    pair = [lines(), lines()]
    one, other = (Seat(number, 2, (), Shared(2, metrics=1, tally=1, behaviour=1), pair, lines()) for number in (0, 1))
    flow, data = Flow(1, "192.0.2.20", 40_123), b"INVITE sip:pbx SIP/2.0\r\n\r\n"
    assert not one.carry(data, flow)  # nobody says that he knows him
    other.share(flow, True)
    ((kind, record),) = read(pair[0])
    assert kind == WAYS and one.learn(*marshal.loads(record)) == []
    assert one.carry(data, flow) and not one.carry(data, flow._replace(port=40_124))
    ((kind, record),) = read(pair[1])
    assert (kind, record[0], unwrapped(record[1:])) == (CARRIED, 0, (data, flow))
    # He is gone, or has gone before a third worker said so.
    assert one.learn(2, False, [flow]) == [] and one.carry(data, flow)
    other.share(flow, False)
    ((_, record),) = [found for found in read(pair[0]) if found[0] == WAYS]
    assert one.learn(*marshal.loads(record)) == [flow] and not one.carry(data, flow)


def test_a_worker_that_begins_is_told_who_has_connected_to_the_others(lines: Callable[[], Line]) -> None:
    pair = [lines(), lines()]
    one, other = (Seat(number, 2, (), Shared(2, metrics=1, tally=1, behaviour=1), pair, lines()) for number in (0, 1))
    one.ask()
    ((kind, record),) = read(pair[1])
    assert (kind, marshal.loads(record)) == (ASKED, 0)
    flows = [Flow(1, "192.0.2.20", 1024 + number) for number in range(450)]
    other.answer(0, flows)
    for _, record in read(pair[0]):
        one.learn(*marshal.loads(record))
    assert list(one.ways) == flows
    one.learn(1, True, [Flow(1, "192.0.2.21", number) for number in range(MAX_WAYS)])
    assert len(one.ways) == MAX_WAYS


async def test_a_message_for_somebody_who_is_gone_comes_back_as_news_of_that(lines: Callable[[], Line]) -> None:
    pair = [lines(), lines()]
    one, other = (Seat(number, 2, (), Shared(2, metrics=1, tally=1, behaviour=1), pair, lines()) for number in (0, 1))
    here, gone = Flow(1, "192.0.2.20", 1), Flow(1, "192.0.2.20", 2)
    one.learn(1, True, [here, gone])
    sent: list[Flow] = []
    other.listen(None, lambda data, flow: None, lambda call_id, utc: None, {}, lambda data, flow: bool(sent.append(flow)) or flow == here)
    try:
        assert one.carry(b"x", here) and one.carry(b"x", gone)
        async with asyncio.timeout(SECONDS):
            while len(sent) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
    finally:
        other.quiet()
    ((kind, record),) = read(pair[0])
    assert kind == WAYS and one.learn(*marshal.loads(record)) == [gone]


async def test_ends_of_calls_are_told_together_and_in_order(lines: Callable[[], Line]) -> None:
    three = [lines(), lines(), lines()]
    one, other, third = (Seat(number, 3, (), Shared(3, metrics=1, tally=1, behaviour=1), three, lines()) for number in range(3))
    ends = [(1 + number % 2, b"call-%d" % number, 1000.5 + number) for number in range(20)]
    one.ended([*ends, (3, b"of-a-worker-that-is-no-more", 1.0)])
    for seat in (other, third):
        heard: list[tuple[int, bytes, float]] = []
        seat.listen(None, lambda data, flow: None, lambda *end, to=heard, me=seat.number: to.append((me, *end)))
        async with asyncio.timeout(SECONDS):
            while len(heard) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0)
        seat.quiet()
        assert heard == [end for end in ends if end[0] == seat.number]
    assert one.lost == 0


def test_ends_of_calls_with_long_names_are_told_too_or_counted(lines: Callable[[], Line]) -> None:
    pair = [lines(), lines()]
    one = Seat(0, 2, (), Shared(2, metrics=1, tally=1, behaviour=1), pair, lines())
    ends = [(b"%d" % number * 60_000, 1.0) for number in range(9)]
    one.ended((1, *end) for end in ends)
    told = [marshal.loads(record) for _, record in read(pair[1])]
    assert [len(batch) for batch in told] == [2, 2, 2, 2, 1] and [end for batch in told for end in batch] == ends
    while pair[1].send(ENDED, b"x" * 60_000):
        pass
    one.ended((1, *end) for end in ends[:2])
    assert one.lost == 2


@given(st.lists(st.tuples(st.integers(0, 65_000).map(bytes), st.floats(allow_nan=False), st.floats(allow_nan=False))))
@settings(max_examples=50)
def test_any_rows_fit_into_their_records(rows: list[tuple[bytes, float, float]]) -> None:
    made = list(batches(rows))
    assert [row for batch in made for row in batch] == rows and all(made)
    assert all(len(marshal.dumps((7, batch))) < MAX_RECORD for batch in made)


def test_slices_do_not_touch_each_other() -> None:
    shared = Shared(3, metrics=5, tally=7, behaviour=9, protected=4)
    parts = [*shared.metrics, *shared.figures, *shared.tally, *shared.behaviour, *shared.protected]
    for number, part in enumerate(parts):
        for cell in range(len(part)):
            part[cell] = number
    assert [set(part) for part in parts] == [{number} for number in range(len(parts))]
    assert [len(part) for part in shared.tally] == [7, 7, 7]


@pytest.fixture
def doors() -> Iterator[list[Door]]:
    made = [Door() for _ in range(3)]
    yield made
    for one in made:
        one.close()


def seat(number: int, doors: list[Door]) -> Seat:
    return Seat(number, 3, (), Shared(3, metrics=1, tally=1, behaviour=1), (), None, doors)  # type: ignore[arg-type]


@pytest.mark.parametrize("accepted", [(8, 0, 0), (5, 3, 1), (0, 1, 7), (9, 9, 9)])
def test_connections_are_dealt_so_that_all_have_as_many(accepted: tuple[int, ...], doors: list[Door]) -> None:
    seats = [seat(number, doors) for number in range(3)]
    kept = [0, 0, 0]
    for number, count in enumerate(accepted):
        for _ in range(count):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                kept[number] += not seats[number].deal(4, ours)
    for number, door in enumerate(doors):
        given: list[tuple[int, socket.socket]] = []
        door.read(lambda listener, taken, given=given: given.append((listener, taken)))
        kept[number] += len(given)
        assert all(listener == 4 for listener, _ in given)
        for _, taken in given:
            taken.close()
    assert sum(kept) == sum(accepted) and max(kept) - min(kept) <= 2
    assert sum(one.dealt for one in seats) > 0


def test_a_connection_that_was_given_is_the_same_one(doors: list[Door]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert doors[1].send(0, ours)
        given: list[socket.socket] = []
        doors[1].read(lambda listener, taken: given.append(taken))
        with given[0]:
            theirs.sendall(b"INVITE")
            assert given[0].recv(6) == b"INVITE"


def test_what_cannot_be_given_stays(doors: list[Door]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = seat(0, doors)
        assert not one.deal(0, ours)  # the first is our own
        while doors[1].send(0, ours):
            pass
        assert not one.deal(0, ours) and one.dealt == 0
        assert one.deal(0, ours)  # the third worker's
        alone = seat(0, [])
        assert not any(alone.deal(0, ours) for _ in range(4))
