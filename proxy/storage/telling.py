"""A call's record as it is told to others: one flat row of named fields, as JSON or CSV.

The names are for readers outside; a field is never taken away or given another meaning, and new ones come at the end.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from io import StringIO
from typing import Any

from proxy.storage.rows import Record

FORMATS = ("jsonl", "csv")
OURS = ("reject", "refused")
"""Actions after which the answer was ours."""


def told(utc: float, offset: int = 0) -> str:
    """A moment with its zone, to the millisecond (REG-019)."""
    zone = timezone(timedelta(seconds=offset))
    return datetime.fromtimestamp(utc, zone).isoformat(timespec="milliseconds")


def _worst(one: Record, name: str, worse: Callable[[Iterable[float]], float]) -> float | None:
    """The worst that an end of a call reported; None where nobody did."""
    said = [report[name] for report in one.quality if name in report]
    return worse(said) if said else None


FIELDS: Mapping[str, Callable[[Record], Any]] = {
    "id": lambda one: one.id,
    "call_id": lambda one: one.row.call_id,
    "start": lambda one: told(one.row.utc, one.utc_offset),
    "end": lambda one: told(one.ended, one.utc_offset) if one.ended is not None else None,
    "direction": lambda one: one.row.direction,
    "trunk": lambda one: one.row.trunk,
    "source": lambda one: one.row.source,
    "from": lambda one: one.row.shown,
    "pai": lambda one: one.row.asserted,
    "caller": lambda one: one.row.caller,
    "to": lambda one: one.row.callee,
    "display": lambda one: one.row.display,
    "attest": lambda one: one.row.attest,
    "verstat": lambda one: one.row.verstat,
    "verify_result": lambda one: one.row.verify,
    "reason": lambda one: one.row.reason,
    "origid": lambda one: one.row.origid,
    "spc": lambda one: one.row.spc,
    "x5u_host": lambda one: one.row.x5u.partition("://")[2].partition("/")[0],
    "iat_age": lambda one: one.row.iat_age,
    "score": lambda one: one.row.score,
    "rules": lambda one: [finding[0] for finding in one.row.findings],
    "campaign": lambda one: one.row.campaign,
    "list_age": lambda one: one.row.list_age,
    "action": lambda one: one.row.action,
    "sip_code": lambda one: one.row.status if one.row.action in OURS else None,
    "decision_us": lambda one: one.row.decision_us,
    "cert_cache": lambda one: one.row.cache,
    "forwarded_to": lambda one: one.row.forwarded_to,
    "final_code": lambda one: one.row.status,
    "duration": lambda one: round(one.duration, 3) if one.duration is not None else None,
    "method": lambda one: one.row.method,
    "customer": lambda one: one.row.customer,
    "mode": lambda one: one.row.mode,
    "would": lambda one: one.row.would,
    "refusal_id": lambda one: one.row.refusal,
    "signed": lambda one: one.row.signed,
    "signer": lambda one: one.row.signer,
    "ended_by": lambda one: one.cause,
    "mos": lambda one: _worst(one, "mos", min),
    "packet_loss": lambda one: _worst(one, "loss", max),
    "jitter_ms": lambda one: _worst(one, "jitter", max),
    "round_trip_ms": lambda one: _worst(one, "delay", max),
    "codec": lambda one: next((report["codec"] for report in one.quality if "codec" in report), None),
    "heard_by": lambda one: sorted({report["side"] for report in one.quality}),
    "rings": lambda one: one.row.rings,
}


def flat(record: Record, names: Iterable[str] = tuple(FIELDS)) -> dict[str, Any]:
    """The named fields of a record; None where a thing is not known."""
    return {name: FIELDS[name](record) for name in names}


def lines(rows: Iterable[Mapping[str, Any]], form: str, names: Iterable[str] = tuple(FIELDS)) -> Iterator[str]:
    """Rows as JSON, an object a line, or as CSV with a heading."""
    if form == "jsonl":
        yield from (json.dumps(row, ensure_ascii=False) for row in rows)
        return
    out = StringIO()
    writer = csv.DictWriter(out, tuple(names), lineterminator="", extrasaction="ignore")
    writer.writeheader()
    yield out.getvalue()
    for row in rows:
        out.seek(0)
        out.truncate()
        writer.writerow({name: cell(value) for name, value in row.items()})
        yield out.getvalue()


def cell(value: Any) -> Any:
    """A value as a table has it. What a caller wrote may begin like a formula, and a spreadsheet would work it out."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not value[1:].isdigit():
        return "'" + value
    return value
