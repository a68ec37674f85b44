"""The files of the do-not-call registry, as numbers by area code: flat, zipped, XML; full lists and change lists.

A flat line is `202,5550100`, or ten or eleven digits; a line of a change list has an A (added) or a D (deleted) in one
of its further fields. In XML an element `ac` names an area and `ph` a number of it, in `val`; a change has an A or a D
in another attribute. (Columns of change lists and names of elements stand behind the registry's login: they are read
by what they must hold, and what does not fit is set apart with its line.)

Files are read in pieces. A piece whose lines are all of one form and one area, as nearly all are, is taken apart by
columns, without a look at each line.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple
from xml.parsers import expat

from policy.lists import Quarantined
from proxy.lists.files import ListError

PIECE = 8 * 1024 * 1024
"""Octets that are read at a time: some 700,000 lines."""
MAX_LINE = 256
"""No line of a registry file is longer; a file without ends of lines must not fill the memory."""
MAX_FILES = 2000
"""Files in one archive: three times as many as there are area codes."""
MAX_OCTETS = 16 * 1024**3
"""Of one file, unpacked: five times the whole registry. An archive that grows without end is refused."""
KEPT = 100
"""Lines that cannot be read and are quoted; the others are counted."""

BOM = b"\xef\xbb\xbf"
_FORM = re.compile(rb"(1?)([2-9][0-9]{2})(,?)[0-9]{7}(\r?\n)\Z").match
_LINE = re.compile(rb"\s*\+?1?([2-9][0-9]{2})[,\-. ]?([0-9]{3})[\-. ]?([0-9]{4})((?:,[^,]{0,40}){0,6})\s*\Z").match
_CHANGES = {b"a": False, b"add": False, b"d": True, b"del": True, b"delete": True}
"""Word of a change -> is the number taken off?"""
_DIGITS = b"0123456789"


class Batch(NamedTuple):
    """Numbers of one area, in the order of the file."""

    area: int
    numbers: Iterable[int]
    """Seven digits each."""
    removed: bool = False
    change: bool = False
    """Whether this comes from a change list; a full list replaces its area."""


@dataclass(slots=True)
class Reading:
    """What is noted while files are read."""

    progress: Callable[[int], None] = lambda octets: None
    """Told how many more octets are read."""
    bad: list[Quarantined] = field(default_factory=list)
    refused: int = 0
    """Lines that cannot be read, those that are not quoted too."""
    lines: int = 0

    def refuse(self, line: int, text: bytes, why: str) -> None:
        self.refused += 1
        if len(self.bad) < KEPT:
            self.bad.append(Quarantined(line, text[:80].decode("ascii", "replace"), why))


def size(paths: Iterable[Path]) -> int:
    """Octets that reading these files will tell of. Raises ListError."""
    total = 0
    for path in paths:
        with _faults(path):
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    total += sum(one.file_size for one in archive.infolist())
            else:
                total += path.stat().st_size
    return total


def batches(path: Path, reading: Reading) -> Iterator[Batch]:
    """The numbers of one file. Raises ListError: a file that ends in the middle serves nobody."""
    with _faults(path):
        if not zipfile.is_zipfile(path):
            with path.open("rb") as stream:
                yield from _read(stream, reading)
            return
        with zipfile.ZipFile(path) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            if len(files) > MAX_FILES:
                raise ListError(f"{path}: {len(files)} files in one archive; it is none of the registry's")
            for one in files:
                if one.flag_bits & 1:
                    raise ListError(f"{path}: {one.filename} is locked with a password; unpack it first")
                if one.file_size > MAX_OCTETS:
                    raise ListError(f"{path}: {one.filename} is larger than the whole registry")
                with archive.open(one) as stream:
                    yield from _read(stream, reading)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """What reading can meet, in our words."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ListError(f"{path}: cannot be read ({why}); correct the path or its permissions") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ListError(f"{path}: the archive is damaged ({error}); fetch it again") from None


def _read(stream: IO[bytes], reading: Reading) -> Iterator[Batch]:
    first = stream.read(PIECE).removeprefix(BOM)
    if first.startswith(b"PK"):  # an archive, and its end is missing
        raise zipfile.BadZipFile("its directory is missing")
    if first.lstrip()[:1] == b"<":
        yield from _xml(first, stream, reading)
    else:
        yield from _flat(first, stream, reading)


def _flat(piece: bytes, stream: IO[bytes], reading: Reading) -> Iterator[Batch]:
    line, rest = 0, b""
    while piece:
        reading.progress(len(piece))
        piece = rest + piece
        end = piece.rfind(b"\n") + 1
        whole, rest = piece[:end], piece[end:]
        if len(rest) > MAX_LINE:
            raise ListError(f"line {line + whole.count(10) + 1} has no end; this is no list of numbers")
        if whole:
            found = columns(whole)
            if found is not None:
                yield found[0]
                line += found[1]
            else:
                yield from _lines(whole, line, reading)
                line += whole.count(b"\n")
        piece = stream.read(PIECE)
    if rest:
        yield from _lines(rest, line, reading)
        line += 1
    reading.lines += line


def columns(whole: bytes) -> tuple[Batch, int] | None:
    """Lines that are all of one form and one area, and how many; None where they are not."""
    width = whole.find(b"\n") + 1
    form = _FORM(whole[:width])
    if form is None or len(whole) % width:
        return None
    one, area, comma, end = form.groups()
    count, head = len(whole) // width, one + area + comma
    if whole.translate(None, _DIGITS) != (comma + end) * count:
        return None
    fixed = [*enumerate(head), *enumerate(end, width - len(end))]
    if any(whole[at::width].count(octet) != count for at, octet in fixed):
        return None
    digits = bytearray(b"\n") * (8 * count)
    for at in range(7):
        digits[at::8] = whole[len(head) + at :: width]
    return Batch(int(area), map(int, digits.split())), count


def _lines(whole: bytes, line: int, reading: Reading) -> Iterator[Batch]:
    """Any lines, one by one. Those of a full list are brought together by area."""
    full: dict[int, list[int]] = {}
    changes: list[tuple[int, bool, int]] = []
    for raw in whole.split(b"\n"):
        line += 1
        found = _LINE(raw)
        if found is None:
            if raw.strip():
                reading.refuse(line, raw, "no number of an area code")
            continue
        area, number, further = int(found[1]), int(found[2] + found[3]), found[4]
        if not further:
            full.setdefault(area, []).append(number)
            continue
        words = [word for cell in further.lower().split(b",") if (word := cell.strip(b" \t\r\"'")) in _CHANGES]
        if len(words) == 1:
            changes.append((area, _CHANGES[words[0]], number))
        else:
            reading.refuse(line, raw, "neither a number alone nor a change (A or D)")
    for area, numbers in full.items():
        yield Batch(area, numbers)
    for (area, removed), group in groupby(changes, lambda change: change[:2]):
        yield Batch(area, [number for _, _, number in group], removed, True)


def _xml(piece: bytes, stream: IO[bytes], reading: Reading) -> Iterator[Batch]:
    found: list[tuple[int, bool | None, int]] = []
    area = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal area
        value = attributes.get("val", "")
        if name == "ph" and area and len(attributes) == 1 and len(value) == 7 and value.isdecimal():
            found.append((area, None, int(value)))  # as nearly all are
            return
        line = parser.CurrentLineNumber
        if name == "ac":
            area = int(code) if re.fullmatch(r"[2-9][0-9]{2}", code := attributes.get("val", ""), re.A) else 0
            if not area:
                reading.refuse(line, code.encode(), "no area code")
        elif name == "ph":
            written = attributes.pop("val", "").encode()
            number = _LINE(written) or _LINE(b"%03d%b" % (area, written))
            if number is None:
                reading.refuse(line, written, "no number of an area code")
                return
            words = [word for text in attributes.values() if (word := text.strip().lower().encode()) in _CHANGES]
            change = _CHANGES[words[0]] if words else None
            found.append((int(number[1]), change, int(number[2] + number[3])))

    def declared(*_: object) -> None:
        raise ListError("it declares a document type; a file of the registry does not")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = declared
    try:
        while piece:
            reading.progress(len(piece))
            # Small bites, so that what is found of each stays small.
            for at in range(0, len(piece), PIECE // 8):
                parser.Parse(piece[at : at + PIECE // 8], False)
                yield from _grouped(found, reading)
            piece = stream.read(PIECE)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ListError(f"the XML is damaged ({error}); fetch it again") from None
    yield from _grouped(found, reading)


def _grouped(found: list[tuple[int, bool | None, int]], reading: Reading) -> Iterator[Batch]:
    reading.lines += len(found)
    for (area, change), group in groupby(found, lambda one: one[:2]):
        yield Batch(area, [number for _, _, number in group], bool(change), change is not None)
    found.clear()
