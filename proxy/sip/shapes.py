"""How a message is made up: which header lines stand at which place. One sender makes all of his messages of a kind in
one way, so a look at how each line begins tells nearly always where everything is.

Only what is written as nearly all write it has a shape: no fold, no compact name, no blank before a colon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

LEAST_ROWS, MAX_ROWS = 3, 64
"""Lines of what has a shape; so many shapes of a kind are remembered at the most."""
_NAME = re.compile(rb"[A-Za-z0-9\-]{2,64}+").fullmatch


class Shape(NamedTuple):
    """Which lines a message is made of."""

    names: tuple[bytes, ...]
    """What each line begins with, to the end of its name."""
    pick: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    """The lines that are wanted of such a message."""
    places: Mapping[bytes, Sequence[int]]
    """Name in lower case -> the numbers of its lines."""


class Shapes:
    """The shapes of the last messages of a kind, by how many lines they have."""

    __slots__ = ("_known", "_wanted")

    def __init__(self, *wanted: bytes) -> None:
        """wanted: names of lines that must be there once each, spelled so, with one blank after the colon."""
        self._wanted = wanted
        self._known: dict[int, Shape] = {}

    def rows(self, head: bytes) -> tuple[list[bytes], Shape] | None:
        """The header lines after an empty first one, and their shape; `head` begins with a CRLF and ends before one.
        None where something is written in an unusual way.
        """
        rows = head.splitlines()
        # Joined again they are the head: so no line ends otherwise than by CRLF.
        if b"\r\n".join(rows) != head:
            return None
        shape = self._known.get(len(rows))
        if shape is None or not all(map(bytes.startswith, rows, shape.names)):
            shape = self._shape(rows)
            if shape is None:
                return None
            self._known[len(rows)] = shape
        return rows, shape

    def _shape(self, rows: Sequence[bytes]) -> Shape | None:
        if not LEAST_ROWS <= len(rows) <= MAX_ROWS or rows[0]:
            return None
        names, places = [b""], dict[bytes, list[int]]()
        for place, row in enumerate(rows[1:], 1):
            name, colon, _ = row.partition(b":")
            if not colon or _NAME(name) is None:
                return None
            names.append(name + colon)
            places.setdefault(name.lower(), []).append(place)
        wanted = []
        for name in self._wanted:
            found = places.get(name.lower(), ())
            if len(found) != 1 or not rows[found[0]].startswith(name + b": "):
                return None
            names[found[0]] = name + b": "
            wanted.append(found[0])
        return Shape(tuple(names), itemgetter(*wanted), places)
