"""The fastest way to ask lists whether a number is on them: the set itself where that is enough, and marks where the
lists are long. Every call asks five of them; what stands on a list is the business of `lists`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from policy.lists import NumberSet
from policy.packed import Packed

if TYPE_CHECKING:
    from policy.rulebook import Rulebook

Listed = frozenset[str] | Packed
"""Numbers that can be counted and gone through."""
Member = Callable[[str | None], bool]
"""Is this number (None: there is none) on a list?"""

LONG = 50_000
"""Numbers on all lists together from which on they are marked."""
MOST_ROWS = 2_000_000
"""Rows of packed tables that are marked too: a second for a million when a book is built. Longer tables are asked."""
SECOND = 30
"""Bits of a hash that the place of the second mark leaves out."""
WRITTEN_OUT = 10_000
"""Numbers of a range that are written out singly, so that the list is one set: half a megabyte at most."""


def marked(lists: Iterable[Listed]) -> bytes:
    """Two bits for each number, at two parts of its hash; sixteen bits a number or more, so few strangers are looked up
    for nothing: one in 60 at most. The length is a power of two."""
    lists = tuple(lists)
    marks = bytearray(2 << sum(len(numbers) for numbers in lists).bit_length())
    mask = 8 * len(marks) - 1
    for numbers in lists:
        for number in numbers:
            place = hash(number)
            for at in (place & mask, place >> SECOND & mask):
                marks[at >> 3] |= 1 << (at & 7)
    return bytes(marks)


def second_mark(number: str, book: Rulebook) -> bool:
    """Has a number whose first mark is there the second one too?"""
    marks = book.marks
    assert marks is not None
    at = hash(number) >> SECOND & book.mask
    return bool(marks[at >> 3] >> (at & 7) & 1)


def member(numbers: NumberSet) -> Member:
    """The fastest way to ask a list, which every call does with five of them: the set itself where it is one."""
    if numbers.prefixes:
        return numbers.__contains__
    if sum(int(last) - int(first) + 1 for first, last in numbers.ranges) > WRITTEN_OUT:
        return numbers.__contains__
    exact = numbers.exact
    for first, last in numbers.ranges:
        exact |= {f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)}
    return exact.__contains__


def either(one: NumberSet, other: NumberSet) -> Member:
    """The fastest way to ask two lists at once. Long ones are not copied for it: they have marks."""
    if len(one.exact) + len(other.exact) < LONG:
        return member(one | other)
    first, second = member(one), member(other)
    return lambda tn: first(tn) or second(tn)
