"""Calls of a trunk whose numbers are all written in full (`country = "none"`), through a whole ringwarden."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from tests.waiting import recorded


@pytest.mark.req("STI-030", "STI-032")
async def test_a_trunk_of_numbers_in_full_proves_and_judges_calls_of_every_country(tmp_path: Path) -> None:
    """A British caller, and one whose number in full has ten digits, which would be a national one where a country is set."""

    def full(text: str) -> str:
        head, name, rest = text.partition('name = "carrier"\n')
        return head + name + rest.replace('area = "202"', 'country = "none"', 1)

    async with World(tmp_path, amend=full) as world:
        for caller, shown in (("442079460123", "+442079460123"), ("442079460124", "442079460124"), ("3125550147", "3125550147")):
            sent = Invitation(
                f"sip:{CALLEE}@127.0.0.1:{world.ports['proxy']}", f"<sip:{shown}@carrier.example.net>",
                lines=(f"Identity: {world.sign(caller, [CALLEE])}", f"P-Asserted-Identity: <sip:{shown}@carrier.example.net>"),
            )  # fmt: skip
            assert (await world.carrier.call(sent, world.proxy)).status == 200
            heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
            assert f"<sip:{shown};verstat=TN-Validation-Passed@" in (heard.header("p-asserted-identity") or "")
            assert (heard.header("p-attestation-indicator"), heard.header("x-screen-verdict"), heard.header("x-screen-reason")) == ("A", "allow", None)
            record = await recorded(world.journal, sent.call_id)
            assert (record.row.caller, record.row.callee, record.row.action) == (caller, CALLEE, "allow")
        spoof = Invitation(
            f"sip:{CALLEE}@127.0.0.1:{world.ports['proxy']}", "<sip:+442079460199@carrier.example.net>",
            lines=(f"Identity: {world.sign('442079460123', [CALLEE])}",),
        )  # fmt: skip
        assert (await world.carrier.call(spoof, world.proxy)).status == 438
