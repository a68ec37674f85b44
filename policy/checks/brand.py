"""A brand or an agency as the caller's name, without proof of the number.

The name is free text that anybody may send, and impersonation is what campaigns live on. Who proves the right to the
number (A) may still lie about the name, but can be found; then nothing is said here.
"""

from __future__ import annotations

import string
from functools import lru_cache

from policy.call import Call
from policy.rulebook import Rulebook
from policy.verdict import Finding, kept_analytics

SIDES = ("carrier",)
SLUGS = ("brand-unproved",)

_SAID = "shows the name of {} and proves no number".format

# Words end at punctuation (not at &), and what is written to look like a letter is read as one: 0 for O, 1 for l.
_READ = str.maketrans(
    dict.fromkeys(string.punctuation.replace("&", ""), " ")
    | {"0": "o", "1": "l", "3": "e", "5": "s", "$": "s", "@": "a", "|": "l"}
)


# Nearly all names are ASCII: octets are translated in a tenth of the time.
_OCTETS = bytes(ord(_READ.get(code, chr(code)) or " ") if code < 128 else code for code in range(256))
_OCTETS = bytes(range(256)).lower().translate(_OCTETS)


def check(call: Call, book: Rulebook) -> Finding | None:
    """Notice a name that the caller has not proved."""
    name = call.display_name
    if not name or not book.brands or (brand := claimed(name, book.brands)) is None or call.attestation == "A":
        return None
    return kept_analytics("brand-unproved", book.weight("brand-unproved"), (_SAID, brand))


def claimed(name: str, brands: frozenset[str]) -> str | None:
    """The brand that a display name holds as whole words: `AMAZ0N Support` holds amazon, `Amazonas` does not."""
    if len(name) > 128:
        name = name[:128]
    first, single, begin = _beginnings(brands)
    if name.isascii():
        octets = name.encode().translate(_OCTETS).split()
        if first.isdisjoint(octets):
            return None
        if found := single.intersection(octets):
            return min(found).decode()
        words = [word.decode() for word in octets]
    else:
        words = name.casefold().translate(_READ).split()
        if begin.isdisjoint(words):
            return None
        if names := brands.intersection(words):
            return min(names)
    # Names have three words at most.
    runs = (zip(words, words[1:], words[2:], strict=False), zip(words, words[1:], strict=False))
    return min((run for pairs in runs for run in map(" ".join, pairs) if run in brands), default=None)


@lru_cache(8)
def _beginnings(brands: frozenset[str]) -> tuple[frozenset[bytes], frozenset[bytes], frozenset[str]]:
    """Of all names the first words and those of one word, as octets; and the first words as text."""
    first = frozenset(brand.partition(" ")[0] for brand in brands)
    single = frozenset(brand.encode() for brand in brands if " " not in brand)
    return frozenset(word.encode() for word in first), single, first
