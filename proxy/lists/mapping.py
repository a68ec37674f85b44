"""Long lists that are asked where they lie: a file in memory, one copy for all processes that map it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from proxy.lists.files import ListError

T = TypeVar("T")


def map_as(path: Path, made: Callable[[memoryview], T]) -> T:
    """What `made` makes of the octets of a file, or ValueError where they are none of its kind. Raises ListError."""
    try:
        with path.open("rb") as file:
            space = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise ListError(f"{path}: cannot be mapped ({error})") from None
    # Look-ups fall anywhere: reading ahead would fetch what nobody asks for.
    space.madvise(mmap.MADV_RANDOM)
    try:
        return made(memoryview(space))
    except ValueError as error:
        raise ListError(f"{path}: {error}") from None
