"""Refusals by a real ringwarden: the answer of each class, and the way back from a 603+ to the call in the journal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from tests.waiting import recorded

DENIED = "13015550190"


def call(world: World, caller: str, *lines: str) -> Invitation:
    identity = f"<sip:+{caller}@carrier.example.net>"
    target = f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}"
    return Invitation(target, identity, lines=(f"P-Asserted-Identity: {identity}", *lines))


def refusing(folder: Path, *refusals: str, role: str = "enterprise") -> Callable[[str], str]:
    """The lab's configuration with a role, a deny list and further answers."""
    (folder / "deny.txt").write_text(f"{DENIED}\n")

    def amend(text: str) -> str:
        text = text.replace("[[listen]]", f'role = "{role}"\n\n[[listen]]', 1)
        text = text.replace("[policy.redress]", "[policy.refusals]\n" + "\n".join(refusals) + "\n\n[policy.redress]")
        text = text.replace("[policy.redress]\n", '[policy.redress]\ncard = "https://redress.example.com/card"\n')
        return text.replace("[lists]\n", '[lists]\ndeny = ["deny.txt"]\n')

    return amend


@pytest.mark.req("STI-124", "STI-118", "STI-125", "REG-013", "REG-014", "REG-019", "TRAP-94")
async def test_each_603_plus_is_found_by_its_id_in_the_journal_and_a_subscribers_wish_is_none(tmp_path: Path) -> None:
    async with World(tmp_path, amend=refusing(tmp_path, role="terminating")) as world:
        for one in (call(world, UTILITY), call(world, UTILITY)):
            outcome = await world.carrier.call(one, world.proxy)
            assert (outcome.status, outcome.phrase) == (603, "Network Blocked")
            said = re.fullmatch(
                r'SIP;cause=603;text="v=analytics1;url=https://redress\.example\.com;tel=\+12025550100;id=([0-9a-f]{24})"'
                r";location=RLN",
                outcome.reason or "",
            )
            assert said is not None
            assert outcome.final is not None and outcome.final.header("retry-after") is None
            record = await recorded(world.journal, said[1])
            assert record.row.call_id == one.call_id and record.row.status == 603
            assert record.row.reason == "campaign-number" and record.row.caller == UTILITY
        outcome = await world.carrier.call(call(world, DENIED), world.proxy)
        assert (outcome.status, outcome.phrase) == (607, "Unwanted")
        assert outcome.reason == 'SIP;cause=607;text="deny-list"'


@pytest.mark.req("STI-127", "STI-128")
async def test_608_goes_to_a_network_that_knows_it_and_603_to_others(tmp_path: Path) -> None:
    async with World(tmp_path, amend=refusing(tmp_path, "analytics = 608", "subscriber = 480")) as world:
        outcome = await world.carrier.call(call(world, UTILITY, "Feature-Caps: *;+g.x, *;+sip.608"), world.proxy)
        assert (outcome.status, outcome.phrase) == (608, "Rejected")
        assert outcome.final is not None
        assert outcome.final.header("call-info") == "<https://redress.example.com/card>;purpose=jwscard"
        plain = await world.carrier.call(call(world, UTILITY), world.proxy)
        assert (plain.status, plain.phrase) == (603, "Decline")
        assert (await world.carrier.call(call(world, DENIED), world.proxy)).status == 480
