"""The sealed token in our Record-Route URI: what proves that a request belongs to a call that we let through.

A To tag alone proves nothing: any caller can write one. So each dialog-creating INVITE that we forward leaves with a
token in our Record-Route URI, and a request counts as in-dialog only when a Route that names us brings the token back
unbroken. The token is bound to the Call-ID and to the caller's tag, so one good call lends its token to no other; it
needs no state, so any worker, and the next start, can open it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import NamedTuple

VERSION = 1
MAC_SIZE = 9
"""Octets of authenticator: 72 bits, which nobody guesses over a network."""
FIELDS_SIZE = 9
"""Octets: version 1, worker 1, start time 6 (tenths of a second, Unix), verdict 1."""
MAX_TOKEN = 64
"""Characters; a longer parameter is not ours and is not decoded."""

ACTIONS = ("allow", "tag", "reject", "bypass")
"""What a token may say of the first verdict; bypass: an emergency call or one that we could not screen."""


class Seal(NamedTuple):
    """What an opened token says."""

    worker: int
    started: float
    """When the INVITE came, Unix seconds."""
    action: str
    caller: bool = True
    """Whether the request that brought it is the caller's: his tag is in From."""


class Sealer:
    """Makes and opens tokens with the secret that all workers share."""

    def __init__(self, secret: bytes, worker: int = 0) -> None:
        if len(secret) < 16:
            raise ValueError("the shared secret is shorter than 16 octets")
        # BLAKE2b takes keys up to 64 octets: a longer secret is reduced first, a shorter one serves as it is.
        key = secret if len(secret) <= 64 else hashlib.blake2b(secret).digest()
        self._keyed = hashlib.blake2b(digest_size=MAC_SIZE, key=key)
        self._worker = worker

    def close(self, call_id: bytes, tag: str, started: float, action: str) -> bytes:
        """The token for a call that begins now; `tag` is the caller's (the From tag of the INVITE)."""
        fields = bytes((VERSION, self._worker)) + int(started * 10).to_bytes(6, "big") + bytes((ACTIONS.index(action),))
        token = binascii.b2a_base64(fields + self._mac(fields, call_id, tag), newline=False)
        return token.replace(b"+", b"-").replace(b"/", b"_")

    def open(self, token: str, call_id: bytes, tags: tuple[str | None, ...]) -> Seal | None:
        """What the token says, or None when it is not ours, is broken, or belongs to another call.

        `tags` are the From and To tags of the request: the caller's tag is in From when the caller sends it, in To
        when the callee does.
        """
        if len(token) > MAX_TOKEN:
            return None
        try:
            raw = binascii.a2b_base64(token.replace("-", "+").replace("_", "/"), strict_mode=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != FIELDS_SIZE + MAC_SIZE or raw[0] != VERSION or raw[8] >= len(ACTIONS):
            return None
        fields, mac = raw[:FIELDS_SIZE], raw[FIELDS_SIZE:]
        for place, tag in enumerate(tags):
            if tag is not None and hmac.compare_digest(mac, self._mac(fields, call_id, tag)):
                started = int.from_bytes(fields[2:8], "big") / 10
                return _new(Seal, (fields[1], started, ACTIONS[fields[8]], not place))
        return None

    def _mac(self, fields: bytes, call_id: bytes, tag: str) -> bytes:
        # The lengths stand in front, so that no two pairs of Call-ID and tag give the same octets.
        bound = b"%d:%s:%s" % (len(call_id), call_id, tag.encode("utf-8", "surrogateescape"))
        mac = self._keyed.copy()
        mac.update(fields + bound)
        return mac.digest()


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
