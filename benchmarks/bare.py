"""How cheap could a proxy in Python be at all? A peer for `invite.py` that does nothing but what no verifying proxy can
leave out.

One blocking loop over one socket, without event loop, transactions, timers, record, policy, counters or journal: an
INVITE's token is taken apart, its claims are compared with the numbers of the call, its signature is checked with a key
that is known, a Via goes on top, and it is sent on; an answer loses that Via and goes back. It believes its neighbours,
survives no malformed message and keeps no call: it is a floor, not a proxy, and never leaves the benchmarks.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.programs import Program
from benchmarks.sipp import Address
from benchmarks.stage import ROOT, Stage

FRESH = 60
"""Seconds of difference that a token's time may have."""


def serve(me: Address, carrier: Address, following: Address, url: str, key: ec.EllipticCurvePublicKey) -> None:
    """Forward for ever."""
    road = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    road.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    road.bind((me.host, me.port))
    print("bare ready", flush=True)
    take, give = road.recv, road.sendto
    back, on = (carrier.host, carrier.port), (following.host, following.port)
    via = f"\r\nVia: SIP/2.0/UDP {me.host}:{me.port};branch=".encode()
    how = ec.ECDSA(SHA256())
    while True:
        message = take(65535)
        if message.startswith(b"SIP/2.0"):
            start, _, rest = message.partition(b"\r\n")
            give(start + b"\r\n" + rest.partition(b"\r\n")[2], back)
            continue
        start, _, rest = message.partition(b"\r\n")
        if start.startswith(b"INVITE") and not holds(rest, url, key, how):
            kept = [
                line for line in rest.partition(b"\r\n\r\n")[0].split(b"\r\n")
                if line.startswith((b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"))
            ]  # fmt: skip
            give(b"\r\n".join((b"SIP/2.0 438 Invalid Identity Header", *kept, b"Content-Length: 0", b"", b"")), back)
            continue
        if start.startswith(b"OPTIONS"):
            continue
        at = rest.index(b"branch=") + 7
        give(start + via + rest[at : rest.index(b"\r\n", at)] + b"x\r\n" + rest, on)


def holds(rest: bytes, url: str, key: ec.EllipticCurvePublicKey, how: ec.ECDSA) -> bool:
    """Does the token of this INVITE prove its caller?"""
    at = rest.index(b"\r\nIdentity: ") + 12
    token = rest[at : rest.index(b";", at)]
    signed, _, last = token.rpartition(b".")
    head, _, body = signed.partition(b".")
    claims = json.loads(urlsafe_b64decode(body + b"=="))
    if json.loads(urlsafe_b64decode(head + b"=="))["x5u"] != url or abs(time.time() - claims["iat"]) > FRESH:
        return False
    if number(rest, b"\r\nP-Asserted-Identity: <sip:+") != claims["orig"]["tn"]:
        return False
    if number(rest, b"\r\nTo: <sip:+") != claims["dest"]["tn"][0]:
        return False
    raw = urlsafe_b64decode(last + b"==")
    value = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(value, signed, how)
    except InvalidSignature:
        return False
    return True


def number(rest: bytes, before: bytes) -> str:
    """The digits of a header that begins so."""
    at = rest.index(before) + len(before)
    return rest[at : rest.index(b"@", at)].decode()


class Bare:
    """The floor between a carrier and the next hop. Use it in a `with` block."""

    def __init__(self, stage: Stage, folder: Path, *, me: Address, cores: tuple[int, ...] = ()) -> None:
        self.me = me
        run = folder / "bare"
        run.mkdir(exist_ok=True)
        leaf = run / "leaf.pem"
        leaf.write_bytes(stage.good.chain_pem())
        words = [
            sys.executable, "-m", "benchmarks.bare", "--me", str(me), "--carrier", str(stage.carrier),
            "--next", str(stage.pbx), "--url", stage.good_url, "--leaf", str(leaf),
        ]  # fmt: skip
        self.program = Program("bare", words, run, cores=cores, environment={"PYTHONPATH": str(ROOT)})
        try:
            self.program.ready(lambda: self.program.says("bare ready"))
        except BaseException:
            self.program.stop()
            raise

    def __enter__(self) -> Bare:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.__exit__(kind, error, trace)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    for name in ("--me", "--carrier", "--next", "--url", "--leaf"):
        parser.add_argument(name, required=True)
    asked = parser.parse_args(argv)
    me, carrier, following = (
        Address(text.rpartition(":")[0], int(text.rpartition(":")[2])) for text in (asked.me, asked.carrier, asked.next)
    )
    key = x509.load_pem_x509_certificate(Path(asked.leaf).read_bytes()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    serve(me, carrier, following, asked.url, key)
    return 0


if __name__ == "__main__":
    sys.exit(main())
