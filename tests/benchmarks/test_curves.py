"""The figures are drawn from what was kept, and come out the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.curves import draw

POINTS = {
    "latency": {"ringwarden": [{"rate": 100.0, "p50": 1.0, "p99": 2.0}, {"rate": 200.0, "p50": 1.5, "p99": 30.0}]},
    "in-progress": {"points": [{"held": 0, "us": 100.0}, {"held": 1000, "us": 101.0}]},
    "lists": {"points": [{"numbers": 0, "us": 100.0}, {"numbers": 10_000_000, "us": 101.0}]},
    "workers": {"points": [{"workers": 1, "rate": 100.0}, {"workers": 2, "rate": 190.0}]},
}


@pytest.mark.parametrize("name", POINTS)
def test_a_curve_is_drawn(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not here: the extra `bench`")
    once = draw(tmp_path, name, POINTS[name]).read_bytes()
    assert b"<svg" in once
    if name == "workers":
        assert draw(tmp_path, name, POINTS[name]).read_bytes() == once
