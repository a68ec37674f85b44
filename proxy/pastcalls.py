"""Past calls out of a file, in the words of `policy`: a journal, JSON lines, or CSV.

The columns are those of the journal (`proxy.storage.rows.Row`), `utc` alone is needed. Lines and tables may hold more
than a journal does: `print`, `purpose`, `customer` and `talked` (seconds since the answer); without `talked` the
duration of the journal stands in, which counts from the INVITE, less `rings` (seconds until the answer). What
`ringwarden records` writes is read too, by the names that it gives (`start`, `to`, `verify_result`, `final_code`). What
cannot be read is counted and left out, never guessed.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec

from policy.call import NOT_DONE, Call
from policy.letter import moment
from proxy.storage.rows import SELECT, SELECTS
from shaken.credential import Credential
from shaken.passport import Passport
from shaken.tnauthlist import TNAuthList
from shaken.verdict import FAILURES, Fact, Judgement

SQLITE = b"SQLite format 3\x00"
MAX_LINE = 64 * 1024
RECORDED = {"start": "utc", "to": "callee", "verify_result": "verify", "final_code": "status"}
"""Names of a call's record (`storage.telling`) and the journal's for the same."""
SLACK = 60.0
"""Seconds that a call may stand too late in a file: calls are written down when they are answered."""


class PastError(Exception):
    """The file cannot be read; the text is a sentence."""


class PastCall(NamedTuple):
    """One call, and how it went."""

    call: Call
    talked: float | None
    """Seconds; None: it was not answered, or nobody knows."""
    status: int
    """The final answer; 0: not known, because we refused it ourselves."""
    rings: float
    emergency: bool


class PastCalls:
    """The calls of one file, in order of time: `for call in calls(path)`."""

    def __init__(self, path: Path) -> None:
        """Raises PastError."""
        self.path = path
        self.unread = 0
        self.first_fault = ""
        try:
            with path.open("rb") as stream:
                head = stream.read(4096)
            self.size = path.stat().st_size
        except OSError as error:
            raise PastError(f"{path}: {error.strerror}") from error
        if head.startswith(SQLITE):
            self.kind = "journal"
        else:
            self.kind = "jsonl" if head.lstrip()[:1] == b"{" else "csv"
        self.done = 0
        """How much of `size` is read: octets, or of a journal rows."""

    def __iter__(self) -> Iterator[PastCall]:
        """Raises PastError where the file ends being one."""
        rows: Callable[[], Iterator[Mapping[str, Any]]] = {
            "journal": self._journal, "jsonl": self._jsonl, "csv": self._csv,
        }[self.kind]  # fmt: skip
        last = 0.0
        for row in rows():
            try:
                found = past(row)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self._fault(error)
                continue
            utc = found.call.utc
            if utc < last:
                if utc < last - SLACK:
                    raise PastError(f"{self.path}: the calls are not in order of time; sort them by utc")
                found = found._replace(call=found.call._replace(utc=last))
            else:
                last = utc
            yield found

    def _fault(self, error: Exception) -> None:
        self.unread += 1
        self.first_fault = self.first_fault or f"{type(error).__name__}: {error}"

    def _journal(self) -> Iterator[Mapping[str, Any]]:
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self.path.absolute()))}?mode=ro", uri=True)) as link:
                link.row_factory = sqlite3.Row
                self.size = int(link.execute("SELECT count(*) FROM calls").fetchone()[0])
                version = int(link.execute("PRAGMA user_version").fetchone()[0])
                for row in link.execute(f"{SELECTS.get(version, SELECT)} ORDER BY utc, calls.id"):
                    self.done += 1
                    yield dict(row)
        except sqlite3.Error as error:
            raise PastError(f"{self.path} cannot be read as a journal: {error}") from error

    def _jsonl(self) -> Iterator[Mapping[str, Any]]:
        with self.path.open("rb") as stream:
            for line in iter(lambda: stream.readline(MAX_LINE), b""):
                self.done += len(line)
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError("no object")
                except (ValueError, RecursionError) as error:
                    self._fault(error)
                    continue
                yield row

    def _csv(self) -> Iterator[Mapping[str, Any]]:
        def lines() -> Iterator[str]:
            with self.path.open("rb") as stream:
                for line in iter(lambda: stream.readline(MAX_LINE), b""):
                    self.done += len(line)
                    yield line.decode("utf-8", "replace")

        try:
            table = csv.DictReader(lines())
            if not {"utc", "start"} & {*(table.fieldnames or ())}:
                raise PastError(f"{self.path}: neither a journal nor JSON lines nor CSV with a column utc, or start")
            yield from table
        except csv.Error as error:
            raise PastError(f"{self.path}: not CSV ({error})") from error


def past(row: Mapping[str, Any]) -> PastCall:
    """One call of its columns. Raises ValueError, TypeError, KeyError."""
    if "utc" not in row and "start" in row:
        row = {RECORDED.get(name, name): value for name, value in row.items()}
        if host := row.get("x5u_host"):
            row["x5u"] = f"https://{host}/"  # a record tells no more of it
    said: Callable[[str], str] = lambda name: str(row.get(name) or "")  # noqa: E731
    when = row["utc"]
    try:
        utc = float(when)
    except ValueError:
        utc = moment(when)
    caller, kind = said("caller").removeprefix("+"), said("caller_kind")
    is_number = kind in ("", "number") and caller.isascii() and caller.isdigit()
    if kind not in ("number", "anonymous", "uri", "invalid"):
        kind = "number" if is_number else "uri" if caller else "anonymous"
    verstat = said("verstat")
    judgement = judged(said("verify"), said("attest"), said("spc"), said("x5u"), said("origid"), said("detail"))
    status, talked = int(row.get("status") or 0), row.get("talked")
    if talked in (None, "") and 200 <= status < 300 and (talked := row.get("duration")) not in (None, ""):
        talked = max(0.0, float(talked) - float(row.get("rings") or 0.0))
    if said("action") == "reject":
        status, talked = 0, None
    emergency = row.get("emergency", said("action") == "emergency")
    call = Call(
        side="pbx" if said("direction") in ("outbound", "pbx") else "carrier",
        trunk=said("trunk"),
        caller=caller if is_number else None,
        caller_kind=kind,  # type: ignore[arg-type]  # one of the four
        caller_text=said("caller"),
        callee=said("callee").removeprefix("+") or None,
        display_name=said("display"),
        judgement=judgement,
        verstat=verstat if judgement is None and verstat and verstat != NOT_DONE else None,
        attested=said("attest") or None,
        call_id=said("call_id"),
        utc=utc,
        print=said("print"),
        purpose=said("purpose"),
        customer=said("customer"),
    )
    return PastCall(
        call, float(talked) if talked not in (None, "") else None, status, float(row.get("rings") or 0.0),
        emergency not in (None, "", 0, "0", False, "False", "false"),
    )  # fmt: skip


@lru_cache(8192)
def judged(verify: str, attest: str, spc: str, x5u: str, origid: str, detail: str) -> Judgement | None:
    """What the verification found then. The token itself is not kept, so it is one of the same looks."""
    if verify in ("", "unsigned"):
        return None
    if (failure := FAILURES.get(verify)) is not None:
        return Judgement(parsed=Fact.PASS, signature=Fact.UNKNOWN, failure=failure, detail=detail)
    if verify != "passed":
        return None
    token = Passport(
        {}, b"", b"", "ES256", "passport", "shaken", x5u or None, 0, None, None, (), (), attest or None, origid or None
    )
    return Judgement(*(Fact.PASS,) * 7, None, token, _signer(spc, x5u) if spc else None)


@lru_cache(1024)
def _signer(spc: str, x5u: str) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return Credential(x5u, key, spc, f"SPC {spc}", None, 0.0, 2.0**40, TNAuthList((spc,)), spc)


def written(one: PastCall) -> dict[str, Any]:
    """The columns that `past` reads a call from."""
    call = one.call
    judgement = call.judgement
    token = judgement.passport if judgement is not None else None
    verify = "unsigned" if judgement is None else "passed" if judgement.proved else judgement.slug or ""
    return {
        "utc": round(call.utc, 3), "call_id": call.call_id,
        "direction": "outbound" if call.side == "pbx" else "inbound",
        "trunk": call.trunk, "caller": call.caller or call.caller_text, "caller_kind": call.caller_kind,
        "display": call.display_name, "callee": call.callee or "", "emergency": one.emergency,
        "attest": call.attestation or "", "verstat": call.verstat or "", "verify": verify,
        "detail": judgement.detail if judgement is not None else "",
        "origid": (token.origid or "") if token is not None else "",
        "x5u": (token.x5u or "") if token is not None else "",
        "spc": call.spc or "", "action": "", "status": one.status, "print": call.print, "purpose": call.purpose,
        "customer": call.customer, "talked": None if one.talked is None else round(one.talked, 1),
        "rings": round(one.rings, 1),
    }  # fmt: skip
