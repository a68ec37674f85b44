"""The name that a service knows for the caller's number, beside the one that the call shows.

Two notes, for a person and for `tags`: names of the telephone network are places and leftovers as often as they are
people, so neither weighs anything.
"""

from __future__ import annotations

from functools import lru_cache

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_note

SIDES = ("carrier",)
SLUGS = ("name-found", "name-differs")
NO_NAMES = frozenset(("unknown", "unavailable", "wireless caller", "toll free", "anonymous", "private"))
"""What stands where no name is known, in lower case."""


_DIFFERS = 'shows another name than the one of this number, "{}"'.format
_FOUND = 'the number is listed as "{}"'.format

# Nearly all names are ASCII: octets are taken apart in a fraction of the time.
_OCTETS = bytes(ord(chr(code).lower()) if chr(code).isascii() and chr(code).isalpha() else 32 for code in range(256))


def check(call: Call, book: Rulebook) -> Finding | None:
    """Tell the name that was looked up, and whether the call shows another one."""
    if not (name := call.name):
        return None
    if (shown := call.display_name) and _others(shown, name):
        return kept_note("name-differs", (_DIFFERS, name))
    return kept_note("name-found", (_FOUND, name))


def _others(shown: str, name: str) -> bool:
    """Have both names words, and none in common?"""
    ascii, known = _known(name)
    if not known:
        return False
    if ascii and shown.isascii():
        octets = shown.encode().translate(_OCTETS).split()
        # A word has two letters or more.
        return known.isdisjoint(octets) and len(b"".join(octets)) > len(octets)
    words = _words(shown)
    return bool(words) and frozenset(_words(name)).isdisjoint(words)


@lru_cache(1024)
def _known(name: str) -> tuple[bool, frozenset[bytes]]:
    """Is a name ASCII, and the words of it; none where it says that no name is known."""
    words = () if name.casefold() in NO_NAMES else _words(name)
    return name.isascii(), frozenset(word.encode("utf-8", "surrogatepass") for word in words)


def _words(name: str) -> list[str]:
    """Words of letters: a number shown as a name is none."""
    name = name.casefold()
    return [word for word in "".join(c if c.isalpha() else " " for c in name).split() if len(word) > 1]
