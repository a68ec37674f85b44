"""Long tables of traced calls: their rows read one after another, built into one file (`policy.packed`), and mapped.

Building holds some hundred megabytes, however long the tables are: rows are sorted by number in runs on the disk, and
what is told of a campaign is kept by its moments. Mapped pages belong to the system, so that all workers share one
copy; a file that is in use is never written, a new one takes its name (`proxy.lists.shelf`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import IO

from policy.letter import HEAD_LINES, each, promised, uncommented
from policy.lists import CampaignList, Quarantined
from policy.packed import MAGIC, Packed
from proxy.lists.areacodes import KEPT
from proxy.lists.files import ListError, import_letter
from proxy.lists.mapping import map_as
from proxy.lists.packing import Packing

PIECE = 1024 * 1024
"""Characters that are read at a time."""
MAX_LINE = 64 * 1024
"""Characters: no row is longer; a file without ends of lines must not fill the memory."""
@dataclass(frozen=True, slots=True)
class Built:
    """What became of the tables."""

    rows: int
    numbers: int
    refused: int
    bad: tuple[Quarantined, ...] = field(repr=False, default=())


def is_packed(path: Path) -> bool:
    """Is it a file of ours, and no text? Raises ListError."""
    try:
        with path.open("rb") as file:
            return file.read(3) == MAGIC.to_bytes(4, "little")[:3]
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror})") from None


def campaigns(path: Path) -> CampaignList:
    """The traced calls of a snapshot, packed or a text. Raises ListError."""
    return CampaignList(packed=(mapped(path),)) if is_packed(path) else import_letter(path).campaigns()


def mapped(path: Path) -> Packed:
    """The table of a file. Raises ListError."""
    return map_as(path, Packed)


def build(paths: Sequence[Path], draft: Path, progress: Callable[[int], None] = lambda octets: None) -> Built:
    """Read tables of traced calls, CSV with a heading each, into one file. Raises ListError, OSError; then the draft
    is worth nothing."""
    refused = 0
    bad: list[Quarantined] = []

    def refuse(one: Quarantined) -> None:
        nonlocal refused
        refused += 1
        if len(bad) < KEPT:
            bad.append(one)

    with closing(Packing(draft.parent)) as packing:
        for path in paths:
            before, lost = packing.rows, refused
            with _opened(path) as stream:
                pieces = _pieces(stream, path, progress)
                first = next(pieces, [])
                for item in each(chain(_uncommented(first), chain.from_iterable(map(_uncommented, pieces)))):
                    if isinstance(item, Quarantined):
                        refuse(item)
                    else:
                        _, caller, told = item
                        packing.take(int(caller), told.notified, told.called, told[2:7])
            parsed, expected = packing.rows - before, promised(first[:HEAD_LINES])
            if expected is not None and expected != parsed + refused - lost:
                refuse(Quarantined(0, path.name, f"expected {expected}, parsed {parsed}"))
        if not packing.rows:
            raise ListError("no row of the tables can be read" + "".join(f"; {one}" for one in bad[:3]))
        made = packing.write(draft)
    return Built(made.rows, made.numbers, refused, tuple(bad))


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """A text, and what reading can meet in our words."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield stream
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror}); correct the path or its permissions") from None
    except UnicodeDecodeError as error:
        raise ListError(f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8") from None


def _pieces(stream: IO[str], path: Path, progress: Callable[[int], None]) -> Iterator[list[str]]:
    """The lines of a text with their ends, some thousand at a time."""
    rest = ""
    while piece := stream.read(PIECE):
        progress(len(piece))
        whole, end, rest = (rest + piece).rpartition("\n")
        if len(rest) > MAX_LINE:
            raise ListError(f"{path}: a line of it has no end; this is no table")
        yield list(StringIO(whole + end, newline="\n"))
    if rest:
        yield [rest]


def _uncommented(lines: list[str]) -> Iterable[str]:
    return uncommented(lines) if any("#" in line for line in lines) else lines
