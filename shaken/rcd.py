"""Rich call data: a name, a logo, a card and a reason, signed (RFC 9795).

The data may stand in a token of its own (`rcd`) or in the `shaken` one. `rcdi` binds it octet by octet: JSON
pointers into `rcd`, each with a digest. What is inside the token is checked here; what lies behind a URL is only
noted, with its digest, for whoever fetches it later. Nothing is ever fetched while a call waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from shaken.digest import matches, well_formed
from shaken.passport import Json, Passport

MAX_POINTERS = 64
MAX_TEXT = 512
"""Characters of a name, a reason or a URL that are carried on."""
_NAMES = ("nam", "apn", "icn", "jcl", "crn")


class Remote(NamedTuple):
    """Something behind a URL, and the digest that it must have; None: nothing binds it."""

    url: str
    digest: str | None


class Card(NamedTuple):
    """What a proved token says of the caller."""

    name: str | None = None
    number: str | None = None
    """The number to show instead (`apn`)."""
    icon: str | None = None
    link: str | None = None
    """Where a whole jCard lies (`jcl`)."""
    reason: str | None = None
    """Why they call (`crn`)."""
    jcard: Json = None
    remote: tuple[Remote, ...] = ()
    agrees: bool | None = None
    """Whether the name that the call shows is this one; None where one of them is missing."""


def present(token: Passport) -> bool:
    """Whether a token carries rich call data. A token that the quick reader took carries none."""
    return token.payload is not None and ("rcd" in token.payload or "crn" in token.payload)


def fault(token: Passport) -> tuple[str, str] | None:
    """What is wrong with the rich call data of a token; None if nothing."""
    claims = token.claims
    rcd, crn, rcdi = claims.get("rcd"), claims.get("crn"), claims.get("rcdi")
    if crn is not None and not isinstance(crn, str):
        return "identity-claims", "crn is no text"
    if rcd is None:
        return None if token.ppt != "rcd" and rcdi is None else ("identity-claims", "there is no rich call data")
    if not isinstance(rcd, dict):
        return "identity-claims", "rcd is no object"
    if "jcd" in rcd and "jcl" in rcd:
        return "identity-claims", "rcd has a card and a link to another"
    if not all(isinstance(rcd[name], str) for name in ("nam", "apn", "icn", "jcl") if name in rcd):
        return "identity-claims", "a name or a link in rcd is no text"
    if "jcd" in rcd and not isinstance(rcd["jcd"], list):
        return "identity-claims", "the card in rcd is none"
    if rcdi is None:
        return None
    if not isinstance(rcdi, dict) or not 0 < len(rcdi) <= MAX_POINTERS or not all(map(well_formed, rcdi.values())):
        return "identity-claims", "rcdi is no list of digests"
    return _unbound(rcd, rcdi)


def _unbound(rcd: Mapping[str, Json], rcdi: Mapping[str, str]) -> tuple[str, str] | None:
    """What the digests do not bind, or bind to something else."""
    for pointer, text in rcdi.items():
        if pointer == "/icn" or pointer == "/jcl" or pointer.startswith("/jcl/"):
            if pointer[1:4] not in rcd:
                return "identity-rcdi-mismatch", f"{pointer[:32]} points at nothing"
            continue  # its octets lie elsewhere
        found = resolved(rcd, pointer)
        if found is None:
            return "identity-rcdi-mismatch", f"{pointer[:32]} points at nothing"
        if pointer.startswith("/jcd/"):
            continue  # a URL inside the card: its octets lie elsewhere
        if not matches(text, octets(found)):
            return "identity-rcdi-mismatch", f"the digest of {pointer[:32]} is another"
    for pointer in (f"/{name}" for name in ("icn", "jcl", "jcd") if name in rcd):
        if pointer not in rcdi:
            return "identity-rcdi-mismatch", f"no digest binds {pointer}"
    for pointer in links(rcd.get("jcd")):
        if pointer not in rcdi:
            return "identity-rcdi-mismatch", f"no digest binds {pointer}"
    return None


def octets(value: Json) -> bytes:
    """What a digest is taken of: canonical JSON, so that a string has its quotes (RFC 9795 section 6). Text as it was
    sent: nothing is normalised (TRAP-16)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def resolved(root: Json, pointer: str) -> Json:
    """What a JSON pointer points at (RFC 6901); None where there is nothing."""
    if not pointer.startswith("/"):
        return None
    for part in pointer[1:].split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(root, dict):
            root = root.get(part)
        elif isinstance(root, list) and part.isascii() and part.isdigit() and len(part) < 5 and int(part) < len(root):
            root = root[int(part)]
        else:
            return None
    return root


def links(jcard: Json) -> dict[str, str]:
    """The URLs inside a jCard that show something, by pointer (RFC 7095: name, parameters, type, values)."""
    found: dict[str, str] = {}
    if isinstance(jcard, list) and len(jcard) > 1 and isinstance(jcard[1], list):
        for at, entry in enumerate(jcard[1]):
            if isinstance(entry, list) and len(entry) > 3 and entry[2] == "uri":
                for place, value in enumerate(entry[3:], 3):
                    if isinstance(value, str) and value.lower().startswith(("http:", "https:")):
                        found[f"/jcd/1/{at}/{place}"] = value
    return found


def card(token: Passport, shown: str) -> Card:
    """What a proved token without fault says. shown: the display name of the call."""
    claims = token.claims
    data: Mapping[str, Any] = claims.get("rcd") or {}
    rcdi: Mapping[str, str] = claims.get("rcdi") or {}
    said = {**data, "crn": claims.get("crn")}
    name, number, icon, link, reason = (
        text[:MAX_TEXT] if isinstance(text := said.get(key), str) else None for key in _NAMES
    )
    remote = [Remote(data[key], rcdi.get(f"/{key}")) for key in ("icn", "jcl") if key in data]
    remote += [Remote(url, rcdi.get(pointer)) for pointer, url in links(data.get("jcd")).items()]
    agrees = shown.strip() == name if name and shown.strip() else None
    return Card(name, number, icon, link, reason, data.get("jcd"), tuple(remote[:MAX_POINTERS]), agrees)
