"""What the supervisor keeps and survives, without its children; and what a call notices of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policy.decide import reason_slugs
from proxy.lab.world import World
from proxy.parts import prepare
from proxy.settings import load
from proxy.supervisor import Supervisor
from tests.proxy.test_app import call
from tests.proxy.test_supervisor import children
from tests.waiting import counted, until

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
