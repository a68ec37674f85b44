"""Where branches and tags come from: the operating system's randomness, drawn in blocks because a call asks for it
often.
"""

from __future__ import annotations

import os
from collections.abc import Callable

BLOCK = 4096
"""Octets drawn at one time."""
SIZE = 8
"""Octets of one token: 64 bits, which nobody guesses while a transaction lives."""


class RandomTokens:
    """Unguessable tokens of RFC 3261's token characters; hexadecimal digits, in fact."""

    def __init__(self, draw: Callable[[int], bytes] = os.urandom, mark: str = "") -> None:
        """mark: what each branch begins with: the digit of the worker that wrote it."""
        self._draw = draw
        self._mark = mark
        self._block = ""
        self._at = 0

    def branch(self) -> str:
        """A token for a branch, without the cookie in front."""
        at = self._at
        if at == len(self._block):
            self._block, at = self._draw(BLOCK).hex(), 0
        self._at = at + 2 * SIZE
        return self._mark + self._block[at : self._at]

    def tag(self) -> str:
        """A token for a To tag."""
        return self.branch()
