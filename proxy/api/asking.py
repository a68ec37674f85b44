"""What a request of the signing and verification interface says, and what is said to one that says it wrongly.

Two dialects share the paths: ATIS-1000082 names its errors with a code, TS 24.229 Annex V with a sentence. Numbers are
canonical digits; a plus and separators are put up with, and so is one number where a list belongs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from shaken.number import stripped

Dialect = Literal["atis", "3gpp"]

MAX_LIST = 64
"""Numbers or headers of one request."""
MAX_TEXT = 40 * 1024
"""Characters of one value; the longest Identity header that is read has half of that."""

MISUSES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "SVC4000": (400, "Error: Missing request body."),
        "SVC4001": (400, "Error: Missing mandatory parameter '%1'"),
        "SVC4002": (406, "Error: Requested response body type '%1' is not supported."),
        "SVC4003": (404, "Error: Requested resource was not found."),
        "SVC4004": (415, "Error: Unsupported request body type, expected '%1'."),
        "SVC4005": (400, "Error: Invalid value for parameter '%1'"),
        "SVC4006": (400, "Error: Failed to parse received message body: %1."),
        "SVC4007": (411, "Error: Missing mandatory Content-Length header."),
        "POL4030": (403, "Error: Not entitled: %1."),
        "POL4050": (405, "Error: Method not allowed for this resource."),
        "POL5000": (500, "Error: Internal server error."),
    }
)
"""Identifier -> status and text. SVC is a serviceException, POL a policyException; POL4030 is ours."""


class Misuse(Exception):
    """A request that is answered with an error and not with an outcome."""

    def __init__(self, message: str, variable: str = "", status: int | None = None) -> None:
        usual, self.text = MISUSES[message]
        self.status = usual if status is None else status
        self.message, self.variables = message, [variable] if variable else []
        super().__init__(self.text.replace("%1", variable))

    def body(self, dialect: Dialect) -> dict[str, Any]:
        """As each dialect writes it."""
        if dialect == "3gpp":
            return {"error": str(self).removeprefix("Error: ")}
        kind = "serviceException" if self.message.startswith("SVC") else "policyException"
        return {"requestError": {kind: {"messageId": self.message, "text": self.text, "variables": self.variables}}}


def opened(octets: bytes, name: str) -> dict[str, Any]:
    """The object of that name which the body holds. Raises Misuse."""
    if not octets.strip():
        raise Misuse("SVC4000")
    try:
        whole = json.loads(octets)
    except (ValueError, RecursionError):
        raise Misuse("SVC4006", "it is no JSON") from None
    if not isinstance(whole, dict):
        raise Misuse("SVC4006", "it is no object")
    found = whole.get(name)
    if found is None:
        raise Misuse("SVC4001", name)
    if not isinstance(found, dict):
        raise Misuse("SVC4005", name)
    return found


def text(asked: Mapping[str, Any], name: str) -> str:
    """A text that must be there. Raises Misuse."""
    value = asked.get(name)
    if value is None:
        raise Misuse("SVC4001", name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise Misuse("SVC4005", name)
    return value


def moment(asked: Mapping[str, Any], name: str) -> int:
    """Unix seconds, as a number or as its digits. Raises Misuse."""
    value = asked.get(name)
    if value is None:
        raise Misuse("SVC4001", name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 13:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise Misuse("SVC4005", name)
    return value


def one(asked: Mapping[str, Any], name: str) -> tuple[str | None, str | None]:
    """Number or URI of one party, such as `orig` or `from`. Raises Misuse."""
    party = _party(asked, name)
    if party.get("tn") is not None:
        return number(party["tn"], f"{name}.tn"), None
    return None, _uri(party["uri"], f"{name}.uri")


def several(asked: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Numbers and URIs of `dest` or `to`: each a list, or a single one. Raises Misuse."""
    party = _party(asked, name)
    numbers = tuple(number(each, f"{name}.tn") for each in _listed(party.get("tn"), f"{name}.tn"))
    uris = tuple(_uri(each, f"{name}.uri") for each in _listed(party.get("uri"), f"{name}.uri"))
    return numbers, uris


def number(value: object, name: str) -> str:
    """A canonical number. Raises Misuse."""
    found = stripped(value) if isinstance(value, str) and len(value) <= 64 else None
    if not found:
        raise Misuse("SVC4005", name)
    return found


def texts(asked: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A text or a list of them; empty where there is none. Raises Misuse."""
    return tuple(_uri(each, name) for each in _listed(asked.get(name), name))


def _party(asked: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    party = asked.get(name)
    if party is None:
        raise Misuse("SVC4001", name)
    if not isinstance(party, dict):
        raise Misuse("SVC4005", name)
    if party.get("tn") is None and party.get("uri") is None:
        raise Misuse("SVC4001", f"{name}.tn")
    return party


def _listed(value: object, name: str) -> list[object]:
    if value is None:
        return []
    found = value if isinstance(value, list) else [value]
    if not 0 < len(found) <= MAX_LIST:
        raise Misuse("SVC4005", name)
    return found


def _uri(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise Misuse("SVC4005", name)
    return value
