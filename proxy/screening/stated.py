"""The verdict that a carrier states itself, for calls whose Identity header ends with it: one row a carrier.

Read from a side that is trusted for verdicts, and only in the form of that carrier: what others write it passes on as
it came, and anybody may have written it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from proxy.sip.address import Address
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.sip.uri import Uri
from shaken.verdict import FAILED, NOT_DONE, PASSED


class Form(NamedTuple):
    """How one carrier says it."""

    header: str = ""
    """The header that holds the verdict; empty: a verstat parameter does (3GPP TS 24.229 7.2A.20)."""
    levels: tuple[str, ...] = ()
    """Headers that hold the attestation."""
    origins: tuple[str, ...] = ()
    """Headers that hold the origid."""
    plain: str | None = None
    """The attestation that TN-Validation-Passed alone means."""

    @property
    def headers(self) -> frozenset[str]:
        """All of them."""
        return frozenset((self.header, *self.levels, *self.origins)) - {""}


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "3gpp": Form(
            levels=("p-attestation-indicator", "attestation-info"), origins=("p-origination-id", "origination-id")
        ),
        "bandwidth": Form(levels=("p-attestation-indicator",), origins=("p-origination-id",)),
        "telnyx": Form(plain="A"),
        "twilio": Form(header="x-twilio-verstat"),
        "plivo": Form(header="x-plivo-stir-verification"),
    }
)
HEADERS = frozenset(name for form in FORMS.values() for name in form.headers)
"""Every header that states a verdict."""

_VERSTAT = re.compile(r"(?:(tn-validation-passed)|(tn-validation-failed)|no-tn-validation)(?:-([abc]))?").fullmatch
WORDS = MappingProxyType({"verified": PASSED, "not verified": NOT_DONE, "not applicable": NOT_DONE})
"""How some write it for people. What is not verified need not have failed: lower attestations are called so too."""


def stated(request: Request, source: Address, carrier: str) -> tuple[str | None, str | None]:
    """Verstat and attestation as this carrier states them; None for what it does not say, or says in two ways.

    source: who the caller is taken to be, which carries the verstat; else From does.
    """
    form = FORMS[carrier]
    if form.header:
        word = _one(request, form.header)
    else:
        word = parameter(source.uri) or source.params.get("verstat")
        if word is None:
            try:
                shown = request.from_
            except ParseError:
                return None, None
            word = parameter(shown.uri) or shown.params.get("verstat")
    verstat = _word(word) if word is not None else None
    if verstat is None:
        return None, None
    level = next((one for name in form.levels if (one := _one(request, name)) in ("A", "B", "C")), None)
    if level is None and verstat == PASSED:
        level = form.plain
    return verstat, level


def parameter(uri: Uri) -> str | None:
    """The verstat of a URI: a parameter of its user part, or of the whole."""
    for part in (uri.user or "").split(";")[1:]:
        name, _, value = part.partition("=")
        if name.lower() == "verstat":
            return value
    return uri.params.get("verstat")


def _one(request: Request, name: str) -> str | None:
    """The value of a header, where all lines of that name agree."""
    values = {value.strip() for value in request.all(name)}
    return values.pop()[:64].decode("ascii", "replace") if len(values) == 1 else None


def _word(text: str) -> str | None:
    """A verstat in the usual spelling, with its level where one was written at its end (STI-076)."""
    lower = text.strip().strip('"').lower()
    if lower in WORDS:
        return WORDS[lower]
    found = _VERSTAT(lower)
    if found is None:
        return None
    return (PASSED if found[1] else FAILED if found[2] else NOT_DONE) + (f"-{found[3].upper()}" if found[3] else "")
