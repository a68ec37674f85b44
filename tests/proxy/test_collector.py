"""What Python's collector of circles has to do for a call: nothing, in steps that no call notices."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from proxy import collector
from proxy.collector import MESSAGES, Steps
from tests.proxy.test_customers import CARRIER, Ground, ground

__all__ = ["ground"]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Circles stay until they are counted."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_a_call_leaves_no_circle(ground: Ground, uncollected: None) -> None:
    for turn in range(3):
        ground.call(f"1202555010{turn}")  # what is made once is made
    gc.collect()
    for turn in range(30):
        ground.call(f"1202555010{turn % 10}")
    assert gc.collect() == 0


def test_what_was_built_is_not_walked_again_and_the_rest_in_small_steps() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        collector.calm()
        young, older, _ = gc.get_threshold()
        assert young * (older + 1) <= 2_500  # at a microsecond or two each, a few milliseconds
        assert gc.get_freeze_count() > frozen
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def test_looks_come_by_what_was_served_however_much_goes_meanwhile(uncollected: None) -> None:
    looks: list[int] = []

    def told(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looks.append(info["generation"])

    steps = Steps()
    gc.callbacks.append(told)
    try:
        for message in range(6 * MESSAGES):
            steps.served += 1
            steps.due()
            assert len(looks) == (message + 1) // MESSAGES
    finally:
        gc.callbacks.remove(told)
    assert looks == [0, 0, 1, 0, 0, 1]


async def test_the_pump_takes_them(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(gc, "collect", taken.append)
    for _ in range(3 * MESSAGES):
        ground.app.server.handed(b"SIP/2.0 200 OK\r\n\r\n", CARRIER)
    assert taken == [0, 0, 1]
