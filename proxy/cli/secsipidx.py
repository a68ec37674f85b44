"""`ringwarden secsipidx FLAGS`: the flags of the program that Kamailio people sign and check with, for their scripts.

What a flag asks for is done our way: what secsipidx forgives (a header and parameters that differ, a time ahead of us,
two spellings of base64url) is not forgiven here, and nobody's certificate counts without `-ca-file`. Prints the header
value (`-sign-full`), the token (`-sign`), or `ok` and `not-ok` (`-check`), with the reason on standard error. Without
`-expire` a token has expired with the second in which it was made, as with secsipidx.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs import anchors
from certs.fetch import Fetcher, FetchError, Limits
from certs.files import FileError
from proxy.cli import NEGATIVE, OK, complain
from shaken import identity, revocation
from shaken.credential import Credential, load_chain, validate
from shaken.errors import ShakenError
from shaken.number import canonical
from shaken.passport import MAX_TOKEN, encode, json_object
from shaken.passport import parse as parse_passport
from shaken.sign import Signer, load_key, sign_octets, token
from shaken.tnauthlist import TNAuthList

TEXTS = (
    ("k", "fprvkey"), ("p", "fpubkey"), ("fheader",), ("header",), ("fpayload",), ("payload",), ("identity",),
    ("fidentity",), ("alg",), ("ppt",), ("typ",), ("x5u",), ("a", "attest"), ("d", "dest-tn"), ("o", "orig-tn"),
    ("orig-id",), ("ca-file",), ("ca-inter",), ("crl-file",), ("cache-dir",), ("tls-ca",),
)  # fmt: skip
NUMBERS = ("iat", "expire", "timeout", "cert-verify", "cache-expire")
SWITCHES = (("S", "sign-full"), ("s", "sign"), ("c", "check"), ("json-parse",), ("version",), ("lab",))
SERVERS = ("H", "http-srv", "http-dir", "https-srv", "https-prvkey", "https-pubkey")
DEFAULTS = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "attest": "C"}
AHEAD = 300
"""Seconds that our clock may be behind where `-expire` sets no time: a token of the future is none."""
CHAIN = 1 | 4 | 8 | 16
"""Bits of -cert-verify: times, the given roots, the given intermediates, the list of what was taken back."""


class Wrong(Exception):
    """The flags cannot be followed, in a sentence."""


def flags(add: Callable[..., object]) -> None:
    """Every flag, with one dash or two as Go's programs have it."""
    for names in TEXTS:
        add(*_spelt(names), dest=names[-1].replace("-", "_"), metavar="TEXT", default=DEFAULTS.get(names[-1], ""))
    for name in NUMBERS:
        add(*_spelt((name,)), dest=name.replace("-", "_"), metavar="N", type=int, default=None)
    for names in SWITCHES:
        add(*_spelt(names), dest=names[-1].replace("-", "_"), action="store_true")
    for name in SERVERS:
        add(*_spelt((name,)), dest="server", metavar="TEXT", default="", help=argparse.SUPPRESS)


def _spelt(names: tuple[str, ...]) -> list[str]:
    return [dash + name for name in names for dash in (("-", "--") if len(name) > 1 else ("-",))]


def secsipidx(args: argparse.Namespace) -> int:
    """Sign, or check: 0 well, 1 not-ok, 2 wrong use."""
    try:
        if args.version:
            print("ringwarden, with the flags of secsipidx 1.2")
            return OK
        if args.server:
            raise Wrong("its HTTP calls are answered by `ringwarden run` with [api]")
        if args.alg != "ES256" or args.typ != "passport" or args.ppt != "shaken":
            raise Wrong("only ES256, passport and shaken are signed and checked here")
        if args.check:
            return check(args)
        if args.sign_full or args.sign:
            print(signed(args).decode())
            return OK
        raise Wrong("one of -sign-full, -sign and -check says what to do")
    except Wrong as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"cannot read: {error}")
    except (ShakenError, FileError, ValueError) as error:
        return complain(str(error))


def signed(args: argparse.Namespace) -> bytes:
    """A header value, or with -sign the token alone. Raises Wrong, OSError, ShakenError."""
    if not args.fprvkey:
        raise Wrong("-k names the private key")
    key = load_key(Path(args.fprvkey).read_bytes())
    given = [_given(args.header, args.fheader), _given(args.payload, args.fpayload)]
    if args.sign and not args.sign_full and all(given):
        header, claims = (one or b"" for one in given)
        if args.json_parse:
            return token(key, json_object(header), json_object(claims))
        for part in (header, claims):
            json_object(part)  # as it stands, but it must be some
        signing_input = encode(header) + b"." + encode(claims)
        return signing_input + b"." + encode(sign_octets(key, signing_input))
    if any(given):
        raise Wrong("-header and -payload belong together, and to -sign")
    if not args.x5u:
        raise Wrong("-x5u says where the certificate is")
    orig, dest = canonical(args.orig_tn), canonical(args.dest_tn)
    if orig is None or dest is None:
        raise Wrong("-orig-tn and -dest-tn take telephone numbers, such as 12025550123")
    value = Signer(key, args.x5u).identity(
        orig=orig, dest=[dest], iat=args.iat or int(time.time()), attest=args.attest,
        origid=(args.orig_id or str(uuid.uuid4())).lower(),
    )  # fmt: skip
    return value if args.sign_full else value.partition(b";")[0]


def check(args: argparse.Namespace) -> int:
    """Says `ok` or `not-ok`. Raises Wrong, OSError."""
    octets = _given(args.identity, args.fidentity)
    if octets is None:
        raise Wrong("-identity or -fidentity says what to check")
    try:
        why = fault(args, octets.strip().removeprefix(b"Identity:").strip())
    except (ShakenError, FetchError) as error:
        why = str(error)
    print("not-ok" if why else "ok")
    if why:
        print(why, file=sys.stderr)
    return NEGATIVE if why else OK


def fault(args: argparse.Namespace, value: bytes) -> str:
    """What is wrong with a header value or a bare token; nothing where all of it holds. Raises ShakenError, FetchError,
    Wrong, OSError.
    """
    bare = b";" not in value
    header = None if bare else identity.parse(value)
    found = parse_passport(value if header is None else header.token)
    if (found.alg, found.typ, found.ppt) != ("ES256", "passport", "shaken"):
        return "the token is no shaken passport signed with ES256"
    if header is not None and header.info != found.x5u:
        return "info and x5u name different certificates"
    now = time.time()
    expire = args.expire or 0
    if (age := int(now) - found.iat) > expire:
        told = "" if args.expire is not None else " (the default; -expire 60 is usual)"
        return f"expired token: it was signed {age} s ago, and -expire is {expire}{told}"
    if -age > (expire or AHEAD):
        return "it was signed in the future"
    if args.fpubkey and not (args.cert_verify or 0) & CHAIN:
        return "" if _key(Path(args.fpubkey).read_bytes()).holds(found.signature, found.signing_input) else BAD
    if not args.ca_file:
        raise Wrong("-p names the key, or -ca-file the roots that vouch for the certificate")
    url = found.x5u or ""
    if args.fpubkey:
        pem = Path(args.fpubkey).read_bytes()
    else:
        tls_ca = Path(args.tls_ca).read_bytes() if args.tls_ca else None
        pem = asyncio.run(_fetched(url, Limits(lab=args.lab, tls_ca=tls_ca, seconds=float(args.timeout or 3))))
    if args.ca_inter:
        pem += b"\n" + Path(args.ca_inter).read_bytes()
    roots = anchors.load(Path(args.ca_file), lab=args.lab, flag=True)
    credential = validate(url, pem, roots, now)
    if args.crl_file:
        taken = revocation.read(Path(args.crl_file).read_bytes(), roots.certificates, now)
        if revocation.Revocations((taken,)).revoked(credential.path) is not None:
            return "the certificate was taken back"
    if credential.spc is None and not credential.covers(found.orig_tn or ""):
        return "the certificate may not speak for this caller"
    return "" if credential.holds(found.signature, found.signing_input) else BAD


BAD = "the signature does not hold"


async def _fetched(url: str, limits: Limits) -> bytes:
    fetcher = Fetcher(limits)
    try:
        return await fetcher.get(url)
    finally:
        await fetcher.close()


def _key(pem: bytes) -> Credential:
    """A bare public key, or that of the first certificate: it may speak for anything, as whoever named it says so."""
    try:
        key: object = (
            load_chain(pem)[0].public_key() if b"CERTIFICATE" in pem else serialization.load_pem_public_key(pem)
        )
    except (ValueError, x509.InvalidVersion) as error:
        raise Wrong("-p names no public key that can be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Wrong("the public key is not P-256")
    return Credential("", key, None, "", None, 0.0, 0.0, TNAuthList(()), "")


def _given(text: str, file: str) -> bytes | None:
    """What stands in a flag, or in the file that another one names; None where neither does. Raises OSError, Wrong."""
    if file:
        octets = sys.stdin.buffer.read(MAX_TOKEN) if file == "-" else Path(file).read_bytes()
    else:
        octets = text.encode("utf-8", "surrogateescape")
    if len(octets) > 4 * MAX_TOKEN:
        raise Wrong(f"{file or 'that'} is too long")
    return octets or None
