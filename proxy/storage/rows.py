"""What the journal keeps of a call, and how it lies in a table.

A Row is written once the call has its final answer, an End when it is over, a Note when somebody did something with
what is kept. Nothing written is changed by what comes later: an end is a row of its own. Numbers are kept as they are,
for as long as the operator says (`storage.care`): a block must be explained to the one who was blocked, and a traceback
answered (REG-019).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Row(NamedTuple):
    """The decision on one call."""

    utc: float
    """When the INVITE came, Unix seconds."""
    call_id: str
    direction: str = "inbound"
    """inbound (from the carrier's side) or outbound"""
    trunk: str = ""
    source: str = ""
    """The upstream as `host:port`."""
    caller: str = ""
    """Canonical digits, or the user part as it came where there is no number."""
    caller_kind: str = ""
    caller_field: str = ""
    """The header that the caller was read from."""
    display: str = ""
    callee: str = ""
    emergency: bool = False
    attest: str = ""
    """A, B or C, where it was proved."""
    verstat: str = ""
    verify: str = ""
    """passed, unsigned, or the slug of what failed."""
    facts: str = ""
    """The facts of the verification in words: `parsed=pass fresh=fail ...`."""
    detail: str = ""
    """The sentence of the verification."""
    orig: str = ""
    """The caller that the token names."""
    dest: str = ""
    origid: str = ""
    iat_age: float | None = None
    """Seconds from the token's making to the arrival of the call."""
    x5u: str = ""
    spc: str = ""
    """The signer's service provider code, from its certificate (STI-096)."""
    signer: str = ""
    """Subject and organisation of the signer's certificate."""
    cache: str = ""
    """hit, or miss where the certificate had to be fetched."""
    mode: str = ""
    action: str = ""
    """What was done: allow, tag, reject, divert, emergency, callback, bypass, unscreened, fail-open, refused."""
    would: str = ""
    """What enforce would have done."""
    reason: str = ""
    score: int = 0
    campaign: str = ""
    list_age: float | None = None
    """Days from the campaign's notice to the call."""
    findings: tuple[tuple[str, str, int, str], ...] = ()
    """(slug, class, weight, sentence) of each."""
    refusal: str = ""
    """The identifier that a 603+ carries (STI-124)."""
    signed: str = ""
    """The attestation that we gave."""
    status: int = 0
    """The final answer to the caller."""
    decision_us: int = 0
    forwarded_to: str = ""
    """The hop that answered, or the last one tried, as `host:port`."""
    method: str = "INVITE"
    customer: str = ""
    """Whose call it was, of ours."""
    shown: str = ""
    """The user part of From, as it came."""
    asserted: str = ""
    """The user part of P-Asserted-Identity, as it came, whether it is believed or not."""
    rehearsed: str = ""
    """What enforce would have done, were the checks in shadow enforced."""
    shadows: str = ""
    """Slugs of the findings without effect, with a space between them."""
    ceilings: str = ""
    """`slug=action` of the findings that may lead to less than a refusal."""
    tag_at: int = 0
    reject_at: int = 0
    """The thresholds that the score was compared with; 0: it was not."""
    rings: float | None = None
    """Seconds from the INVITE to the answer, where it was answered. (The last column, for it came with version 3.)"""


class End(NamedTuple):
    """A call is over."""

    call_id: str
    utc: float
    duration: float
    """Seconds from the INVITE to the end."""
    cause: str = ""
    """Who or what ended it: `caller`, `callee`, `timeout` ..."""


class Note(NamedTuple):
    """Something that was done with what is kept: a traceback answered, a number pardoned."""

    utc: float
    kind: str
    about: str
    """What it is about, in a word or two: a number, a Call-ID."""
    text: str
    """The whole of it, as JSON."""


Item = Row | End | Note


class Record(NamedTuple):
    """A row as it was kept."""

    id: int
    row: Row
    utc_offset: int
    """Seconds east of UTC where the journal was written (REG-019)."""
    ended: float | None
    duration: float | None
    cause: str
    quality: tuple[Mapping[str, Any], ...] = ()
    """What was reported of how it sounded, a mapping for each end that did: side, mos, loss, jitter, delay, codec."""

    @property
    def talked(self) -> float | None:
        """Seconds from the answer to the end; None where either is not known. Older rows do not tell how long it rang:
        there it is from the INVITE.
        """
        return None if self.duration is None else max(0.0, self.duration - (self.row.rings or 0.0))


_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

VERSION = 3
"""Of the tables; `PRAGMA user_version`."""
_FINDINGS = Row._fields.index("findings")
_IAT_AGE = Row._fields.index("iat_age")
_EMERGENCY = Row._fields.index("emergency")
FIRST = Row._fields[: Row._fields.index("method")]
"""The fields of version 1, in which the end of a call stood in its row."""

COLUMNS = ", ".join(Row._fields)
TABLE = (
    f"CREATE TABLE calls (id INTEGER PRIMARY KEY, {', '.join(Row._fields[:-1])}, utc_offset, rings);"
    "CREATE INDEX calls_call_id ON calls (call_id);"
    "CREATE INDEX calls_refusal ON calls (refusal) WHERE refusal <> '';"
    "CREATE INDEX calls_utc ON calls (utc);"
    "CREATE TABLE ends (id INTEGER PRIMARY KEY, call UNIQUE, ended, duration, cause);"
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, utc, kind, about, text);"
    "CREATE TABLE chain (seq INTEGER PRIMARY KEY, utc, kind, calls, ends, notes, dropped, seals, salt, digest, hash);"
    "CREATE TABLE cared (rule PRIMARY KEY, utc);"
    f"PRAGMA user_version = {VERSION};"
)
INSERT = f"INSERT INTO calls VALUES (?, {', '.join('?' * len(Row._fields))}, ?)"
# A Call-ID may come again (also behind a 407); its end belongs to the latest call of that name which was not refused
# and is not older than what has ended, and a call ends once.
LATEST = (
    "SELECT max(id) FROM (SELECT id, utc, status FROM calls WHERE call_id = ? ORDER BY id DESC LIMIT 16)"
    " WHERE utc >= ? AND status < 300"
)
"""Only the last few are looked at: whoever gives all his calls one name makes each look no longer."""
ENDED = "INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?, ?)"
ABOUT = "CREATE INDEX IF NOT EXISTS notes_about ON notes (about)"
"""Reports of how a call sounded are found by its Call-ID."""
SOUNDED = "(SELECT json_group_array(text) FROM notes WHERE about = calls.call_id AND kind = 'quality')"
SELECT = (
    f"SELECT calls.id, {COLUMNS}, utc_offset, ended, duration, cause, {SOUNDED} FROM calls"
    " LEFT JOIN ends ON call = calls.id"
)
SECOND = SELECT.replace(", rings,", ", NULL AS rings,", 1)
OLDER = "SELECT id, {}, NULL AS rings, utc_offset, ended, duration, cause, '[]' FROM calls".format(
    ", ".join(name if name in FIRST else f"{Row._field_defaults[name]!r} AS {name}" for name in Row._fields[:-1])
)
SELECTS = {1: OLDER, 2: SECOND}
"""The same of a file of an older version."""
LATER = "ALTER TABLE calls ADD COLUMN rings"
"""What makes a file of version 2 one of this."""


def inserted(row: Row, number: int, utc_offset: int) -> list[Any]:
    """A row as the values of INSERT, in the form in which they are read again."""
    values: list[Any] = [number, *row[:-1], utc_offset, row[-1]]
    values[_FINDINGS + 1] = _encode(row.findings) if row.findings else "[]"
    values[_EMERGENCY + 1] = 1 if row.emergency else 0
    if row.iat_age is not None and row.iat_age != row.iat_age:
        values[_IAT_AGE + 1] = None  # what is no number comes back as nothing
    return values


def offset_at(utc: float) -> int:
    """Seconds that local time is east of UTC at that moment."""
    return time.localtime(utc).tm_gmtoff


def plain(item: Item) -> Item:
    """The same with text that SQLite takes: half a surrogate pair, as undecodable bytes become, is shown as
    `?`. Nearly no row needs it, so it is asked for only when one was refused.
    """
    values = [v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in item]
    return type(item)._make(values)


def record(values: Sequence[Any]) -> Record:
    """The values of SELECT as a record."""
    fields = list(values[1 : 1 + len(Row._fields)])
    fields[_FINDINGS] = tuple(tuple(finding) for finding in json.loads(fields[_FINDINGS] or "[]"))
    fields[_EMERGENCY] = bool(fields[_EMERGENCY])
    offset, ended, duration, cause, reports = values[1 + len(Row._fields) :]
    sounded = tuple(json.loads(text) for text in json.loads(reports)) if reports not in (None, "[]") else ()
    return Record(values[0], Row(*fields), offset or 0, ended, duration, cause or "", sounded)
