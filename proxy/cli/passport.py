"""`passport sign`, `passport check` and `passport decode`: one PASSporT, without a proxy around it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certs import anchors
from certs.fetch import Fetcher, FetchError, Limits
from certs.files import FileError
from proxy.cli import NEGATIVE, OK, complain
from shaken import identity
from shaken.credential import Anchors, Credential, CredentialFailure, validate
from shaken.errors import CredentialError, ParseError, ShakenError
from shaken.number import canonical
from shaken.passport import Passport, json_object
from shaken.passport import decode as decode_part
from shaken.passport import parse as parse_passport
from shaken.sign import Signer, load_key
from shaken.verdict import Fact, Judgement
from shaken.verify import Claim, Rules, examine, judge

MAX_INPUT = 64 * 1024
"""Characters read from a file or from standard input."""
STEPS = ("parsed", "fresh", "orig", "dest", "chain", "authority", "signature")


def sign(args: argparse.Namespace) -> int:
    """Print the value of an Identity header."""
    orig, dest = canonical(args.orig), [canonical(number) for number in args.dest]
    if orig is None or None in dest:
        return complain("--orig and --dest take telephone numbers, such as 12025550123")
    try:
        signer = Signer(load_key(Path(args.key).read_bytes()), args.x5u)
        value = signer.identity(
            orig=orig,
            dest=[number for number in dest if number is not None],
            iat=int(time.time()) if args.iat is None else args.iat,
            attest=args.attest,
            origid=args.origid or str(uuid.uuid4()),
        )
    except OSError as error:
        return complain(f"cannot read the key: {error}")
    except ShakenError as error:
        return complain(str(error))
    print(value.decode())
    return OK


def check(args: argparse.Namespace) -> int:
    """Print each step of the verification; 0 only if all of them held."""
    try:
        value = taken(args.file)
    except (OSError, UnicodeDecodeError) as error:
        return complain(f"cannot read {args.file}: {error}")
    try:
        token: Passport | None = parse_passport(identity.parse(value).token)
    except ParseError:
        token = None
    utc = when(args.time, token)
    if utc is None:
        return complain("--time takes Unix seconds, or `iat` where the token has one")
    caller = canonical(args.orig) if args.orig else token.orig_tn if token else None
    callees = (canonical(args.dest),) if args.dest else token.dest_tns if token else ()
    claim = Claim(caller=caller, caller_uri=None, callees=tuple(tn for tn in callees if tn), date=None)
    exam = examine(value, claim, Rules(lab=args.lab), utc)
    credential: Credential | CredentialFailure | None = None
    if exam.url is not None:
        try:
            trusted = anchors.load(Path(args.anchors), lab=args.lab, flag=True) if args.anchors is not None else None
            tls_ca = Path(args.tls_ca).read_bytes() if args.tls_ca is not None else None
            pem = Path(args.cert).read_bytes() if args.cert is not None else None
            credential = asyncio.run(obtain(args, exam.url, trusted, pem, tls_ca, utc))
        except OSError as error:
            return complain(f"cannot read: {error}")
        except (ShakenError, FileError, ValueError) as error:
            return complain(str(error))
    return tell(judge(exam, credential, utc), token, utc, args.json)


def taken(file: str) -> bytes:
    """The header value in a file, or on standard input. Raises OSError, UnicodeDecodeError."""
    text = sys.stdin.read(MAX_INPUT) if file == "-" else Path(file).read_text()[:MAX_INPUT]
    name, colon, rest = text.strip().partition(":")
    return (rest if colon and name.strip().lower() in ("identity", "y") else text).strip().encode()


def decode(args: argparse.Namespace) -> int:
    """Print what a header value or a bare token says, without asking whether it is true; 1 where it is none."""
    try:
        value = taken(args.file)
    except (OSError, UnicodeDecodeError) as error:
        return complain(f"cannot read {args.file}: {error}")
    parts = value.partition(b";")[0].strip().split(b".")
    compact = len(parts) == 3 and not (parts[0] or parts[1])
    fault, token = "", None
    try:
        read = identity.parse(value).token if b";" in value else value
        if not compact:
            token = parse_passport(read)
    except ParseError as error:
        fault = str(error)
    said = {
        "form": "compact" if compact else "full",
        "header": decoded(parts[0]), "claims": decoded(parts[1] if len(parts) > 1 else b""),
        "parameters": parameters(value), "signature": parts[2].decode("ascii", "replace") if len(parts) > 2 else "",
        "remarks": list(token.defects) if token is not None else [], "fault": fault,
    }  # fmt: skip
    if args.json:
        print(json.dumps(said))
        return NEGATIVE if fault else OK
    lines = [f"{name:<10} {json.dumps(said[name])}" for name in ("form", "header", "claims", "parameters", "signature")]
    if token is not None:
        lines.append(f"signed at  {datetime.fromtimestamp(token.iat, UTC):%Y-%m-%d %H:%M:%S}Z")
    lines += [f"remark     {remark}" for remark in token.defects] if token is not None else []
    lines += [f"no token   {fault}"] if fault else []
    # What a token says may move the cursor of whoever looks at it.
    print("\n".join("".join(one if one.isprintable() else "?" for one in line) for line in lines))
    return NEGATIVE if fault else OK


def decoded(part: bytes) -> Any:
    """The JSON object in a part of a token; None where it holds none."""
    try:
        return json_object(decode_part(part))
    except ParseError:
        return None


def parameters(value: bytes) -> dict[str, str | None]:
    """What follows the token, by name; nothing where it cannot be read."""
    _, mark, _ = value.partition(b";")
    try:
        return dict(identity.parse(value).params) if mark else {}
    except ParseError:
        return {}


def when(text: str | None, token: Passport | None) -> float | None:
    """The moment of the check; None if the option cannot be understood."""
    if text is None:
        return time.time()
    if text == "iat":
        return float(token.iat) if token is not None else time.time()
    return float(text) if text.isdigit() else None


async def obtain(
    args: argparse.Namespace, url: str, trusted: Anchors | None, pem: bytes | None, tls_ca: bytes | None, utc: float
) -> Credential | CredentialFailure:
    """The credential: from a file, or fetched; validated against the anchors that were named."""
    if trusted is None:
        return CredentialFailure("identity-untrusted-chain", "invalid", "no --anchors were given", url)
    try:
        if pem is None:
            fetcher = Fetcher(Limits(lab=args.lab, tls_ca=tls_ca))
            try:
                pem = await fetcher.get(url)
            finally:
                await fetcher.close()
        return validate(url, pem, trusted, utc)
    except FetchError as error:
        return CredentialFailure("identity-unreachable", "unreachable", str(error), url)
    except CredentialError as error:
        return CredentialFailure(error.slug, "invalid", str(error), url)


def tell(judgement: Judgement, token: Passport | None, utc: float, as_json: bool) -> int:
    """Print a judgement; the exit code says whether the token is proved."""
    facts = {step: getattr(judgement, step).name.lower() for step in STEPS}
    credential = judgement.credential
    if as_json:
        print(
            json.dumps(
                {
                    "proved": judgement.proved,
                    "attestation": judgement.attestation,
                    "verstat": judgement.verstat,
                    "code": judgement.code,
                    "reason": judgement.slug,
                    "facts": facts,
                    "spc": credential.spc if credential else None,
                    "orig": token.orig_tn if token else None,
                    "dest": list(token.dest_tns) if token else [],
                    "iat": token.iat if token else None,
                    "detail": judgement.detail,
                }
            )
        )
    else:
        marks = {Fact.PASS.name.lower(): "ok", Fact.FAIL.name.lower(): "FAIL", Fact.UNKNOWN.name.lower(): "-"}
        print("  ".join(f"{step} {marks[fact]}" for step, fact in facts.items()))
        if token is not None:
            print(
                f"attest {token.attest}  orig {token.orig_tn}  dest {','.join(token.dest_tns)}"
                f"  iat {utc - token.iat:+.0f} s  x5u {token.x5u}"
            )
        if credential is not None:
            print(f"signer {credential.subject}  spc {credential.spc}")
        if judgement.proved:
            print(f"proved: {judgement.verstat}")
        else:
            print(f"not proved: {judgement.slug} -> {judgement.code} ({judgement.verstat}) {judgement.detail}".rstrip())
    return OK if judgement.proved else NEGATIVE
