"""Which attestation a call that leaves may be given (ATIS-1000074): the operator's decision, never the
signer's (STI-055).

A needs a number that is listed as this customer's own; there is no way around the list (STI-057).
"""

from __future__ import annotations

from typing import Literal

from policy.lists import NumberSet
from shaken.number import nanp_fault

Level = Literal["A", "B", "C"]


def attest(caller: str | None, own: NumberSet, *, known: bool = True) -> Level | None:
    """The level for this caller (canonical digits), or None where no honest signature is possible.

    `known`: the customer behind the call is known to us. Anonymous callers, extensions and impossible
    numbers are not signed: a token needs a number that exists (STI-037, STI-038).
    """
    if caller is None or not 7 <= len(caller) <= 15:
        return None
    if caller[0] == "1" and (len(caller) != 11 or nanp_fault(caller) is not None):
        return None
    if not known:
        return "C"
    return "A" if caller in own else "B"
