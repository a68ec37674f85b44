"""Signing: claims in, the value of an Identity header out (RFC 8224 section 6.1, RFC 8588).

Deterministic ECDSA (RFC 6979): the same call at the same second has the same signature, and no bad random number can
give the key away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from shaken.errors import SigningError
from shaken.passport import canonical_json, encode

_DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_NUMBER = re.compile(r"[0-9*#]{1,15}\Z").match
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z").match
_URL = re.compile(r"https://[^\x00-\x20\x7f-\U0010ffff<>\"]+\Z").match
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

    def __init__(self, key: ec.EllipticCurvePrivateKey, x5u: str) -> None:
        """Raises SigningError for a URL that no header can carry."""
        if _URL(x5u) is None:
            raise SigningError("the certificate URL is not an https URL")
        self._key, self.x5u = key, x5u
        header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u}
        self._head = encode(canonical_json(header)) + b"."
        self._tail = b";info=<" + x5u.encode("ascii") + b">;alg=ES256;ppt=shaken"

    def identity(self, *, orig: str, dest: Sequence[str], iat: int, attest: str, origid: str) -> bytes:
        """The value of an Identity header for a call; numbers in canonical form. Raises SigningError."""
        numbers = sorted(set(dest))
        if _NUMBER(orig) is None or not numbers or not all(_NUMBER(number) for number in numbers):
            raise SigningError("only canonical numbers can be signed")
        if attest not in _LEVELS or _UUID(origid) is None or iat < 0:
            raise SigningError("attest is A, B or C, origid a lower-case UUID, iat Unix seconds")
        # Every value was just seen to need no escape, so the canonical form (RFC 8225 section 9) can be written down.
        claims = '{"attest":"%s","dest":{"tn":["%s"]},"iat":%d,"orig":{"tn":"%s"},"origid":"%s"}' % (  # noqa: UP031
            attest, '","'.join(numbers), iat, orig, origid,
        )  # fmt: skip
        signing_input = self._head + encode(claims.encode())
        return signing_input + b"." + encode(sign_octets(self._key, signing_input)) + self._tail
