"""`card`: reads the signed card of a 608 that somebody sent us, from a file or by its URL, and says whether it may be
believed (RFC 8688 section 3.3).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from certs import anchors
from certs.fetch import Fetcher, FetchError, Limits
from certs.files import FileError
from proxy.cli import NEGATIVE, OK, complain
from proxy.cli.passport import obtain
from shaken.card import MAX_CARD, parse
from shaken.credential import Credential
from shaken.errors import ParseError


def check(args: argparse.Namespace) -> int:
    """Print whom to ask; 0 only if the card is fresh and its signer is trusted."""
    utc = time.time() if args.time is None else float(args.time)
    try:
        tls_ca = Path(args.tls_ca).read_bytes() if args.tls_ca is not None else None
        trusted = anchors.load(Path(args.anchors), lab=args.lab, flag=True) if args.anchors is not None else None
        pem = Path(args.cert).read_bytes() if args.cert is not None else None
        if args.file == "-":
            octets = sys.stdin.buffer.read(MAX_CARD + 1)
        elif args.file.startswith("https://"):
            octets = asyncio.run(_fetched(args.file, args.lab, tls_ca))
        else:
            with Path(args.file).open("rb") as stream:
                octets = stream.read(MAX_CARD + 1)
        found = parse(octets)
        signer = asyncio.run(obtain(args, found.x5u, trusted, pem, tls_ca, utc))
    except (OSError, FileError, FetchError) as error:
        return complain(str(error))
    except ParseError as error:
        print(f"no card: {error}")
        return NEGATIVE
    for name in ("fn", "url", "tel", "email", "adr"):
        if name in found.ways:
            print(f"{name:6}{found.ways[name]}")
    fresh = found.fresh(utc)
    holds = isinstance(signer, Credential) and signer.holds(found.signature, found.signing_input)
    print(f"made   {utc - found.iat:+.0f} s{'' if fresh else '  NOT FRESH: do not believe it'}")
    if isinstance(signer, Credential):
        print(f"signer {signer.subject}  spc {signer.spc}{'' if holds else '  THE SIGNATURE DOES NOT HOLD'}")
    else:
        print(f"signer not known: {signer.detail}")
    return OK if fresh and holds else NEGATIVE


async def _fetched(url: str, lab: bool, tls_ca: bytes | None) -> bytes:
    fetcher = Fetcher(Limits(lab=lab, tls_ca=tls_ca))
    try:
        return await fetcher.get(url)
    finally:
        await fetcher.close()
