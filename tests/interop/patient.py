"""ringwarden between real peers, where its verdicts count and not its patience: on a busy machine too each call is screened,
and its certificate is waited for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ringwarden
from benchmarks.stage import Stage
from tests.waiting import SECONDS


class Ringwarden(ringwarden.Ringwarden):
    """As that of the benchmarks. Use it in a `with` block."""

    def __init__(self, stage: Stage, folder: Path, *, amend: Callable[[str], str] = lambda text: text, **how: Any) -> None:
        how.setdefault("patience", SECONDS)
        super().__init__(stage, folder, amend=lambda text: amend(patient(text)), **how)


def patient(text: str) -> str:
    """A configuration that waits as long as it can."""
    return text.replace("[identity]\n", "[identity]\ndeadline_ms = 5000\n", 1) + "\n[load]\nunscreened_ms = 0\n"
