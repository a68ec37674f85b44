"""The name that a service knows for the caller's number, beside the one that the call shows.

Two notes, for a person and for `tags`: names of the telephone network are places and leftovers as often as they are
people, so neither weighs anything.
"""

from __future__ import annotations

import re

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Class, Finding

SIDES = ("carrier",)
SLUGS = ("name-found", "name-differs")
NO_NAMES = frozenset(("unknown", "unavailable", "wireless caller", "toll free", "anonymous", "private"))
"""What stands where no name is known, in lower case."""


_ASCII = re.compile("[a-z]{2,}").findall
"""Nearly all names are ASCII, and their words are found at once."""


def check(call: Call, book: Rulebook) -> Finding | None:
    """Tell the name that was looked up, and whether the call shows another one."""
    if not (name := call.name):
        return None
    shown, known = _words(call.display_name), _words(name)
    if shown and known and name.casefold() not in NO_NAMES and shown.isdisjoint(known):
        return Finding("name-differs", Class.NOTE, 0, f'shows another name than the one of this number, "{name}"')
    return Finding("name-found", Class.NOTE, 0, f'the number is listed as "{name}"')


def _words(name: str) -> set[str]:
    """Words of letters: a number shown as a name is none."""
    name = name.casefold()
    if name.isascii():
        return set(_ASCII(name))
    return {word for word in "".join(c if c.isalpha() else " " for c in name).split() if len(word) > 1}
