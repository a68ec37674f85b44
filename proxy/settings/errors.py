"""What a bad configuration raises: every fault of the file at once, each with its key and its cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Wrong(Exception):
    """One value is not what its key demands. Stays inside this package."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


class SettingsError(Exception):
    """The file cannot be used. `problems` are sentences: file, key, what is wrong, what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Faults:
    """Collects what is wrong with one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[str] = []

    def about(self, key: str) -> bool:
        """Whether something is wrong with this key already: its absence then means nothing."""
        return any(line.startswith(f"{self.file}: {key}: ") for line in self.found)

    def add(self, key: str, what: str, cure: str) -> None:
        """`key` is the path of the key in the file, such as `trunk[2].mode`."""
        self.found.append(f"{self.file}: {key}: {what}; {cure}" if key else f"{self.file}: {what}; {cure}")


def nearest(word: str, known: Iterable[str]) -> str:
    """A cure for a word that nobody knows: the nearest one that somebody does."""
    words = list(known)
    close = difflib.get_close_matches(word[:64], words, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return "known here: " + ", ".join(sorted(words)) if words else "nothing can be set here"
