"""`inspect FILE.pcap` and `inspect -`: what the Identity headers of a call say, and each check of them with its result.

The same reading as the proxy's (`proxy.screening`), without a proxy: every INVITE and MESSAGE of a capture once, or one
that was pasted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certs import anchors
from certs.files import FileError
from policy.rulebook import Profile
from proxy.capture import MAX_FILE, CaptureError, Datagram, messages
from proxy.cli import NEGATIVE, OK, complain
from proxy.cli.passport import MAX_INPUT, STEPS, obtain
from proxy.screening.case import Lane, circumstances, open_case, who
from proxy.segments import Streams
from proxy.settings import Trunk
from proxy.settings.network import plan_of
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.sip.parser import parse
from shaken.credential import Anchors, Credential, CredentialFailure
from shaken.errors import ParseError as TokenError
from shaken.errors import ShakenError
from shaken.hearing import Conclusion, conclude, open_hearing
from shaken.number import Plan
from shaken.passport import decode, json_object
from shaken.verdict import Judgement
from shaken.verify import Claim, Rules

METHODS = ("INVITE", "MESSAGE")
MAX_REQUESTS = 1000
"""Requests of one capture that are looked at."""
MAX_TIME = 2**36
"""Unix seconds; the year 4147. Beyond it a number is no time."""
Found = list[tuple[Request, Datagram | None]]


def inspect(args: argparse.Namespace) -> int:
    """Print each request; 0 only if every one of them is proved."""
    try:
        plan = plan_of(args.country, args.area)
    except ValueError as error:
        return complain(str(error))
    streams = Streams()
    try:
        found = pasted(sys.stdin.read(MAX_INPUT)) if args.file == "-" else captured(Path(args.file), streams)
        trusted = anchors.load(Path(args.anchors), lab=args.lab, flag=True) if args.anchors is not None else None
        tls_ca = Path(args.tls_ca).read_bytes() if args.tls_ca is not None else None
        pem = Path(args.cert).read_bytes() if args.cert is not None else None
    except (OSError, FileError, CaptureError, ShakenError, ValueError) as error:
        return complain(f"cannot read: {error}")
    except ParseError as error:
        return complain(f"this is no SIP request: {error.why}")
    if args.time not in (None, "iat") and not (args.time.isdigit() and float(args.time) < MAX_TIME):
        return complain("--time takes Unix seconds, or `iat`")
    for remark in streams.remarks():
        complain(remark)
    if not found:
        return complain("no INVITE or MESSAGE in there")
    told = [asyncio.run(told_of(request, seen, args, trusted, pem, tls_ca, plan)) for request, seen in found]
    if args.json:
        print(json.dumps(told))
    else:
        print("\n\n".join("\n".join(lines(one)) for one in told))
    return OK if all(one["proved"] for one in told) else NEGATIVE


def pasted(text: str) -> Found:
    """One request as somebody copied it: its lines may be indented, and end as they like. Raises ParseError."""
    head, _, body = textwrap.dedent(text).strip("\r\n").replace("\r\n", "\n").partition("\n\n")
    kept = [line.rstrip() for line in head.split("\n") if not line.lower().startswith(("content-length", "l:"))]
    message = parse("\r\n".join([*kept, "", body.replace("\n", "\r\n")]).encode("utf-8", "replace"))
    return [(message, None)] if isinstance(message, Request) else []


def captured(path: Path, streams: Streams) -> Found:
    """Every request of a capture that could be signed, repetitions left out. Raises OSError, CaptureError."""
    with path.open("rb") as stream:
        octets = stream.read(MAX_FILE + 1)
    if len(octets) > MAX_FILE:
        raise CaptureError(f"more than {MAX_FILE} octets; cut it into parts")
    found: Found = []
    known: set[tuple[bytes, ...]] = set()
    for seen in messages(octets, streams):
        if not any(seen.payload.startswith(one.encode() + b" ") for one in METHODS):
            continue
        try:
            message = parse(seen.payload)
        except ParseError:
            continue
        if not isinstance(message, Request):
            continue
        mark = (message.call_id, message.first("cseq") or b"", message.first("via") or b"", seen.destination.encode())
        if mark not in known and len(found) < MAX_REQUESTS:
            known.add(mark)
            found.append((message, seen))
    return found


async def told_of(
    request: Request, seen: Datagram | None, args: argparse.Namespace, trusted: Anchors | None, pem: bytes | None,
    tls_ca: bytes | None, plan: Plan,
) -> dict[str, Any]:  # fmt: skip
    """Everything about one request."""
    at = seen.utc if seen is not None and 0 < seen.utc < MAX_TIME else time.time()
    utc = float(args.time) if args.time not in (None, "iat") else at
    trunk = Trunk("inspect", "carrier", (), trust="identity")
    rules = Rules(lab=args.lab)
    told: dict[str, Any] = {
        "method": request.method, "target": request.target.decode("utf-8", "replace"),
        "call_id": request.call_id.decode("utf-8", "replace"), "source": seen.source if seen else "",
        "destination": seen.destination if seen else "", "headers": [], "proved": False,
    }  # fmt: skip
    values = request.all("identity")
    if args.time == "iat" and (iat := next((one for one in map(_iat, values) if one is not None), None)) is not None:
        utc = float(iat)
    told["utc"] = utc
    try:
        case = open_case(request, Lane(trunk, "carrier", plan, Profile(), "observe", 100, rules, False), utc)
        uris = [who(uri, plan).uri for uri in (request.to.uri, request.uri)]
    except ParseError as error:
        return {**told, "fault": error.why}
    told |= {"caller": case.caller.tn or case.caller.uri, "caller_field": case.caller_field, "callees": case.callees}
    if not values:
        return {**told, "fault": "there is no Identity header"}
    named = tuple(dict.fromkeys(one for one in uris if one is not None))
    claim = Claim(case.caller.tn, case.caller.uri, case.callees, None, named)
    hearing = case.hearing or open_hearing(values, claim, rules, utc, circumstances(request, case))
    known: dict[str, Credential | CredentialFailure] = {}
    for url in hearing.urls:
        known[url] = await obtain(args, url, trusted, pem, tls_ca, utc)
    heard = conclude(hearing, known, utc)
    headers = zip(hearing.values, heard.kinds, heard.results, strict=True)
    told["headers"] = [_header(value, kind, result, known) for value, kind, result in headers]
    return {**told, **_whole(heard)}


def _whole(heard: Conclusion) -> dict[str, Any]:
    one = heard.judgement
    return {
        "proved": one is not None and one.proved,
        "attestation": one.attestation if one is not None else None,
        "verstat": one.verstat if one is not None else "No-TN-Validation",
        "reason": one.slug if one is not None else None,
        "diversions": heard.diversions.value,
        "via": list(heard.via),
    }


def _header(
    value: bytes, kind: str, result: Judgement, known: dict[str, Credential | CredentialFailure]
) -> dict[str, Any]:
    """One header: decoded as far as it can be, its chain, its checks."""
    token = value.partition(b";")[0].strip()
    parts = token.split(b".")
    url = result.passport.x5u or "" if result.passport is not None else ""
    credential = result.credential or known.get(url)
    chain: dict[str, Any] | None = None
    if isinstance(credential, Credential):
        chain = {
            "subject": credential.subject, "organisation": credential.organisation, "spc": credential.spc,
            "from": _day(credential.not_before), "until": _day(credential.not_after),
        }  # fmt: skip
    elif credential is not None:
        chain = {"fault": credential.detail}
    return {
        "kind": kind, "header": _decoded(parts[0]), "claims": _decoded(parts[1] if len(parts) > 1 else b""),
        "parameters": value.partition(b";")[2].decode("utf-8", "replace"), "url": url, "chain": chain,
        "checks": {step: getattr(result, step).value for step in STEPS}, "proved": result.proved,
        "code": result.code, "reason": result.slug, "detail": result.detail, "verstat": result.verstat,
    }  # fmt: skip


def _decoded(part: bytes) -> Any:
    try:
        return json_object(decode(part))
    except TokenError:
        return None


def _iat(value: bytes) -> int | None:
    claims = _decoded((value.partition(b";")[0].split(b".") + [b""])[1])
    iat = claims.get("iat") if isinstance(claims, dict) else None
    return iat if isinstance(iat, int) and 0 <= iat < MAX_TIME else None


def _day(utc: float) -> str:
    return f"{datetime.fromtimestamp(utc, UTC):%Y-%m-%d %H:%M:%S}Z"


def lines(one: dict[str, Any]) -> list[str]:
    """The same for a person. What the message says is shown without control characters."""
    where = f"  {one['source']} -> {one['destination']}" if one["source"] else ""
    shown = [f"{one['method']} {one['target']}  at {_day(one['utc'])}{where}", f"  Call-ID    {one['call_id']}"]
    if "caller" in one:
        callees = ", ".join(one["callees"]) or "-"
        shown.append(f"  call       {one['caller'] or '-'} ({one['caller_field']}) -> {callees}")
    for place, header in enumerate(one["headers"], 1):
        shown.append(f"  Identity {place}: {header['kind'] or 'no kind'}")
        shown.append(f"    header   {json.dumps(header['header'])}")
        shown.append(f"    claims   {json.dumps(header['claims'])}")
        chain = header["chain"]
        if chain is None:
            shown.append("    chain    not looked at")
        elif "fault" in chain:
            shown.append(f"    chain    FAIL: {chain['fault']}")
        else:
            shown.append(f"    chain    {chain['subject']}, spc {chain['spc']}, {chain['from']} to {chain['until']}")
        shown += [f"    {step:<10} {result}" for step, result in header["checks"].items()]
        why = f"{header['reason']} -> {header['code']} ({header['verstat']}) {header['detail']}".rstrip()
        shown.append(f"    result   {'proved' if header['proved'] else why}")
    if "fault" in one:
        shown.append(f"  not proved: {one['fault']}")
    else:
        forwarded = f", forwarded by {', '.join(one['via'])}" if one["via"] else ""
        level = f", attestation {one['attestation']}" if one["attestation"] else ""
        shown.append(f"  together   {'proved' if one['proved'] else 'not proved'}: {one['verstat']}{level}{forwarded}")
    return ["".join(c if c.isprintable() else "?" for c in line) for line in shown]
