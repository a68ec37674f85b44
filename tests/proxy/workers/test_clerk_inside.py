"""The journal's writer from within: what it reads, when it rests, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxy.log import Log
from proxy.storage.database import BREATH
from proxy.storage.find import find
from proxy.storage.journal import Care, Pace
from proxy.storage.rows import Row
from proxy.workers import clerk as room
from proxy.workers.clerk import Page
from proxy.workers.links import CLOCK, ROWS, Line

PACE = Pace(beat=0.005, patience=0.02, pauses=(0.001,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writer(path: Path) -> Iterator[tuple[Line, room._Writer]]:
    """The inside of the process, in this one."""
    line, log = Line(), Log("error")
    one = room._Writer(line.outlet, path, Care(), log, Page(), PACE)
    yield line, one
    one.close()
    log.close()
    line.close()


def test_it_rests_again_and_again_until_it_falls_behind(
    path: Path, writer: tuple[Line, room._Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    line, one = writer
    time, rests = [1000.0], []

    def works() -> float:
        time[0] += room.WORK_SECONDS / 3
        return time[0]

    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=works, sleep=rests.append, time=lambda: 1.0))
    for since, least in ((0.0, 3 * 400 // BREATH // 4), (room.LEISURE_SECONDS, 0)):
        rests.clear()
        one._last = time[0] - since
        for _ in range(4):
            line.send(ROWS, [("Row", tuple(Row(1.0, "call"))) for _ in range(100)])
        one.turn()
        assert least <= len(rests) <= 2 * least and set(rests) <= {room.REST_SECONDS}
    assert one._journal.written == 800


def test_nobody_waits_for_rests_at_the_end(
    path: Path, writer: tuple[Line, room._Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    line, one = writer
    rests: list[float] = []
    monkeypatch.setattr(room, "WORK_SECONDS", -1.0)
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: 1.0, sleep=rests.append, time=lambda: 1.0))
    line.send(ROWS, [("Row", tuple(Row(1.0, "last")))])
    line.inlet.close()
    one.run()
    one.close()
    assert len(rests) == 1, "for what was read, not for what is written then"
    assert find(path, "last")


def test_the_clock_of_the_lab_is_its_clock_too(writer: tuple[Line, room._Writer], monkeypatch: pytest.MonkeyPatch) -> None:
    line, one = writer
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    line.send(CLOCK, 86_400.0)
    one.turn()
    assert one._journal._utc() == 87_400.0
