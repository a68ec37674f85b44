"""The demo's calls: what they are made of, and that a wrong outcome is seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.lab.cases import CASES, FCC, UTILITY, Case, place
from proxy.lab.world import World

BY_NAME = {case.name: case for case in CASES}


def test_each_call_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(CASES)


def test_numbers_are_for_fiction_or_the_letters() -> None:
    for case in CASES:
        for number in filter(None, (case.caller, case.orig, case.dest, case.target)):
            fit = re.fullmatch(r"1[2-9]\d\d55501\d\d", number) or number in ("911", "anonymous", UTILITY, FCC)
            assert fit, (case.name, number)


@pytest.mark.parametrize(
    ("name", "wrong", "fault"),
    [
        ("signed A", {"status": 486}, "SIP 200, expected 486"),
        ("signed A", {"verstat": "TN-Validation-Failed"}, "lacks TN-Validation-Failed"),
        ("signed B", {"verdict": "tag"}, "X-Screen-Verdict: ['allow'], expected 'tag'"),
        ("signed C, gateway", {"reason": "none"}, "X-Screen-Reason: ['attestation-c'], expected 'none'"),
        ("bad signature", {"phrase": "Decline"}, "phrase 'Invalid Identity Header', expected 'Decline'"),
        ("PBX calls, own number", {"leaves_with": "B"}, "it left with 'A' (None), expected 'B'"),
    ],
)
async def test_a_call_that_comes_out_otherwise_is_told(name: str, wrong: dict[str, object], fault: str, world: World) -> None:
    _, faults = await place(replace(BY_NAME[name], **wrong), world)  # type: ignore[arg-type]
    assert any(fault in one for one in faults), faults


@pytest.mark.parametrize(
    ("name", "mode", "amend"),
    [
        ("bad signature", "observe", None),
        ("forged marks come off", "observe", None),
        ("listed campaign", "enforce", lambda text: text.replace('campaigns = ["campaigns.csv"]', "campaigns = []")),
        ("PBX calls, own number", "enforce", lambda text: text.replace("sign = true", "sign = false")),
    ],
)
async def test_the_calls_need_what_they_show(
    name: str, mode: str, amend: Callable[[str], str] | None, tmp_path: Path
) -> None:
    def amended(text: str) -> str:
        return (amend or str)(text.replace('mode = "enforce"', f'mode = "{mode}"'))

    async with World(tmp_path, amend=amended) as world:
        _, faults = await place(BY_NAME[name], world)
    assert faults


async def test_a_token_whose_certificate_cannot_be_had_proves_nothing_to_the_carrier(world: World) -> None:
    world.repository.put("pbx.pem", b"", "status-404")
    _, faults = await place(BY_NAME["PBX calls, own number"], world)
    assert any("the carrier cannot fetch https://" in fault for fault in faults)


def test_a_row_is_a_value() -> None:
    with pytest.raises(AttributeError):
        Case("x", "12025550101", "allow", "none", 200).status = 603  # type: ignore[misc]
