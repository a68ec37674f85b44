"""Fictional numbers: 555-01XX only, and nobody calls himself."""

from __future__ import annotations

import re

from proxy.lab.load.numbers import NUMBERS, number, pair


def test_all_are_kept_free_for_fiction_and_different() -> None:
    every = {number(index) for index in range(NUMBERS)}
    assert len(every) == NUMBERS
    assert all(re.fullmatch(rb"1[2-9]\d\d55501\d\d", one) for one in every)


def test_nobody_calls_himself() -> None:
    assert all(caller != callee for caller, callee in map(pair, range(NUMBERS)))
