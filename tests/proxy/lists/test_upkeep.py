"""Once a minute: copies of good files, and alarms of lists that grow old."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from policy.told import DAY
from proxy.lists import upkeep
from proxy.lists.copies import Copies
from proxy.lists.kinds import FOLDER, bring_in
from proxy.lists.upkeep import Upkeep
from tests.waiting import SECONDS

UTC = 20_000 * DAY


class World:
    def __init__(self, state: Path) -> None:
        self.utc = UTC
        self.said: list[tuple[str, Any]] = []
        self.upkeep = Upkeep(state, lambda event, **fields: self.said.append((event, fields.get("state"))), lambda: self.utc)


@pytest.mark.req("REG-059")
async def test_a_list_that_grows_old_is_said_once_and_again_the_next_day(tmp_path: Path) -> None:
    (path := tmp_path / "dnc.txt").write_text("202,5550100\n")
    bring_in(tmp_path / FOLDER, "dnc", [path], UTC, as_of=UTC)
    world = World(tmp_path)
    for days, said in ((0, []), (31, []), (32, ["stale"]), (32.5, []), (33, ["stale"])):
        world.utc = UTC + days * DAY
        await world.upkeep.once([])
        assert [state for _, state in world.said] == said, days
        world.said.clear()
    bring_in(tmp_path / FOLDER, "dnc", [path], world.utc, as_of=world.utc)
    await world.upkeep.once([])
    await world.upkeep.once([])
    assert world.said == [("list", "ok")]


async def test_good_files_are_copied_when_they_change_and_bad_ones_are_said(tmp_path: Path) -> None:
    (path := tmp_path / "deny.txt").write_text("12025550100\n")
    world = World(tmp_path / "state")
    await world.upkeep.once([path, tmp_path / "none.txt"])
    assert (copy := Copies(tmp_path / "state").last(path)) is not None and copy.read_text() == "12025550100\n"
    path.write_bytes(b"\xff\n")
    await world.upkeep.once([path])
    await world.upkeep.once([path])
    assert world.said == [("list-uncopied", None)]


async def test_it_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "EVERY_SECONDS", 0.0)
    world, turned = World(tmp_path), asyncio.Event()

    def paths() -> list[Path]:
        if world.said:
            turned.set()
        world.said.append(("turn", None))
        return []

    task = asyncio.create_task(world.upkeep.run(paths))
    async with asyncio.timeout(SECONDS):
        await turned.wait()
    task.cancel()
