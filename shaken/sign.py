"""Signing: claims in, the value of an Identity header out (RFC 8224 section 6.1, RFC 8588).

Deterministic ECDSA (RFC 6979): the same call at the same second has the same signature, and no bad random number can
give the key away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from shaken.errors import SigningError
from shaken.passport import canonical_json, canonical_text, encode

_DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_NUMBER = re.compile(r"[0-9*#]{1,15}").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z").match
_URL = re.compile(r"https://[^\x00-\x20\x7f-\U0010ffff<>\"]+\Z").match
_KIND = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,32}").fullmatch
_LEVELS = frozenset("ABC")


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """A P-256 private key without a password. Raises SigningError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except Exception as error:  # many kinds for many ways of being no key
        raise SigningError("this is no private key that can be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningError("the key is not P-256")
    return key


def sign_octets(key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    """r and s, 32 octets each (RFC 7518 section 3.4)."""
    r, s = decode_dss_signature(key.sign(octets, _DETERMINISTIC))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def token(key: ec.EllipticCurvePrivateKey, header: object, claims: object) -> bytes:
    """A token in full form over canonical JSON."""
    signing_input = encode(canonical_json(header)) + b"." + encode(canonical_json(claims))
    return signing_input + b"." + encode(sign_octets(key, signing_input))


class Signer:
    """One key and the URL of its certificate."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        x5u: str,
        *,
        quoted: bool = False,
        valid: tuple[float, float] | None = None,
    ) -> None:
        """quoted: write `ppt="shaken"`, for peers that want it so; the grammar has it bare (RFC 8224 section 4). valid:
        Unix seconds between which the certificate is; None: nobody knows. Raises SigningError for a URL that no header
        can carry.
        """
        if _URL(x5u) is None:
            raise SigningError("the certificate URL is not an https URL")
        self._key, self.x5u, self.valid = key, x5u, valid
        self._quote = '"' if quoted else ""
        self._heads: dict[str, tuple[bytes, bytes]] = {}
        self._head, self._tail = self._ends("shaken")

    def _ends(self, kind: str) -> tuple[bytes, bytes]:
        """What stands before and after the claims and the signature of a token of this kind."""
        if kind not in self._heads:
            named = {"ppt": kind} if kind else {}
            header = {"alg": "ES256", **named, "typ": "passport", "x5u": self.x5u}
            tail = f";info=<{self.x5u}>;alg=ES256" + (f";ppt={self._quote}{kind}{self._quote}" if kind else "")
            self._heads[kind] = encode(canonical_json(header)) + b".", tail.encode("ascii")
        return self._heads[kind]

    def _checked(self, iat: int) -> None:
        """Raises SigningError where nothing can be signed at that moment (RFC 8224 section 6.1 step 3)."""
        if iat < 0 or (self.valid is not None and not self.valid[0] <= iat <= self.valid[1]):
            raise SigningError("the certificate is not valid at that time", "signing-expired")

    def identity(
        self,
        *,
        orig: str,
        dest: Sequence[str],
        iat: int,
        attest: str,
        origid: str,
        mky: Sequence[Mapping[str, str]] = (),
    ) -> bytes:
        """The value of an Identity header for a call; numbers in canonical form. mky: the keys of the media
        (`shaken.mky.claim`). Raises SigningError.
        """
        numbers = sorted(set(dest)) if len(dest) > 1 else dest
        if _NUMBER(orig) is None or not numbers or not all(map(_NUMBER, numbers)):
            raise SigningError("only canonical numbers can be signed")
        if attest not in _LEVELS or _UUID(origid) is None or iat < 0:
            raise SigningError("attest is A, B or C, origid a lower-case UUID, iat Unix seconds")
        self._checked(iat)
        # Every value was just seen to need no escape, so the canonical form (RFC 8225 section 9) can be written down.
        keys = f',"mky":{canonical_text(list(mky))}' if mky else ""
        tns = numbers[0] if len(numbers) == 1 else '","'.join(numbers)
        claims = (
            f'{{"attest":"{attest}","dest":{{"tn":["{tns}"]}},"iat":{iat}{keys}'
            f',"orig":{{"tn":"{orig}"}},"origid":"{origid}"}}'
        )
        signing_input = self._head + encode(claims.encode())
        return signing_input + b"." + encode(sign_octets(self._key, signing_input)) + self._tail

    def div(self, *, orig: Mapping[str, str], was: str, became: str, iat: int) -> bytes:
        """The value of an Identity header that says: the call was for one number, and now goes to another (RFC 8946
        section 4.1). orig: as in the token that the call has already. Raises SigningError.
        """
        if _NUMBER(was) is None or _NUMBER(became) is None or was == became:
            raise SigningError("a diversion goes from one canonical number to another")
        return self.value("div", {"dest": {"tn": [became]}, "div": {"tn": was}, "iat": iat, "orig": dict(orig)})

    def value(self, kind: str, claims: Mapping[str, Any]) -> bytes:
        """The value of an Identity header of any kind, always in full form: the compact one cannot carry claims of a
        kind (RFC 8225 section 7). Arrays of `dest` are sorted, each entry once. Raises SigningError.
        """
        if kind and _KIND(kind) is None:
            raise SigningError("a kind is a token of RFC 3261")
        orig, dest, iat = claims.get("orig"), claims.get("dest"), claims.get("iat")
        if not isinstance(orig, dict) or list(orig) not in (["tn"], ["uri"]) or type(iat) is not int:
            raise SigningError("a token has one orig, tn or uri, and an iat in whole seconds")
        if not isinstance(dest, dict) or not dest or not set(dest) <= {"tn", "uri"}:
            raise SigningError("a token has a dest with tn or uri")
        several = {
            name: sorted(set(values))
            for name, values in dest.items()
            if isinstance(values, list | tuple) and all(isinstance(one, str) for one in values)
        }
        if len(several) != len(dest) or not all(several.values()):
            raise SigningError("dest holds lists that are not empty")
        numbers = (*several.get("tn", ()), *([orig["tn"]] if "tn" in orig else ()))
        if not all(isinstance(number, str) and _NUMBER(number) for number in numbers):
            raise SigningError("only canonical numbers can be signed")
        self._checked(iat)
        head, tail = self._ends(kind)
        try:
            signing_input = head + encode(canonical_json({**claims, "dest": several}))
        except (ValueError, TypeError) as error:
            raise SigningError("a claim is no JSON") from error
        return signing_input + b"." + encode(sign_octets(self._key, signing_input)) + tail

    def signed(self, typ: str, claims: object) -> bytes:
        """Any other token by the same key, such as the card of a 608."""
        return token(self._key, {"alg": "ES256", "typ": typ, "x5u": self.x5u}, claims)
