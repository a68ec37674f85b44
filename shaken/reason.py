"""Failures told upstream: one Reason value with the protocol STIR for each token that failed (RFC 9410).

A call that goes on in spite of a failure is not refused for it; whoever signed it learns of the failure from a
Reason on the responses instead. `ppi` says which token is meant: its signature after two dots, as in the compact form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from shaken.hearing import KINDS, Conclusion, Hearing
from shaken.verdict import Failure

MAX_PPI = 200
"""Characters of a signature that is quoted; a real one has 86."""
_SIGNATURE = re.compile(rb"[A-Za-z0-9_.=/+-]*\.([A-Za-z0-9_-]{1,%d})[ \t]*(?:;|\Z)" % MAX_PPI).match
_STIR = re.compile(rb"[ \t]*STIR[ \t]*(?=;|\Z)", re.IGNORECASE).match
_PPI = re.compile(rb';[ \t]*ppi[ \t]*=[ \t]*"?([A-Za-z0-9_.=-]*)', re.IGNORECASE).search


def ppi(value: bytes) -> bytes | None:
    """How a token is named: two dots and its signature; None where an Identity value has none."""
    found = _SIGNATURE(value[: 20 * 1024].lstrip(b" \t"))
    return b".." + found[1] if found is not None else None


def reason(failure: Failure, name: bytes | None) -> bytes:
    """One Reason line."""
    line = f'Reason: STIR ;cause={failure.code} ;text="{failure.phrase}"'.encode()
    return line + b' ;ppi="' + name + b'"' if name is not None else line


def reasons(hearing: Hearing, found: Conclusion) -> tuple[bytes, ...]:
    """The lines for a call that goes on: one for each header that failed, in order. Kinds that are not known here
    did not fail: nobody looked (RFC 8224 section 6.2 step 1).
    """
    return tuple(
        reason(result.failure, ppi(value))
        for value, result, kind in zip(hearing.values, found.results, found.kinds, strict=True)
        if result.failure is not None and kind in KINDS
    )


def without_ours(values: Iterable[bytes], ours: Collection[bytes]) -> list[bytes]:
    """Reason values of a response on its way to the caller, without those that speak of tokens that we made: whoever
    signed is the last to hear of them (RFC 9410 section 6). ours: `ppi` of our tokens.
    """
    kept = []
    for value in values:
        named = _PPI(value) if _STIR(value) else None
        if named is None or not any(_same(named[1], one) for one in ours):
            kept.append(value)
    return kept


def _same(named: bytes, ours: bytes) -> bool:
    """Whether a ppi, in full or compact form, names this token."""
    return named.rpartition(b".")[2] == ours.rpartition(b".")[2]


def parse(values: Sequence[bytes]) -> list[tuple[int, bytes | None]]:
    """Cause and ppi of the STIR values among Reason values; several of one protocol are allowed (RFC 9366; TRAP-71)."""
    found = []
    for value in values:
        cause = re.search(rb";[ \t]*cause[ \t]*=[ \t]*([0-9]{3})(?![0-9])", value) if _STIR(value) else None
        if cause is not None:
            named = _PPI(value)
            found.append((int(cause[1]), named[1] if named is not None else None))
    return found
