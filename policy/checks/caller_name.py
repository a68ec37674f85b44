"""The name that a service knows for the caller's number, beside the one that the call shows.

Two notes, for a person and for `tags`: names of the telephone network are places and leftovers as often as they are
people, so neither weighs anything.
"""

from __future__ import annotations

import re

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, note

SIDES = ("carrier",)
SLUGS = ("name-found", "name-differs")
NO_NAMES = frozenset(("unknown", "unavailable", "wireless caller", "toll free", "anonymous", "private"))
"""What stands where no name is known, in lower case."""


_DIFFERS = 'shows another name than the one of this number, "{}"'.format
_FOUND = 'the number is listed as "{}"'.format

_ASCII = re.compile("[a-z]{2,}").findall
"""Nearly all names are ASCII, and their words are found at once."""


def check(call: Call, book: Rulebook) -> Finding | None:
    """Tell the name that was looked up, and whether the call shows another one."""
    if not (name := call.name):
        return None
    if (shown := _words(call.display_name)) and (known := _words(name)) and name.casefold() not in NO_NAMES:
        if frozenset(known).isdisjoint(shown):
            return note("name-differs", (_DIFFERS, name))
    return note("name-found", (_FOUND, name))


def _words(name: str) -> list[str]:
    """Words of letters: a number shown as a name is none."""
    if name.isascii():
        return _ASCII(name.lower())
    name = name.casefold()
    return [word for word in "".join(c if c.isalpha() else " " for c in name).split() if len(word) > 1]
