"""Kamailio's secsipid module on live calls: it verifies what we sign, and we verify what it signs."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import feed
from benchmarks.kamailio import Kamailio, Mode
from benchmarks.sender import Planned, place
from benchmarks.stage import Stage
from tests.interop.patient import Ringwarden

pytestmark = pytest.mark.peer("kamailio")

OWN = "19085550123"
"""One of the numbers that the configuration of a benchmark lists as ours."""


def call(stage: Stage) -> feed.Call:
    """A call that nobody has signed."""
    return replace(feed.signed(1, stage.signer, time.time())[0], caller=OWN, asserted=OWN, identity="")


@pytest.mark.req("STI-001", "STI-012", "STI-022", "STI-024")
def test_kamailio_verifies_what_we_sign(tmp_path: Path) -> None:
    """PBX -> ringwarden, which signs -> Kamailio, which checks signature, chain and both numbers -> carrier."""
    with (
        Stage(tmp_path) as stage,
        Kamailio(Mode.WHOLE, stage.second, stage.carrier, tmp_path, trust=stage.trust),
        Ringwarden(stage, tmp_path, carrier=stage.second) as ours,
    ):
        seen: list[bytes] = []
        timing = place([Planned(0.0, call(stage))], stage.pbx, stage.carrier, stage.proxy, see=seen.append)[0]
        signed = ours.count("ringwarden_sign_total", result="signed", attest="A")
        # The same without a signature of ours: what refuses is really Kamailio.
        bare = place([Planned(0.0, call(stage))], stage.pbx, stage.carrier, stage.second)[0]
    assert (timing.status, bool(timing.ended), signed) == (200, True, 1)
    assert b"\r\nIdentity: eyJ" in seen[0] and bare.status == 438


@pytest.mark.req("STI-001", "STI-012", "STI-022", "STI-060")
def test_we_verify_what_kamailio_signs(tmp_path: Path) -> None:
    """Carrier -> Kamailio, which signs -> ringwarden, which verifies -> PBX."""
    with Stage(tmp_path) as stage:
        trust = replace(stage.trust, key=stage.key, url=stage.good_url)
        with (
            Ringwarden(stage, tmp_path, me=stage.second, carrier=stage.proxy) as ours,
            Kamailio(Mode.SIGN, stage.proxy, stage.second, tmp_path, trust=trust),
        ):
            seen: list[bytes] = []
            # A stranger's number from outside: ours would be refused for that alone.
            one = replace(call(stage), caller=feed.number(7), asserted=feed.number(7))
            timing = place([Planned(0.0, one)], stage.carrier, stage.pbx, stage.proxy, see=seen.append)[0]
            proved = ours.count("ringwarden_verify_total", result="passed", attest="A")
    assert (timing.status, bool(timing.ended), proved) == (200, True, 1)
    assert b"P-Attestation-Indicator: A" in seen[0]
