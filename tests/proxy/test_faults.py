"""A fault of ours in one thing is counted and said, and costs no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from proxy.calls import Calls
from proxy.sip.endpoint import Faulted, Retransmitted
from proxy.sip.routing import Me


def test_a_fault_in_a_timer_is_counted_and_said_as_any_other() -> None:
    told: list[Any] = []
    metrics = SimpleNamespace(internal_error=lambda: told.append("counted"), retransmitted=lambda side: told.append(side))
    world: Any = SimpleNamespace(metrics=metrics, say=lambda event, **fields: told.append((event, fields)))
    calls = Calls(SimpleNamespace(), Me([]), world)  # type: ignore[arg-type]  # nothing is asked of the endpoint
    calls.handle([Faulted("100", RuntimeError("torn")), Retransmitted(True)], 100.0)
    fields = {"level": "error", "event_kind": "timer 100", "fault": "RuntimeError('torn')"}
    assert told == ["counted", ("fault", fields), "sent"]
