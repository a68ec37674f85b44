"""Choosing by priority and weight, as RFC 2782 says for SRV records; ours for peers is the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
Draw = Callable[[], float]
"""Random numbers from 0 up to, but not including, 1."""

TINY = 0.01
"""What a weight of 0 counts beside others: RFC 2782 wants a very small chance. It draws whole numbers from 0 to the
sum, which gives whoever stands first a share too much where weights are small; ours draws from all numbers between.
"""
_MASK = (1 << 64) - 1


def ordered(rows: Sequence[tuple[int, int, T]], draw: Draw) -> list[T]:
    """The values of (priority, weight, value) in the order to try them: the lowest priority first, drawn by weight
    inside one (RFC 2782, "Weight"). Nothing is drawn where there is no choice.
    """
    if len(rows) < 2:
        return [value for _, _, value in rows]
    groups: dict[int, list[tuple[float, T]]] = {}
    for priority, weight, value in rows:
        groups.setdefault(priority, []).append((weight or TINY, value))
    found: list[T] = []
    for priority in sorted(groups):
        group = groups[priority]
        while len(group) > 1:
            left, place = draw() * sum(weight for weight, _ in group), 0
            while place < len(group) - 1 and (left := left - group[place][0]) >= 0:
                place += 1
            found.append(group.pop(place)[1])
        found.append(group[0][1])
    return found


def drawn(rows: Sequence[tuple[int, int, T]]) -> bool:
    """Whether the order of these rows is left to chance."""
    return len({priority for priority, _, _ in rows}) < len(rows)


def seeded(seed: bytes) -> Draw:
    """Numbers that follow from a seed, such as a Call-ID: one call is sent the same way by whoever is asked."""
    state: int | None = None

    def draw() -> float:  # splitmix64
        nonlocal state
        if state is None:
            state = int.from_bytes(blake2b(seed, digest_size=8).digest(), "big")
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)

    return draw
