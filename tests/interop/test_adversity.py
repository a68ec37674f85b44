"""Calls complete while the journal, the lists, the webhook and the decision hook are broken, all at once: two hundred a
second where the machine is ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import adversity
from tests.pace import paced


@pytest.mark.req("EMG-004")
@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux only")
def test_calls_complete_with_everything_beside_them_broken(tmp_path: Path) -> None:
    found = paced(lambda rate: run(tmp_path / f"{rate:g}", rate), lambda found: not found.lost)
    assert found.lost == 0
    assert set(found.felt) == set(adversity.FELT) and all(found.felt.values()), found.felt


def run(folder: Path, rate: float) -> adversity.Outcome:
    folder.mkdir()
    found = adversity.run(folder, adversity.SHORTEST, rate)
    assert found.calls == adversity.SHORTEST * rate
    return found
