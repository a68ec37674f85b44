"""sipp calls sipp through ringwarden: two thousand calls, each with a PASSporT of its own that was signed a moment ago."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import feed, sipp
from benchmarks.stage import Stage
from tests.interop.patient import Ringwarden
from tests.pace import paced

pytestmark = pytest.mark.peer("sipp")
SECONDS = 10.0


@pytest.mark.req("STI-066", "LAB-01")
def test_two_thousand_signed_calls_complete_verified_and_none_is_sent_twice(tmp_path: Path) -> None:
    run = paced(lambda rate: Run(tmp_path / f"{rate:g}", rate), lambda run: run.well)
    assert run.well, (run.caller, run.called, run.passed, run.again)


@dataclass
class Run:
    """Ten seconds of calls."""

    folder: Path
    rate: float

    def __post_init__(self) -> None:
        self.folder.mkdir()
        calls = round(SECONDS * self.rate)
        with Stage(self.folder) as stage, Ringwarden(stage, self.folder) as ours:
            path = feed.write(self.folder / "calls.feed", feed.signed(calls, stage.signer, time.time()))
            with sipp.Callee(stage.pbx, self.folder) as callee:
                self.caller = sipp.call(stage.carrier, ours.me, path, calls=calls, rate=self.rate, folder=self.folder)
                self.called = callee.settled(calls)
            self.passed = ours.count("ringwarden_verify_total", result="passed")
            self.again = ours.count("ringwarden_retransmissions_total")
        self.well = self.caller.clean and self.called.clean and self.caller.successful == self.passed == calls and not self.again


@pytest.mark.req("SIP-087", "SIP-098")
@pytest.mark.parametrize("transport", ["t1", "tn"])
def test_signed_calls_complete_over_tcp_both_ways(transport: str, tmp_path: Path) -> None:
    calls, rate = (400, 100.0) if transport == "t1" else (100, 50.0)
    with Stage(tmp_path) as stage, Ringwarden(stage, tmp_path, transport="tcp") as ours:
        path = feed.write(tmp_path / "calls.feed", feed.signed(calls, stage.signer, time.time()))
        with sipp.Callee(stage.pbx, tmp_path, transport="t1") as callee:
            caller = sipp.call(
                stage.carrier, ours.me, path, calls=calls, rate=rate, folder=tmp_path, transport=transport
            )
            called = callee.settled(calls)
        assert caller.clean and caller.successful == calls, caller
        assert called.clean, called
        assert ours.count("ringwarden_verify_total", result="passed") == calls
        assert ours.count("ringwarden_udp_oversize_total") == 0
