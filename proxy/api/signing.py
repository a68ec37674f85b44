"""Signing for others: claims come in by HTTP, an Identity header goes out (ATIS-1000082; TS 24.229 Annex V).

What the asker wants is not what it gets: where the operator says `entitled`, the inventory decides and the level only
goes down from there (`policy.attest`; STI-057). `asked` believes the asker, who has then decided it already.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from policy.attest import Terms, decide
from policy.inventory import Inventory
from proxy.api.asking import Dialect, Misuse, moment, one, opened, several, text
from shaken.errors import SigningError
from shaken.sign import Signer

WINDOW = 60
"""Seconds that iat may be off: nothing is signed for another time (RFC 8224 section 6.1 step 3)."""
KINDS = ("shaken", "div", "rph")
MAX_AUTH = 32


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, and by whose right."""

    rights: str
    """no, entitled, asked"""
    signer: Callable[[], Signer | None]
    inventory: Callable[[], Inventory]
    utc: Callable[[], float]

    def answer(self, octets: bytes, dialect: Dialect) -> dict[str, Any]:
        """The answer to a signing request. Raises Misuse."""
        if self.rights == "no":
            raise Misuse("SVC4003")
        asked = opened(octets, "signingRequest")
        kind = _kind(asked)
        iat = moment(asked, "iat")
        orig, orig_uri = one(asked, "orig")
        numbers, uris = several(asked, "dest")
        if abs(iat - self.utc()) > WINDOW:
            raise Misuse("SVC4005", "iat")
        if (signer := self.signer()) is None:
            raise Misuse("POL5000")
        try:
            if kind == "shaken":
                value = self._shaken(signer, asked, orig, numbers, iat)
            else:
                origin = {"tn": orig} if orig is not None else {"uri": orig_uri}
                dest = {**({"tn": list(numbers)} if numbers else {}), **({"uri": list(uris)} if uris else {})}
                claims = {"orig": origin, "dest": dest, "iat": iat}
                more = self._diverted(asked) if kind == "div" else self._priority(asked)
                value = signer.value(kind, {**claims, **more})
        except SigningError as error:
            raise Misuse("POL5000") from error
        name = "identityHeader" if _newer(asked) or dialect == "3gpp" else "identity"
        return {"signingResponse": {name: value.decode()}}

    def _shaken(
        self, signer: Signer, asked: Mapping[str, Any], orig: str | None, numbers: tuple[str, ...], iat: int
    ) -> bytes:
        level, origid = text(asked, "attest"), text(asked, "origid")
        if level not in ("A", "B", "C"):
            raise Misuse("SVC4005", "attest")
        try:
            origid = str(uuid.UUID(origid))
        except ValueError:
            raise Misuse("SVC4005", "origid") from None
        if orig is None:
            raise Misuse("SVC4001", "orig.tn")
        if not numbers:
            raise Misuse("SVC4001", "dest.tn")
        if self.rights == "entitled":
            choice = decide(orig, self.inventory(), Terms(origid), self.utc(), level)
            if choice.level is None:
                raise Misuse("POL4030", choice.why)
            level = choice.level
        return signer.identity(orig=orig, dest=numbers, iat=iat, attest=level, origid=origid)

    def _diverted(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Who sends the call on: a number of ours, unless the asker is believed."""
        tn, uri = one(asked, "div")
        if self.rights == "entitled" and (tn is None or self.inventory().find(tn, self.utc()) is None):
            raise Misuse("POL4030", "div")
        hi = asked["div"].get("hi")
        if hi is not None and (not isinstance(hi, str) or len(hi) > 64):
            raise Misuse("SVC4005", "div.hi")
        return {"div": {**({"tn": tn} if tn is not None else {"uri": uri}), **({"hi": hi} if hi is not None else {})}}

    def _priority(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Priority is nothing that a table of numbers gives anybody a right to."""
        if self.rights != "asked":
            raise Misuse("POL4030", "rph")
        rph = asked.get("rph")
        if rph is None:
            raise Misuse("SVC4001", "rph")
        auth = rph.get("auth") if isinstance(rph, dict) else rph
        auth = [auth] if isinstance(auth, str) else auth
        if not isinstance(auth, list) or not 0 < len(auth) <= MAX_AUTH or not all(isinstance(x, str) for x in auth):
            raise Misuse("SVC4005", "rph")
        sph = asked.get("sph")
        if sph is not None and sph != "psap-callback":
            raise Misuse("SVC4005", "sph")
        return {"rph": {"auth": auth}, **({"sph": sph} if sph is not None else {})}


def _kind(asked: Mapping[str, Any]) -> str:
    """The kind that is asked for, said or meant."""
    kind = asked.get("ppt")
    if kind is None:
        return "div" if "div" in asked else "rph" if "rph" in asked else "shaken"
    if kind not in KINDS:
        raise Misuse("SVC4005", "ppt")
    return str(kind)


def _newer(asked: Mapping[str, Any]) -> bool:
    """Whether the request is one of TS 24.229 Annex V, whatever the settings expect."""
    return any(name in asked for name in ("ppt", "div", "rph", "sph"))


