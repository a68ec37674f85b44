"""For which numbers a certificate may speak, and that a child has no more than its parent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken.tnauthlist import TNAuthList, from_der, to_der

PARENT = TNAuthList(numbers=("12025550177", "12025550178"), ranges=(("12025550100", 50), ("442079460000", 100)))


@pytest.mark.req("STI-086", "STI-081")
@pytest.mark.parametrize(
    ("child", "parent", "inside"),
    [
        (TNAuthList(numbers=("12025550177",)), PARENT, True),
        (TNAuthList(numbers=("12025550120",)), PARENT, True),
        (TNAuthList(numbers=("12025550150",)), PARENT, False),
        (TNAuthList(numbers=("12025550177", "12025550179")), PARENT, False),
        (TNAuthList(ranges=(("12025550100", 50),)), PARENT, True),
        (TNAuthList(ranges=(("12025550110", 40),)), PARENT, True),
        (TNAuthList(ranges=(("12025550110", 41),)), PARENT, False),
        (TNAuthList(ranges=(("12025550099", 2),)), PARENT, False),
        (TNAuthList(ranges=(("2025550100", 2),)), PARENT, False),  # shorter numbers are others
        (TNAuthList(ranges=(("12025550177", 2),)), PARENT, True),  # as two numbers, said in another way
        (TNAuthList(spcs=("709J",)), PARENT, False),
        (TNAuthList(spcs=("709J",)), TNAuthList(spcs=("709J", "710J")), True),
        (TNAuthList(spcs=("711J",)), TNAuthList(spcs=("709J", "710J")), False),
        (TNAuthList(numbers=("12025550199",)), TNAuthList(spcs=("709J",)), True),  # of that provider, nobody can say which
        (TNAuthList(spcs=("709J",), numbers=("12025550199",)), TNAuthList(spcs=("709J",)), True),
    ],
)
def test_a_child_has_no_more_than_its_parent(child: TNAuthList, parent: TNAuthList, inside: bool) -> None:
    assert child.within(parent) == inside


NUMBERS = st.integers(12025550100, 12025550199).map(str)
LISTS = st.builds(
    TNAuthList,
    numbers=st.lists(NUMBERS, max_size=4).map(tuple),
    ranges=st.lists(st.tuples(NUMBERS, st.integers(2, 30)), max_size=3).map(tuple),
)


@pytest.mark.req("STI-079", "STI-086")
@given(LISTS, LISTS)
def test_what_is_within_covers_nothing_that_the_parent_does_not(child: TNAuthList, parent: TNAuthList) -> None:
    if child.within(parent):
        for number in range(12025550080, 12025550240):
            assert not child.covers(str(number)) or parent.covers(str(number))
    assert child.within(child)
    if child.numbers or child.ranges:
        assert from_der(to_der(child)) == child
