"""What /healthz says."""

from __future__ import annotations

import pytest

from proxy.admin.health import Vitals, report
from proxy.storage.journal import Health


@pytest.mark.parametrize(
    ("journal", "status", "kept"),
    [
        (None, "ok", False),
        (Health(True, "", 7, 0, 0), "ok", True),
        (Health(False, "OperationalError: database or disk is full", 7, 3, 2), "degraded", True),
    ],
)
def test_a_journal_that_is_down_degrades_and_does_not_kill(
    journal: Health | None, status: str, kept: bool
) -> None:
    found = report(Vitals("1.2.3", "enforce", False, ["udp:192.0.2.10:5060"], lambda: journal))
    assert found["status"] == status
    assert (found["version"], found["mode"], found["lab"]) == ("1.2.3", "enforce", False)
    assert found["listeners"] == ["udp:192.0.2.10:5060"] and found["bypass"] is False
    told = found["journal"]
    assert isinstance(told, dict) and told["kept"] is kept
    if journal is not None:
        assert (told["why"], told["dropped"], told["waiting"]) == (
            journal.why,
            journal.dropped,
            journal.waiting,
        )


def test_a_bypass_is_said_and_calls_are_carried() -> None:
    found = report(Vitals("1.2.3", "enforce", False, [], bypass=lambda: True))
    assert (found["status"], found["bypass"]) == ("ok", True)
