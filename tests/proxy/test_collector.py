"""What Python's collector of circles has to do for a call: nothing, in steps that no call notices."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from proxy import collector
from tests.proxy.test_customers import Ground, ground

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
