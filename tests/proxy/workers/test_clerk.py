"""The journal's writer in a process: the same rows in the same file, calls that never wait for it, a thread in its place when
it dies, and a chain that tells the truth about each end."""

from __future__ import annotations

import asyncio
import marshal
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.storage import chain
from proxy.storage.find import find
from proxy.storage.journal import Care, Journal, Pace
from proxy.storage.rows import End, Row
from proxy.workers import clerk as room
from proxy.workers import links
from proxy.workers.clerk import Clerk, Page, Told
from proxy.workers.cores import may_return
from proxy.workers.links import CLOCK
from tests.proxy.workers.test_cores import kept_idle
from tests.waiting import SECONDS, turns

# Python says so of a fork beside threads, which other tests may have left behind.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

PACE = Pace(beat=0.005, patience=0.02, pauses=(0.001,))


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go on at once."""
    monkeypatch.setattr(links, "BEAT", 0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def begun(path: Path) -> Iterator[Callable[[], Clerk]]:
    """Makes writers, and ends those that a test left behind."""
    made: list[Clerk] = []

    def make() -> Clerk:
        one = Clerk.started(path, Care(), "error", PACE)
        one.serve(lambda: Journal(path, pace=PACE), lambda: False, lambda: 0.0)
        made.append(one)
        return one

    yield make
    for one in made:
        one._line.inlet.close()
        if living(one.child):
            os.kill(one.child, signal.SIGKILL)
            os.waitpid(one.child, 0)


def living(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def state(child: int) -> str:
    """As the kernel tells it: T where it is stopped, Z where it has ended."""
    return Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][:1]


async def stopped(child: int) -> None:
    os.kill(child, signal.SIGSTOP)
    await turns(lambda: state(child) == "T", "that it stands still")


def kinds(path: Path) -> list[str]:
    """The links of the chain."""
    with closing(sqlite3.connect(path)) as link:
        return [kind for (kind,) in link.execute("SELECT kind FROM chain ORDER BY seq")]


def gaps(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as link:
        return [gap[0] for gap in chain.verify(link).gaps]


async def test_what_is_handed_over_is_written_and_a_stop_says_that_this_was_all(path: Path, begun: Callable[[], Clerk]) -> None:
    journal = begun()
    for number in range(300):
        journal.put(Row(1_700_000_000.0, f"call-{number}"))
    journal.put(End("call-7", 1_700_000_009.0, 9.0, "caller"))
    await turns(lambda: journal.written == 301, "all rows in the file")
    assert journal.health().well and journal.health().waiting == 0
    journal.put(Row(1_700_000_010.0, "last"))
    await journal.close()
    await journal.close()
    assert not living(journal.child)
    assert find(path, "call-7")[0].duration == 9.0 and find(path, "last")
    assert (journal.written, journal.dropped, journal.rowless) == (302, 0, 0)
    journal.put(Row(1_700_000_011.0, "too late"))
    assert journal.dropped == 1
    assert kinds(path)[0] == chain.BEGAN and kinds(path)[-1] == chain.STOPPED and not gaps(path)


def packed(*names: str) -> bytes:
    """Rows of a worker, the last as an older version packs it."""
    rows: list[object] = [("Row", tuple(Row(1.0, name))) for name in names]
    return marshal.dumps([*map(marshal.dumps, rows[:-1]), rows[-1]])


async def test_rows_of_workers_are_passed_on_unopened_also_to_the_thread_in_its_place(
    path: Path, begun: Callable[[], Clerk]
) -> None:
    journal = begun()
    journal.pass_on(packed("a", "b", "of an older version"))
    await turns(lambda: journal.written == 3, "all rows in the file")
    os.kill(journal.child, signal.SIGKILL)

    def noticed() -> bool:
        journal.put(Row(2.0, "after"))
        return journal._instead is not None

    await turns(noticed, "a thread in its place")
    journal.pass_on(packed("c", "d"))
    await journal.close()
    assert all(find(path, name) for name in ("a", "b", "of an older version", "c", "d"))
    before = journal.dropped
    journal.pass_on(packed("too", "late"))
    assert journal.dropped == before + 2


async def test_what_was_handed_over_outlives_a_caller_who_is_killed_and_the_chain_says_that_more_may_be_lost(
    path: Path, begun: Callable[[], Clerk]
) -> None:
    journal = begun()
    await stopped(journal.child)
    journal.put(Row(1.0, "handed"))
    await turns(lambda: journal.handed == 1, "the row in the line")
    journal._line.inlet.close()  # as the kernel does for whoever is killed
    os.kill(journal.child, signal.SIGCONT)
    await turns(lambda: not living(journal.child), "the end of the writer")
    assert find(path, "handed") and chain.STOPPED not in kinds(path)
    after = Journal(path, pace=PACE)
    after.put(Row(2.0, "after"))
    after.close()
    assert find(path, "after") and len(gaps(path)) == 1


async def test_a_thread_writes_on_when_the_writer_is_killed_and_what_it_had_is_counted(
    path: Path, begun: Callable[[], Clerk]
) -> None:
    journal = begun()
    journal.put(Row(1.0, "before"))
    await turns(lambda: journal.written == 1, "the first row in the file")
    await stopped(journal.child)
    for name in ("lost", "lost too"):
        journal.put(Row(1.0, name))
    await turns(lambda: journal.handed == 3, "two rows in the line")
    os.kill(journal.child, signal.SIGKILL)
    put = 3

    def noticed() -> bool:
        nonlocal put
        journal.put(Row(2.0, "after"))
        put += 1
        return journal._instead is not None

    await turns(noticed, "a thread in its place")
    await turns(lambda: journal.written + journal.dropped == put, "each row written or counted")
    assert journal.dropped >= 2 and journal.health().well and journal.health().waiting == 0
    await journal.close()
    assert find(path, "before") and find(path, "after") and not find(path, "lost")
    assert len(gaps(path)) == 1


async def test_a_writer_that_hangs_costs_no_call_and_is_seen(
    path: Path, begun: Callable[[], Clerk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "HUNG_SECONDS", 0.05)
    journal = begun()
    journal.put(Row(1.0, "before"))
    await turns(lambda: journal.written == 1, "the first row in the file")
    await stopped(journal.child)
    for number in range(2_000):
        journal.put(Row(1.0, f"{number}", findings=(("slug", "duty", 1, "x" * 500),)))
    await turns(lambda: not journal.health().well, "that it does not answer")
    health = journal.health()
    assert "does not answer" in health.why and health.waiting == 2_000 and health.dropped == 0
    os.kill(journal.child, signal.SIGCONT)
    await turns(lambda: journal.written == 2_001, "all rows in the file, once it goes on")
    assert journal.health().well
    await journal.close()


async def test_a_stop_does_not_wait_for_ever_for_a_writer_that_hangs(
    begun: Callable[[], Clerk], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begun()
    await stopped(journal.child)
    for number in range(2_000):
        journal.put(Row(1.0, f"{number}", findings=(("slug", "duty", 1, "x" * 500),)))
    async with asyncio.timeout(SECONDS):
        await journal.close(0.05)
    assert not living(journal.child) and journal.dropped == 2_000


async def test_rows_wait_while_an_older_version_writes(path: Path, begun: Callable[[], Clerk]) -> None:
    journal, theirs = begun(), [True]
    journal.serve(lambda: Journal(path, pace=PACE), lambda: theirs[0], lambda: 0.0)
    journal.put(Row(1.0, "new"))
    for _ in range(20):
        journal._flush()
    assert journal.handed == 0 and journal.health().waiting == 1
    theirs.clear()
    theirs.append(False)
    await turns(lambda: journal.written == 1, "the row, once the older version has let go")
    await journal.close()


async def test_what_hinders_it_is_seen_by_whoever_asks_the_caller(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    journal = Clerk.started(tmp_path / "taken" / "journal.db", Care(), "error", PACE)
    journal.put(Row(1.0, "one"))
    await turns(lambda: journal.dropped == 1, "a row given up")
    assert not journal.health().well and journal.health().why
    await journal.close()
    assert not living(journal.child)


async def test_it_keeps_nothing_of_its_caller_open(begun: Callable[[], Clerk]) -> None:
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        journal = begun()
        journal.put(Row(1.0, "one"))
        await turns(lambda: journal.written == 1, "the row in the file")
        mine = os.readlink(f"/proc/self/fd/{ours.fileno()}")
        held = Path(f"/proc/{journal.child}/fd")
        opened = await asyncio.to_thread(lambda: [os.readlink(one) for one in held.iterdir()])
        assert mine not in opened and sum(one.startswith("socket:") for one in opened) == 1
    await journal.close()


def test_where_there_can_be_no_process_nothing_is_left_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        Clerk.started(path, Care(), "error")
    assert os.listdir("/proc/self/fd") == before


async def test_signals_are_for_the_caller(begun: Callable[[], Clerk]) -> None:
    journal = begun()
    journal.put(Row(1.0, "one"))
    await turns(lambda: journal.written == 1, "the row in the file")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(journal.child, number)
    journal.put(Row(1.0, "two"))
    await turns(lambda: journal.written == 2, "the next one too")
    await journal.close()


@pytest.mark.skipif(not may_return(), reason="this user may not take a thread out of the kernel's idle class")
async def test_it_gives_way_until_it_is_late_and_again_when_it_was_in_time_for_a_while(
    begun: Callable[[], Clerk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the kernel's idle class alone it got no turn beside a worker that always had calls, and rows were lost."""
    monkeypatch.setattr(room, "LATE_SECONDS", 0.05)
    monkeypatch.setattr(room, "CALM_SECONDS", 0.05)
    journal = begun()
    journal.put(Row(1.0, "one"))
    await turns(lambda: journal.written == 1, "the row in the file")
    await turns(lambda: os.sched_getscheduler(journal.child) == os.SCHED_IDLE, "it gives way")
    os.kill(journal.child, signal.SIGSTOP)
    journal.put(Row(1.0, "two"))
    await turns(lambda: os.sched_getscheduler(journal.child) == os.SCHED_BATCH, "its share for one that is late")
    os.kill(journal.child, signal.SIGCONT)
    await turns(lambda: journal.written == 2, "the row in the file")
    await turns(lambda: os.sched_getscheduler(journal.child) == os.SCHED_IDLE, "it gives way again")
    await turns(lambda: journal._handle is None, "no timer is left")
    await journal.close()
    assert journal.health().well and journal.dropped == 0


async def test_a_late_writer_that_has_ended_is_replaced_though_no_further_row_comes(
    begun: Callable[[], Clerk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LATE_SECONDS", 0.05)
    journal = begun()
    journal.put(Row(1.0, "one"))
    await turns(lambda: journal.written == 1, "the row in the file")
    os.kill(journal.child, signal.SIGSTOP)
    journal.put(Row(1.0, "lost"))
    await turns(lambda: journal.handed == 2, "a row handed over")
    os.kill(journal.child, signal.SIGKILL)
    await turns(lambda: journal.dropped == 1 and journal._handle is None, "a loss that is counted")
    journal.put(Row(1.0, "two"))
    await turns(lambda: journal.written == 2, "a row of the thread in its place")
    await journal.close()


async def test_where_nobody_may_leave_the_idle_class_it_is_never_in_it(
    begun: Callable[[], Clerk], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_idle(monkeypatch)
    journal = begun()
    journal.put(Row(1.0, "one"))
    await turns(lambda: journal.written == 1, "the row in the file")
    assert os.sched_getscheduler(journal.child) == os.SCHED_BATCH
    assert os.getpriority(os.PRIO_PROCESS, journal.child) == os.getpriority(os.PRIO_PROCESS, 0)
    await journal.close()


def test_half_of_what_was_told_is_not_believed() -> None:
    page = Page()
    first = Told(3, 2, 1, 0, 0, "why", 5.0)
    page.write(first)
    assert page.read() == first
    page._octets[12:13] = b"\xff"
    assert page.read() == first
    second = first._replace(taken=9, why="x" * room.MAX_WHY)
    page.write(second)
    assert page.read() == second


async def test_the_clock_is_told_when_it_was_moved(begun: Callable[[], Clerk], path: Path) -> None:
    journal, ahead, told = begun(), [0.0], []
    journal.serve(lambda: Journal(path, pace=PACE), lambda: False, lambda: ahead[0])
    send = journal._line.send

    def heard(kind: bytes, value: object) -> bool:
        told.append((kind, value))
        return send(kind, value)

    journal._line.send = heard  # type: ignore[method-assign]
    journal.put(Row(1.0, "one"))
    await turns(lambda: journal.written == 1, "a row")
    ahead[0] = 3_600.0
    for number in (2, 3):
        journal.put(Row(1.0, "another"))
        await turns(lambda number=number: journal.written == number, "another")  # type: ignore[misc]
    assert [value for kind, value in told if kind == CLOCK] == [3_600.0]
    await journal.close()
