"""Calls complete while the journal, the lists, the webhook and the decision hook are broken, all at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import adversity
from tests.pace import paced

SECONDS = 6.0


@pytest.mark.req("EMG-004")
@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux only")
def test_two_hundred_calls_a_second_complete_with_everything_beside_them_broken(tmp_path: Path) -> None:
    found = paced(lambda rate: run(tmp_path / f"{rate:g}", rate), lambda found: not found.lost)
    assert found.lost == 0
    # What takes longer to be given up (rows of the journal) the benchmark shows, which runs longer.
    quick = ("the hook did not answer", "a damaged list", "reloads", "emergency calls")
    assert all(found.felt[what] for what in quick), found.felt


def run(folder: Path, rate: float) -> adversity.Outcome:
    folder.mkdir()
    found = adversity.run(folder, SECONDS, rate)
    assert found.calls == SECONDS * rate
    return found
