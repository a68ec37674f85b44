"""The last good copy of each list file that the configuration names, so that a file that is damaged stops nothing.

Files of the operator's own stay where they are and are read at each start and reload. What was read well is copied to a
shelf in the state folder, beside the calls; where a file cannot be read, or hardly a line of it, its copy is in force
and a remark says so. Without a state folder there are no copies, and such a file is an error as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from hashlib import blake2b
from operator import or_
from pathlib import Path

from policy.dno import parse as parse_dno
from policy.lists import CampaignList, NumberSet, parse_numbers
from proxy.lists import files
from proxy.lists.files import ListError, Loaded, Parse, Report
from proxy.lists.kinds import FOLDER as LISTS
from proxy.lists.shelf import Content, Shelf, measured

FOLDER = "files"
"""Below the folder of the lists."""


class Copies:
    """Copies of files below a state folder; without one there are none."""

    def __init__(self, state: Path | None) -> None:
        self._folder = state / LISTS / FOLDER if state is not None else None

    def _shelf(self, path: Path) -> Shelf | None:
        if self._folder is None:
            return None
        name = blake2b(str(path.absolute()).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        return Shelf(self._folder, f"{path.stem[:40]}-{name}")

    def last(self, path: Path) -> Path | None:
        """The copy of a file, if there is a good one."""
        shelf = self._shelf(path)
        try:
            found = shelf.load(lambda copy: copy) if shelf is not None else None
        except ListError:
            return None
        return found[0] if found is not None else None

    def keep(self, path: Path, utc: float) -> bool:
        """Copy a file that is good, if it is another one than the last. Raises ListError, OSError."""
        shelf = self._shelf(path)
        if shelf is None:
            return False
        known = shelf.current()
        if known is not None and (known.size, known.digest) == measured(path):
            return False
        text = files.text(path)

        def fill(draft: Path) -> Content:
            draft.write_text(text, encoding="utf-8", newline="")
            return Content(text.count("\n"))

        shelf.add(fill, utc, (str(path),))
        return True

    def keep_all(self, paths: Iterable[Path], utc: float) -> list[str]:
        """Copy what is good of these files; sentences on what could not be copied. Never raises."""
        said = []
        for path in paths:
            try:
                if sound(path):
                    self.keep(path, utc)
            except (ListError, OSError) as error:
                said.append(f"{path}: no copy can be kept ({error})")
        return said


def sound(path: Path) -> bool:
    """Can most of a file be read as a list, or as a table? Raises ListError."""
    found = files.numbers([path], parse_dno)  # which reads every list of numbers
    if _most(found.reports[0]):
        return True
    table = files.import_letter(path)
    return table.parsed > len(table.quarantined)


def _most(report: Report) -> bool:
    return report.parsed >= len(report.quarantined)


def numbers(paths: Iterable[Path], copies: Copies, parse: Parse = parse_numbers) -> tuple[NumberSet, list[str]]:
    """Number lists as `files.numbers` reads them, or their copies, and remarks. Raises ListError for a file that cannot
    be read and has no copy."""
    loaded: list[Loaded] = []
    remarks: list[str] = []
    for path in paths:
        fault = "hardly a line of it can be read"
        try:
            one = files.numbers([path], parse)
        except ListError as error:
            fault = str(error)
            if (copy := copies.last(path)) is None:
                raise
        else:
            copy = None if _most(one.reports[0]) else copies.last(path)
        if copy is not None:
            one = files.numbers([copy], parse)
            one = replace(one, reports=tuple(replace(report, name=str(path)) for report in one.reports))
            remarks.append(f"{path}: its last good copy is in force ({fault})")
        loaded.append(one)
        remarks += one.remarks
    return reduce(or_, (one.numbers for one in loaded), NumberSet()), remarks


def campaigns(paths: Iterable[Path], bundled_too: bool, copies: Copies) -> tuple[CampaignList, list[str]]:
    """Tables of traced calls as `files.campaigns` reads them, or their copies. Raises ListError."""
    good: list[Path] = []
    remarks: list[str] = []
    for path in paths:
        fault = "hardly a row of it can be read"
        try:
            table = files.import_letter(path)
        except ListError as error:
            fault = str(error)
            if (copy := copies.last(path)) is None:
                raise
        else:
            copy = copies.last(path) if table.parsed < len(table.quarantined) else None
        if copy is not None:
            remarks.append(f"{path}: its last good copy is in force ({fault})")
        good.append(copy if copy is not None else path)
    known, said = files.campaigns(good, bundled_too)
    return known, remarks + said
