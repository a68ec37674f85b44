"""The published transactions: what was entered is found, and nothing else."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as some

from proxy.workers import roll

texts = some.lists(some.binary(min_size=1, max_size=40), max_size=60)


@given(texts, texts)
def test_what_was_entered_is_found_in_any_case_and_nothing_else(entered: list[bytes], others: list[bytes]) -> None:
    cells = array("Q", bytes(8 * 256))
    assert roll.write(cells, entered) == 0
    assert all(roll.has(cells, one) and roll.has(cells, one.upper()) for one in entered)
    lowered = {one.lower() for one in entered}
    assert not any(roll.has(cells, one) for one in others if one.lower() not in lowered)


def test_what_does_not_fit_is_counted_and_the_rest_is_found() -> None:
    cells = array("Q", bytes(8 * 16))
    entered = [b"%d" % at for at in range(40)]
    lost = roll.write(cells, entered)
    assert lost == 24 and sum(roll.has(cells, one) for one in entered) == 16


def test_an_empty_roll_has_nobody() -> None:
    assert not roll.has(array("Q", bytes(64)), b"z")
