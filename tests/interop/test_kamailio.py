"""A call with a Kamailio before ringwarden, and one with a Kamailio behind it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import feed
from benchmarks.kamailio import Kamailio, Mode
from benchmarks.sender import Planned, place
from benchmarks.stage import Stage
from tests.interop.patient import Ringwarden

pytestmark = pytest.mark.peer("kamailio")


@pytest.mark.req("SIP-036", "SIP-025")
@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_verified_call_completes_with_kamailio_beside_us(where: str, tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        if where == "before":
            # carrier -> Kamailio -> ringwarden -> PBX: for us Kamailio is the carrier.
            with (
                Ringwarden(stage, tmp_path, me=stage.second, carrier=stage.proxy) as ours,
                Kamailio(Mode.RELAY, stage.proxy, stage.second, tmp_path),
            ):
                timing = called(stage)
                proved = ours.count("ringwarden_verify_total", result="passed")
        else:
            with (
                Kamailio(Mode.RELAY, stage.second, stage.pbx, tmp_path),
                Ringwarden(stage, tmp_path, pbx=stage.second) as ours,
            ):
                timing = called(stage)
                proved = ours.count("ringwarden_verify_total", result="passed")
    assert timing == (200, True)
    assert proved == 1


def called(stage: Stage) -> tuple[int, bool]:
    """The final answer to one call, and whether its BYE was answered."""
    call = feed.signed(1, stage.signer, time.time())[0]
    timing = place([Planned(0.0, call)], stage.carrier, stage.pbx, stage.proxy)[0]
    return timing.status, bool(timing.ended)
