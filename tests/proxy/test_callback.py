"""The window of a line survives a restart, and a disk that does not serve stops nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.protected import CELLS, Protected
from proxy.callback import Callback, read, write

LINE, OTHER = "12025550177", "12025550178"
UTC = 1_795_000_000.0


def table() -> Protected:
    return Protected(memoryview(bytearray(CELLS * 8)).cast("Q"), salt=b"secret")


class Edge:
    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.said: list[dict[str, Any]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def say(self, event: str, **fields: Any) -> None:
        self.said.append({"event": event, **fields})

    def callback(self, folder: Path | None, protected: Protected, worker: int = 0, workers: int = 1) -> Callback:
        return Callback(folder, protected, spawn=self.spawn, say=self.say, worker=worker, workers=workers)


@pytest.mark.req("EMG-012")
async def test_the_next_start_knows_the_line_and_when_its_window_ends(tmp_path: Path) -> None:
    edge, first = Edge(), table()
    callback = edge.callback(tmp_path / "state", first)
    for at, line in ((0, LINE), (1, OTHER)):
        first.note(line, UTC + at)
        callback.keep(UTC + at)  # the second while the first is being written
    await asyncio.gather(*edge.tasks)
    assert len(edge.tasks) == 1
    second = table()
    assert edge.callback(tmp_path / "state", second).restore(UTC + 60) == 2
    assert second.holds(LINE, UTC + 60) and second.holds(OTHER, UTC + 60)
    assert not second.holds(LINE, UTC + 1800)
    assert edge.callback(tmp_path / "state", table()).restore(UTC + 7200) == 0
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["callback-0"]
    kept = tmp_path / "state" / "callback-0"
    assert kept.stat().st_mode & 0o077 == 0
    assert LINE[4:] not in kept.read_text()
    assert edge.said == []


@pytest.mark.req("EMG-012")
async def test_each_worker_keeps_its_own_and_what_workers_of_before_kept_is_not_lost(tmp_path: Path) -> None:
    edge = Edge()
    for worker in range(3):
        one = table()
        one.note(f"1202555017{worker}", UTC)
        edge.callback(tmp_path, one, worker, 3).keep(UTC)
    await asyncio.gather(*edge.tasks)
    now = [table(), table()]
    assert [edge.callback(tmp_path, one, worker, 2).restore(UTC) for worker, one in enumerate(now)] == [2, 1]
    assert now[0].holds("12025550172", UTC) and now[1].holds("12025550171", UTC)


@pytest.mark.req("EMG-004")
async def test_a_state_folder_that_does_not_serve_is_said_and_stops_nothing(tmp_path: Path) -> None:
    edge, protected = Edge(), table()
    (tmp_path / "taken").write_text("a file where the folder should be")
    callback = edge.callback(tmp_path / "taken", protected)
    assert callback.restore(UTC) == 0
    protected.note(LINE, UTC)
    callback.keep(UTC)
    await asyncio.gather(*edge.tasks)
    assert [line["event"] for line in edge.said] == ["callback-state"]
    assert protected.holds(LINE, UTC)
    nowhere = edge.callback(None, protected)
    nowhere.keep(UTC)
    assert nowhere.restore(UTC) == 0 and len(edge.tasks) == 1


@given(st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=9
).map(lambda value: json.dumps({"lines": value}).encode())))  # fmt: skip
def test_a_damaged_file_is_a_remark(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    folder, edge = tmp_path_factory.mktemp("state"), Edge()
    (folder / "callback-0").write_bytes(octets)
    (folder / "callback-x").write_bytes(octets)
    assert edge.callback(folder, table()).restore(UTC) == 0


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "callback-0"
    write(path, [(7, 8)])

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("proxy.callback.os.fsync", full)
    with pytest.raises(OSError, match="space"):
        write(path, [(9, 10)])
    assert read(path) == [(7, 8)]
    assert [one.name for one in tmp_path.iterdir()] == ["callback-0"]
