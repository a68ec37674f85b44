"""`peer list` as a person and as a program reads it: no column loses anything."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from proxy.cli.peer import show

TARGET = "udp:[2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:65535"
ROW: dict[str, Any] = {
    "peer": "carrier-of-the-east", "side": "carrier", "priority": 10, "weight": 100, "order": "", "target": TARGET,
    "state": "failing", "usable": True, "seconds": 300.0, "why": "transport", "round_trip_ms": 1.5,
}  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("out", [Terminal, io.StringIO], ids=["a narrow terminal", "a pipe"])
def test_a_target_has_one_line_and_all_of_it_is_there(out: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", shown := out())
    show([ROW, {**ROW, "target": "tcp:127.0.0.1:5060"}])
    heading, first, second = shown.getvalue().splitlines()
    assert heading.split()[:6] == ["peer", "side", "prio", "weight", "target", "state"]
    assert first.split() == ["carrier-of-the-east", "carrier", "10", "100", TARGET, "failing", "5", "min", "yes", "1.5", "ms", "transport"]
    assert second.split()[4] == "tcp:127.0.0.1:5060"
