"""`records`: the calls of a time, one record each, as JSON lines or CSV. `trace`: the answer to a traceback request.

A traceback (47 CFR 64.1200(n)(1)) is answered within 24 hours with whom the call came from: the upstream, its address,
the Call-ID and what the signature says. That it was answered is kept in the journal.
"""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policy.letter import moment
from proxy.cli import NEGATIVE, OK, USAGE, complain
from proxy.cli.journal import journal_of
from proxy.cli.sold import COLUMNS, book_of, sold
from proxy.settings import Settings, shared_secret
from proxy.storage.care import hashed, journal_key
from proxy.storage.database import note
from proxy.storage.find import JournalError, since
from proxy.storage.rows import Note, Record
from proxy.storage.telling import FIELDS, flat, lines, told
from shaken.number import canonical

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
WINDOW = "15m"
"""Either side of the time that a request names: clocks of several carriers differ (REG-020)."""
DUE = 24 * 3600.0
"""Seconds within which a request is answered (47 CFR 64.1200(n)(1))."""
ANSWER = (
    "id", "start", "end", "direction", "trunk", "source", "call_id", "caller", "from", "pai", "to", "display", "attest",
    "verify_result", "origid", "signer", "spc", "x5u_host", "customer", "action", "final_code", "forwarded_to",
    "duration",
)  # fmt: skip
"""What a traceback asks for (REG-021, REG-022)."""


def seconds(text: str) -> float:
    """`5m`, `24h`, `28d` in seconds. Raises ValueError."""
    if text[-1:] not in UNITS or not text[:-1].isdigit() or len(text) > 8:
        raise ValueError(f"{text!r} is no time: write 90s, 15m, 24h or 28d")
    return int(text[:-1]) * UNITS[text[-1]]


def span(start: str | None, end: str | None, days: float, now: float) -> tuple[float, float]:
    """A time from its two ends; without a start it is so many days before the end. Raises ValueError."""
    until = moment(end) if end is not None else now
    return (moment(start) if start is not None else until - days * UNITS["d"]), until


def records(args: Namespace) -> int:
    """Print the records of a time."""
    path, settings = journal_of(args.journal, args.config)
    if path is None:
        return USAGE
    try:
        start, end = span(args.since, args.until, 1, time.time())
        book = book_of(settings)
        rows = (flat(one) | sold(one, book)._asdict() for one in since(path, start, end))
        for line in lines(rows, args.format, (*FIELDS, *COLUMNS)):
            print(line)
    except (ValueError, JournalError) as error:
        return complain(str(error))
    except BrokenPipeError:
        return OK  # who reads has seen enough
    return OK


def forms(number: str, settings: Settings | None) -> tuple[str, ...]:
    """How the journal may have a number: in full, and as the hash that took its place. Raises ValueError."""
    tn = canonical(number)
    if tn is None:
        raise ValueError(f"{number!r} is no number")
    if settings is None:
        return (tn,)
    secret, kept = shared_secret(settings)
    return (tn, hashed(tn, journal_key(secret))) if kept else (tn,)


def trace(args: Namespace) -> int:
    """Find a call, tell what is known of it, and keep that it was told. 0: found."""
    path, settings = journal_of(args.journal, args.config)
    if path is None:
        return USAGE
    try:
        callers, callees = forms(args.caller, settings), forms(args.callee, settings)
        at, window = moment(args.at), seconds(args.window)
        received = moment(args.received) if args.received is not None else None
        found = [flat(one, ANSWER) for one in _between(path, callers, callees, at - window, at + window)]
        unnamed = _unnamed(path, callees, at - window, at + window)
    except (ValueError, JournalError) as error:
        return complain(str(error))
    utc = time.time()
    runs = {one.name: one.run_by for one in settings.trunks} if settings is not None else {}
    for call in found:
        call["run_by"] = runs.get(call["trunk"], "")
    asked = {"from": callers[0], "to": callees[0], "at": told(at), "window": window, "request": args.request}
    if received is not None:
        asked |= {"received": told(received), "hours": round((utc - received) / 3600, 2), "late": utc - received > DUE}
    if args.format == "json":
        print(json.dumps({"request": asked, "answered": told(utc), "calls": found}, ensure_ascii=False, indent=2))
    elif args.format == "csv":
        print("\n".join(lines(found, "csv", (*ANSWER, "run_by"))))
    else:
        print("\n".join(worded(asked, found, utc)))
    if unnamed:
        complain(f"{unnamed} more call(s) to that number in that time, of which no caller is known: see `records`")
    said = {**asked, "calls": [one["id"] for one in found]}
    try:
        note(path, Note(utc, "traceback", args.request or callers[0], json.dumps(said)))
    except (sqlite3.Error, OSError) as error:
        complain(f"that it was answered could not be written down: {error}")
    return OK if found else NEGATIVE


def _between(
    path: Path, callers: tuple[str, ...], callees: tuple[str, ...], start: float, end: float
) -> Iterator[Record]:
    """The calls between two numbers: the caller as it was read, signed, shown or asserted. What came in full has a plus
    in the headers, and in older rows of calls that went on unscreened.
    """
    asked = {column: callers for column in ("caller", "orig")}
    asked |= {column: (*callers, "+" + callers[0]) for column in ("shown", "asserted")}
    by = " OR ".join(_among(column, forms) for column, forms in asked.items())
    callees = (*callees, "+" + callees[0])
    values = (*(form for forms in asked.values() for form in forms), *callees)
    return since(path, start, end + 0.001, f"({by}) AND {_among('callee', callees)}", values)


def _unnamed(path: Path, callees: tuple[str, ...], start: float, end: float) -> int:
    """How many calls to a number name no caller at all: torn ones, and those that older versions let through
    unscreened. Raises JournalError.
    """
    callees = (*callees, "+" + callees[0])
    where = f"caller = '' AND orig = '' AND shown = '' AND asserted = '' AND {_among('callee', callees)}"
    return sum(1 for _ in since(path, start, end + 0.001, where, callees))


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


def worded(asked: dict[str, Any], found: list[dict[str, Any]], utc: float) -> list[str]:
    """The answer as a person may paste it."""
    head = f"Traceback of a call from +{asked['from']} to +{asked['to']} at {asked['at']} +/- {asked['window']:g} s"
    told_lines = [head, f"answered {told(utc)}: {len(found)} call(s)"]
    if "received" in asked:
        how = "LATE: 24 are allowed" if asked["late"] else "24 are allowed"
        told_lines.append(f"received {asked['received']}, answered after {asked['hours']} hours ({how})")
    for one in found:
        side = "upstream trunk" if one["direction"] == "inbound" else "customer's trunk"
        told_lines += ["", f"  {side}: {one['trunk'] or 'unknown'}, source address {one['source']}"]
        if one["run_by"]:
            told_lines.append(f"  run by: {one['run_by']}")
        if one["customer"]:
            told_lines.append(f"  customer: {one['customer']}")
        told_lines += [
            f"  time: {one['start']}, Call-ID {one['call_id']}",
            f"  caller: {one['caller']} (From {one['from'] or '-'}, P-Asserted-Identity {one['pai'] or '-'})"
            + (f", name {one['display']!r}" if one["display"] else ""),
            f"  signature: {one['verify_result'] or 'not looked at'}, attestation {one['attest'] or 'none'},"
            f" origid {one['origid'] or '-'}",
            f"  signer: {one['signer'] or '-'}, SPC {one['spc'] or '-'}, certificate from {one['x5u_host'] or '-'}",
            f"  what became of it: {one['action']}, answered {one['final_code']}, went to {one['forwarded_to'] or '-'},"
            f" duration {one['duration'] if one['duration'] is not None else '-'} s, row {one['id']}",
        ]
    return told_lines
