"""Which transactions a process has, published for its successor: marks of their branches, in shared memory.

Written once, when the process reads the public sockets no more; read for each request while it lives. A mark is 64 bits
of a hash: that a stranger's request has one by chance is as likely as that it guesses a branch.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence, Sequence
from hashlib import blake2b

PROBES = 64
"""Cells looked at for one mark; a table that is half full needs two."""


def mark(text: bytes) -> int:
    """Of a branch without its cookie, in any case, or of a Call-ID; never 0, which is an empty cell."""
    return int.from_bytes(blake2b(text.lower(), digest_size=8).digest(), "little") or 1


def write(cells: MutableSequence[int], texts: Iterable[bytes]) -> int:
    """Enter all of them; gives back how many did not fit."""
    size, lost = len(cells), 0
    for text in texts:
        one = mark(text)
        for place in range(one % size, one % size + PROBES):
            found = cells[place % size]
            if found in (0, one):
                cells[place % size] = one
                break
        else:
            lost += 1
    return lost


def has(cells: Sequence[int], text: bytes) -> bool:
    """Whether it was entered."""
    one, size = mark(text), len(cells)
    for place in range(one % size, one % size + PROBES):
        found = cells[place % size]
        if found == one:
            return True
        if not found:
            return False
    return False
