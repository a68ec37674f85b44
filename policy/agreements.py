"""What people agreed to with us, or asked of us: opt-outs, consent, and business relations (16 CFR 310.4(b)(1)(iii),
47 CFR 64.1200(a)(10), (d), (f)).

A request not to be called stands above a business relation (REG-051) and above any consent that is older than it. It
is honoured at once, though ten business days would be allowed (REG-060), and kept for five years. A relation excuses a
call to a number of the registry for 18 months after a purchase, for 3 after an inquiry (REG-052); consent excuses it
until it is revoked, and from the calling hours too.

The book of them grows while calls go on: who writes its file is `proxy.lists.diary`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from policy.letter import moment
from policy.lists import Quarantined, number
from policy.told import DAY

STOP_WORDS = ("stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe")
"""What a text message says that wants no more of them (47 CFR 64.1200(a)(10))."""
OPT_OUT_MONTHS = 60
PURCHASE_MONTHS, INQUIRY_MONTHS = 18, 3
SCOPES = ("any", "calls", "messages")
"""What a consent or a request is about."""
IN_WRITING = "recorded"
"""The scope of a consent to recorded messages: a signed agreement that names them (16 CFR 310.4(b)(1)(v)(A))."""
KINDS: Mapping[str, int] = {"purchase": PURCHASE_MONTHS, "inquiry": INQUIRY_MONTHS}
"""What a relation rests on (a purchase, payment or delivery; an inquiry or application), and the months it lasts."""
EVERYBODY = "*"
"""All numbers of ours."""
MAX_RECORDS = 2_000_000
"""Of one file: some 600 MB of memory."""

_WORDS = re.compile(r"[^a-z]+").sub


class OptOut(NamedTuple):
    """A person who wants no calls or messages of ours any more."""

    caller: str
    """Our number, or everybody."""
    callee: str
    at: float
    scope: str = "any"
    how: str = ""
    """The word that was sent, or who wrote it down."""


class Consent(NamedTuple):
    """A person who agreed to be called."""

    caller: str
    callee: str
    obtained: float
    revoked: float | None = None
    scope: str = "any"


class Relation(NamedTuple):
    """A person who bought something of us, or asked for something."""

    caller: str
    callee: str
    at: float
    kind: str = "purchase"


Record = OptOut | Consent | Relation


class _About:
    """What is told of one caller and the number that it calls at a moment, and what follows from it."""

    __slots__ = ("known", "caller", "utc", "records", "_opted")

    def __init__(self, known: Sequence[Record], caller: str | None, utc: float) -> None:
        self.known, self.caller, self.utc = known, caller, utc
        # The third of each is when it was told: `obtained` or `at`.
        self.records = [one for one in known if one[0] in (EVERYBODY, caller) and one[2] <= utc]
        self._opted: dict[str, OptOut | None] = {}

    def opted_out(self, scope: str) -> OptOut | None:
        """The latest request that stands, unless the person agreed again after it."""
        if scope not in self._opted:
            self._opted[scope] = _opted_out(self.records, self.utc, scope)
        return self._opted[scope]


_NOBODY = _About((), None, 0.0)


class Agreements:
    """All of them, by the number called. Asked for each call of ours that leaves."""

    __slots__ = ("_by_callee", "_count", "live", "_asked")

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._by_callee: dict[str, tuple[Record, ...]] = {}
        self._count = 0
        self._asked = _NOBODY
        """What was found last: several checks ask this of one call."""
        self.live: Agreements | None = None
        """Those that came up while calls went on: they outlive a reload, and are asked too."""
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Know one more, from now on; the same one again is the same."""
        known = self._by_callee.get(record.callee, ())
        if record not in known:
            self._by_callee[record.callee] = (*known, record)
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def opt_outs(self, utc: float) -> Iterator[OptOut]:
        """The requests that still stand after five years, or will."""
        for known in self._by_callee.values():
            for one in known:
                if type(one) is OptOut and _lasts(one.at, OPT_OUT_MONTHS, utc):
                    yield one

    def opted_out(self, caller: str | None, callee: str, utc: float, scope: str = "calls") -> OptOut | None:
        """The latest request that stands against a call or message, unless the person agreed again after it."""
        return self._about(caller, callee, utc).opted_out(scope)

    def consented(self, caller: str | None, callee: str, utc: float, scope: str = "calls") -> bool:
        """Did this person agree, and neither revoke it nor opt out since?"""
        about = self._about(caller, callee, utc)
        return about.opted_out(scope) is None and _agreed(about.records, utc, scope, float("-inf"))

    def in_writing(self, caller: str | None, callee: str, utc: float) -> bool:
        """Did this person agree to recorded messages in writing, and neither revoke it nor opt out since?"""
        about = self._about(caller, callee, utc)
        written = [one for one in about.records if type(one) is Consent and one.scope == IN_WRITING]
        if not written:
            return False
        asked = about.opted_out("calls")
        after = asked.at if asked is not None else float("-inf")
        return _agreed(written, utc, IN_WRITING, after)

    def since(self, caller: str | None, callee: str, utc: float) -> float | None:
        """When the person called agreed last, or had business with us: what a call to it rests on. None: on nothing."""
        latest = None
        for one in self._about(caller, callee, utc).records:
            if type(one) is not OptOut and (latest is None or one[2] > latest):
                latest = one[2]
        return latest

    def related(self, caller: str | None, callee: str, utc: float) -> bool:
        """Is there a business relation, and no request that overrides it?"""
        about = self._about(caller, callee, utc)
        if about.opted_out("calls") is not None:
            return False
        return any(type(one) is Relation and utc <= months_after(one.at, KINDS[one.kind]) for one in about.records)

    def _about(self, caller: str | None, callee: str, utc: float) -> _About:
        known = self._by_callee.get(callee, ())
        if self.live is not None:
            known += self.live._by_callee.get(callee, ())
        if not known:
            return _NOBODY
        about = self._asked
        if about.known is not known or about.caller != caller or about.utc != utc:
            about = self._asked = _About(known, caller, utc)
        return about


def _opted_out(about: Sequence[Record], utc: float, scope: str) -> OptOut | None:
    found = None
    for one in about:
        if type(one) is OptOut and _within(one.scope, scope) and _lasts(one.at, OPT_OUT_MONTHS, utc):
            found = one if found is None or one.at > found.at else found
    return None if found is None or _agreed(about, utc, scope, found.at) else found


def _agreed(about: Sequence[Record], utc: float, scope: str, after: float) -> bool:
    for one in about:
        if type(one) is Consent and one.obtained > after and _within(one.scope, scope):
            if one.revoked is None or utc < one.revoked:
                return True
    return False


def _within(wide: str, narrow: str) -> bool:
    return wide in ("any", narrow) or narrow == "any" or (wide == IN_WRITING and narrow == "calls")


def _lasts(at: float, months: int, utc: float) -> bool:
    """Is it less than so many months later? No month has fewer than 28 days, so most need no calendar."""
    return utc < at + months * 28 * DAY or utc < months_after(at, months)


def stop_word(text: str) -> str | None:
    """The word of a message that says nothing but one; None for any other message."""
    said = _WORDS(" ", text[:64].casefold()).strip()
    said = {"optout": "opt out", "stop all": "stop", "stopall": "stop"}.get(said, said)
    return said if said in STOP_WORDS and len(text) <= 64 else None


def months_after(utc: float, months: int) -> float:
    """The same day and time so many months later; the last of the month where it has no such day."""
    when = datetime.fromtimestamp(utc, UTC)
    years, month = divmod(when.month - 1 + months, 12)
    year, month = when.year + years, month + 1
    for day in (when.day, 30, 29, 28):
        try:
            return when.replace(year=year, month=month, day=day).timestamp()
        except ValueError:
            continue
    raise AssertionError("each month has 28 days")


# --- files ----------------------------------------------------------------------------------------

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "optout": ("caller", "callee", "at", "scope", "how"),
    "consent": ("caller", "callee", "obtained", "revoked", "scope"),
    "relations": ("caller", "callee", "at", "kind"),
}
"""The columns of each kind of file; others are passed over."""
_NEEDED = {"optout": ("callee", "at"), "consent": ("callee", "obtained"), "relations": ("callee", "at", "kind")}
_ALSO = {"obtained_at": "obtained", "revoked_at": "revoked"}


def parse(kind: str, text: str) -> tuple[list[Record], list[Quarantined]]:
    """A CSV file with a heading. Rows that cannot be read are set apart, never guessed. Never raises."""
    records: list[Record] = []
    bad: list[Quarantined] = []
    rows = csv.reader(text.removeprefix("\ufeff").splitlines())
    place: dict[str, int] | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
                continue
            if place is None:
                names = [cell.strip().casefold() for cell in cells]
                place = {_ALSO.get(name, name): at for at, name in enumerate(names)}
                if missing := [name for name in _NEEDED[kind] if name not in place]:
                    return [], [Quarantined(rows.line_num, ",".join(cells)[:80], f"no column {missing[0]}")]
                continue
            if len(records) == MAX_RECORDS:
                bad.append(Quarantined(rows.line_num, "", f"from here on: a file holds {MAX_RECORDS:,} records"))
                break
            row = {name: cells[at].strip() for name, at in place.items() if at < len(cells)}
            try:
                records.append(_record(kind, row))
            except ValueError as error:
                bad.append(Quarantined(rows.line_num, ",".join(cells)[:80], str(error)))
    except csv.Error as error:
        bad.append(Quarantined(rows.line_num, "", f"from here on: no CSV ({error})"))
    return records, bad


def _record(kind: str, row: Mapping[str, str]) -> Record:
    given = row.get("caller", "")
    caller = EVERYBODY if given in ("", EVERYBODY) else number(given)
    callee = number(row.get("callee", ""))
    if kind == "relations":
        if (basis := row.get("kind", "").casefold()) not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        return Relation(caller, callee, moment(row.get("at", "")), basis)
    scopes = SCOPES if kind == "optout" else (*SCOPES, IN_WRITING)
    if (scope := row.get("scope", "").casefold() or "any") not in scopes:
        raise ValueError(f"scope is one of {', '.join(scopes)}")
    if kind == "optout":
        return OptOut(caller, callee, moment(row.get("at", "")), scope, row.get("how", ""))
    obtained = moment(row.get("obtained", ""))
    revoked = moment(row["revoked"]) if row.get("revoked") else None
    if revoked is not None and revoked < obtained:
        raise ValueError("revoked before it was obtained")
    return Consent(caller, callee, obtained, revoked, scope)


def written(kind: str, records: Iterable[Record]) -> Iterator[str]:
    """The lines of a file that `parse` reads, heading first."""
    yield ",".join(COLUMNS[kind])
    for one in records:
        yield line(one)


def line(one: Record) -> str:
    """One row of its file."""
    caller = one.caller if one.caller == EVERYBODY else "+" + one.caller
    if type(one) is OptOut:
        how = _WORDS(" ", one.how.casefold()).strip()
        return f"{caller},+{one.callee},{_when(one.at)},{one.scope},{how}"
    if type(one) is Consent:
        return f"{caller},+{one.callee},{_when(one.obtained)},{_when(one.revoked)},{one.scope}"
    assert type(one) is Relation
    return f"{caller},+{one.callee},{_when(one.at)},{one.kind}"


def _when(utc: float | None) -> str:
    return "" if utc is None else datetime.fromtimestamp(utc, UTC).isoformat()
