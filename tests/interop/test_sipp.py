"""sipp calls sipp through ringwarden: two thousand calls, each with a PASSporT of its own that was signed a moment ago."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import feed, sipp
from benchmarks.stage import Stage
from tests.interop.patient import Ringwarden
from tests.pace import RATES, paced, told_if_fewer

pytestmark = pytest.mark.peer("sipp")
SECONDS = 10.0


@pytest.mark.req("STI-066", "LAB-01")
def test_two_thousand_signed_calls_complete_verified_and_none_is_sent_twice(tmp_path: Path) -> None:
    run = paced(lambda rate: Run(tmp_path / f"{rate:g}", rate), lambda run: run.well)
    assert run.well, (run.caller, run.called, run.passed, run.again)
    told_if_fewer(run.calls, round(SECONDS * RATES[0]))


@dataclass
class Run:
    """Ten seconds of calls."""

    folder: Path
    rate: float

    def __post_init__(self) -> None:
        self.folder.mkdir()
        calls = self.calls = round(SECONDS * self.rate)
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
    calls, most = (400, 100.0) if transport == "t1" else (100, 50.0)

    def connected(rate: float) -> tuple[sipp.Statistics, sipp.Statistics, float, float]:
        folder = tmp_path / f"{rate:g}"
        folder.mkdir()
        many = round(calls * rate / most)
        with Stage(folder) as stage, Ringwarden(stage, folder, transport="tcp") as ours:
            path = feed.write(folder / "calls.feed", feed.signed(many, stage.signer, time.time()))
            with sipp.Callee(stage.pbx, folder, transport="t1") as callee:
                caller = sipp.call(stage.carrier, ours.me, path, calls=many, rate=rate, folder=folder, transport=transport)
                called = callee.settled(many)
            unproved = many - ours.count("ringwarden_verify_total", result="passed")
            return caller, called, unproved, ours.count("ringwarden_udp_oversize_total")

    found = paced(connected, lambda found: found[0].clean and found[1].clean and not found[2], (most, most / 4, most / 16))
    caller, called, unproved, oversize = found
    assert caller.clean and called.clean and not unproved and not oversize, found
