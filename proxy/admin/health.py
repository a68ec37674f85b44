"""What /healthz says: one JSON object that a person and a probe can read.

It answers 200 as long as calls are carried: a journal that is down makes it `degraded`, not dead, because a
restart would help nobody and lose calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.storage.journal import Health


@dataclass(frozen=True, slots=True)
class Vitals:
    """Where the report comes from."""

    version: str
    mode: str
    """The strictest mode of any trunk: observe, tag or enforce."""
    lab: bool
    listeners: Sequence[str]
    """As `udp:192.0.2.10:5060`."""
    journal: Callable[[], Health | None] = lambda: None
    """None where no journal is kept."""
    bypass: Callable[[], bool] = lambda: False
    """Whether nothing is screened at present."""


def report(vitals: Vitals) -> dict[str, object]:
    """The report, read now."""
    journal = vitals.journal()
    told: dict[str, object] = {"kept": False}
    if journal is not None:
        told = {
            "kept": True,
            "well": journal.well,
            "why": journal.why,
            "written": journal.written,
            "dropped": journal.dropped,
            "waiting": journal.waiting,
        }
    return {
        "status": "ok" if journal is None or journal.well else "degraded",
        "version": vitals.version,
        "mode": vitals.mode,
        "bypass": vitals.bypass(),
        "lab": vitals.lab,
        "listeners": list(vitals.listeners),
        "journal": told,
    }
