"""One process follows another on the same sockets, both in this one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from policy.decide import reason_slugs
from proxy.app import App
from proxy.parts import Parts, prepare
from proxy.settings import Settings, load
from proxy.workers.shared import GONE, RETIRED
from tests.waiting import turns


@pytest.fixture
def read(tmp_path: Path) -> tuple[Settings, Parts]:
    path = tmp_path / "small.toml"
    path.write_text(
        '[[listen]]\naddress = "127.0.0.1:0"\n[[trunk]]\nname = "c"\nside = "carrier"\nsources = ["127.0.0.2"]\n'
        '[next_hop]\npbx = ["127.0.0.3"]\n[lab]\nenabled = true\n[log]\nlevel = "error"\n'
    )
    settings = load(path, reason_slugs())
    return settings, prepare(settings)


@asynccontextmanager
async def started(app: App) -> AsyncIterator[App]:
    try:
        await app.start()
        yield app
    finally:
        await app.stop()
        for way in (app.line, app.desk_line):
            if way is not None:
                way.close()


def followed(old: App, read: tuple[Settings, Parts], begin: Callable[[], Coroutine[Any, Any, None]] | None = None) -> App:
    """Who goes on where the old one is. begin: what happens while all is built."""
    legacy = old.bequest()
    legacy.sockets = [[one.dup() for one in row] for row in legacy.sockets]
    return App(*read, legacy=legacy, begin=begin)


async def test_a_bypass_that_is_pulled_while_the_new_version_starts_holds_there_and_is_lifted_by_way_of_the_old_one(
    read: tuple[Settings, Parts],
) -> None:
    async with started(App(*read)) as old:

        async def begin() -> None:
            old.bypass(True)

        async with started(followed(old, read, begin)) as new:
            assert old.memory.leaving.stages[0] == RETIRED and new.calls.world.bypass
            assert new.bequest().bypass
            # Whoever asks while the new one has not yet noted itself reaches the old one.
            old.bypass(False)
            await turns(lambda: not new.calls.world.bypass, "that the new one has heard it")
            new.bypass(True)  # and whoever asks later the new one, which has the last word
            old.memory.leaving.stages[0] = GONE
            await turns(lambda: new.elder is None, "the end of the old one")
            assert new.calls.world.bypass


async def test_who_follows_one_that_has_died_goes_on_from_what_it_had_counted(read: tuple[Settings, Parts]) -> None:
    async with started(App(*read)) as old:
        old.memory.tally[0][3] = 5
        old.memory.leaving.stages[0] = GONE
        old.server.rest(lambda data: None)
        async with started(followed(old, read)) as new:
            assert new.memory.tally[0][3] == 5
