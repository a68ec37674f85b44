"""sipp places calls with fresh tokens of `ringwarden bench --sipp-feed`, more of them than there are slots, each new."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.lab.load.fleet import Callees
from proxy.lab.load.plan import Address
from proxy.lab.load.stand import Stand
from proxy.lab.load.trust import Trust
from proxy.lab.ports import free_port
from tests.waiting import SECONDS


@pytest.mark.peer("sipp")
def test_each_call_of_sipp_has_a_token_that_is_verified(tmp_path: Path) -> None:
    carrier = Address("127.0.0.2", free_port())
    calls, feed = 300, tmp_path / "calls.csv"
    with Trust(tmp_path / "trust") as trust, Callees() as callees, Stand(tmp_path, trust, carrier, callees.me) as stand:
        keeping = subprocess.Popen(
            [
                sys.executable, "-m", "proxy.cli", "bench", "--sipp-feed", str(feed), "--rate", "50",
                "--key", str(trust.key), "--url", trust.url,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert keeping.stdout is not None
            command = keeping.stdout.readline().split()
            assert command[0] == "sipp" and feed.exists()
            done = subprocess.run(
                [
                    *command[: command.index('-r')], "-i", carrier.host, "-p", str(carrier.port), "-r", "50", "-m", str(calls), "-nostdin",
                    "-timeout", f"{SECONDS:.0f}", str(stand.me),
                ],
                cwd=tmp_path, capture_output=True, timeout=2 * SECONDS, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2000:]
            assert stand.count("ringwarden_verify_total", result="passed") == calls
            keeping.send_signal(signal.SIGINT)
            assert keeping.wait(SECONDS) == 0
        finally:
            keeping.kill()
            keeping.communicate()
    assert not feed.exists()
