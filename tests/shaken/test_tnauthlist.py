"""For which numbers a certificate may speak, and that a child has no more than its parent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken.der import IA5, INTEGER, SEQUENCE, element
from shaken.errors import ParseError
from shaken.tnauthlist import MAX_ENTRIES, MAX_SIZE, Extension, TNAuthList, check_range, from_der, to_der

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


@pytest.mark.req("STI-080", "STI-081")
@pytest.mark.parametrize(
    ("tn", "covered"),
    [
        ("12025550100", True), ("12025550149", True), ("12025550150", False), ("12025550099", False), ("12025550177", True),
        ("2025550100", False), ("112025550100", False), ("", False), ("1202555010*", False), ("1202555010\u0660", False), ("*67", True),
    ],
)  # fmt: skip
def test_a_range_goes_from_its_first_number_to_its_last(tn: str, covered: bool) -> None:
    assert TNAuthList(numbers=("12025550177", "*67"), ranges=(("12025550100", 50),)).covers(tn) == covered


@pytest.mark.req("STI-086")
@pytest.mark.parametrize(
    ("parent", "child", "inside"),
    [
        ((("100", 2), ("102", 2)), ("101", 2), True),  # side by side: one span
        ((("100", 2), ("103", 2)), ("101", 3), False),  # 102 is nobody's
        ((("100", 5), ("102", 2)), ("103", 2), True),
        ((("100", 2), ("101", 4)), ("100", 5), True),
        ((("100", 2), ("101", 4)), ("100", 6), False),
        ((("0100", 5),), ("100", 2), False),
    ],
)
def test_what_touches_is_one_span(parent: tuple[tuple[str, int], ...], child: tuple[str, int], inside: bool) -> None:
    assert TNAuthList(ranges=(child,)).within(TNAuthList(ranges=parent)) == inside
    numbers = TNAuthList(numbers=tuple(str(int(child[0]) + at).zfill(len(child[0])) for at in range(child[1])))
    assert numbers.within(TNAuthList(ranges=parent)) == inside


def test_numbers_with_a_star_are_within_only_by_name() -> None:
    assert TNAuthList(numbers=("*67",)).within(TNAuthList(numbers=("*67", "1")))
    assert not TNAuthList(numbers=("*67",)).within(TNAuthList(numbers=("1",)))


@pytest.mark.req("STI-080")
@pytest.mark.parametrize(("start", "count", "fine"), [("97", 2, True), ("98", 2, False), ("0", 2, True), ("0", 1, False), ("0", 9, True), ("0", 10, False), ("10", 89, True), ("10", 90, False), ("10", 91, False), ("1" * 15, 2, True), ("1" * 16, 2, False)])
def test_a_range_keeps_to_its_digits(start: str, count: int, fine: bool) -> None:
    if fine:
        check_range(start, count)
    else:
        with pytest.raises(ParseError):
            check_range(start, count)


def counted(raw: bytes) -> bytes:
    """The extension with one range from 10000000000000 and this as its count."""
    inside = element(IA5, b"10000000000000") + element(INTEGER, raw)
    return element(SEQUENCE, element(0xA1, element(SEQUENCE, inside)))


@pytest.mark.req("STI-079")
@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b"\x02", 2), (b"\x7f", 127), (b"\x00\x80", 128), (b"\x01\x00", 256), (b"\x00\x00\x50\x00\x00\x00\x00\x00", None),
        (b"\x00\xff\xff\xff\xff", 4_294_967_295), (b"\x00\x7f", None), (b"\x00\x02", None), (b"\x80", None), (b"\x00", None), (b"", None),
        (b"\x01" * 9, None), (b"\x01", None),
    ],
)  # fmt: skip
def test_a_count_is_a_positive_integer_in_its_shortest_form(raw: bytes, count: int | None) -> None:
    if count is None:
        with pytest.raises(ParseError):
            from_der(counted(raw))
    else:
        found = from_der(counted(raw))
        assert found.ranges == (("10000000000000", count),) and to_der(found) == counted(raw)


@pytest.mark.req("TRAP-18")
def test_a_list_has_an_end() -> None:
    def mixed(more: int) -> bytes:
        return to_der(TNAuthList(("A",) * 5000, (("1", 2),) * 1000, ("1",) * (MAX_ENTRIES - 6000 + more)))

    found = from_der(mixed(0))
    assert (len(found.spcs), len(found.ranges), len(found.numbers)) == (5000, 1000, MAX_ENTRIES - 6000)
    with pytest.raises(ParseError, match="too many"):
        from_der(mixed(1))
    long = to_der(TNAuthList(numbers=("1" * 15,) * 3300))
    assert len(long) < MAX_SIZE and from_der(long)
    with pytest.raises(ParseError, match="too long"):
        from_der(long + bytes(MAX_SIZE))
    for empty in (element(SEQUENCE, b""), b"", element(SEQUENCE, element(0xA3, b"")), element(SEQUENCE, element(0xA2, element(IA5, b"")))):
        with pytest.raises(ParseError):
            from_der(empty)


def test_an_extension_is_equal_to_its_like() -> None:
    one, same, other = Extension(PARENT), Extension(PARENT), Extension(TNAuthList(spcs=("1",)))
    assert one == same and hash(one) == hash(same) and one != other and one != PARENT and one != "x"
    assert one.public_bytes() == to_der(PARENT)
