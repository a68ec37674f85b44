"""`list why NUMBER` and `list pardon NUMBER`: redress for a number that was blocked (47 CFR 64.1200(k)(8)); and
`complain`, `answer`, `open`, which keep the clock of complaints.

All are kept in the journal, so that it can be shown who asked, and what was done when.
"""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import Namespace
from pathlib import Path

from policy.agreements import EVERYBODY
from policy.grounds import CITATIONS
from policy.rulebook import Rulebook
from proxy.cli import NEGATIVE, OK, USAGE, complain
from proxy.cli.records import forms
from proxy.clock import iso
from proxy.lists.pardons import Pardon, add, kept
from proxy.parts import prepare
from proxy.settings import Settings, SettingsError, load
from proxy.storage.database import note
from proxy.storage.find import JournalError, notes, since
from proxy.storage.rows import Note

DAYS = 28
"""How far back the journal is asked."""
MOST = 10
"""Calls that are shown."""


def _settings(args: Namespace) -> Settings | None:
    if args.config is None:
        complain("whose lists? Name --config FILE")
        return None
    try:
        return load(Path(args.config))
    except SettingsError as error:
        complain(str(error))
        return None


def _noted(settings: Settings, kind: str, number: str, said: dict[str, object]) -> bool:
    """Keep that it was done. Without a journal in the configuration there is nothing to keep it in; False: it could
    not be written, as before the first start, which makes the file as the service's user.
    """
    if settings.paths.journal is None:
        return True
    try:
        note(settings.paths.journal, Note(time.time(), kind, number, json.dumps(said, ensure_ascii=False)))
    except (sqlite3.Error, OSError) as error:
        complain(f"NOT kept on record: {error}")
        return False
    return True


def listed(book: Rulebook, number: str, utc: float) -> list[str]:
    """A sentence for each list that says something of a number."""
    found = []
    for name, numbers in (
        ("psap (emergency centres): it always passes", book.psap), ("allow: it always passes", book.allow),
        ("own: from outside nobody may show it", book.own), ("dno: its holder says that it never calls", book.dno),
        ("deny: the subscriber does not want it", book.deny),
    ):  # fmt: skip
        if number in numbers:
            how = "" if number in numbers.exact else ", as part of a range"
            found.append(f"on list {name}{how}")
    hit = book.campaigns.match(number, utc)
    for entry in book.campaigns.of(number):
        weight = f"counts {hit.weight_factor:.0%} today" if hit is not None and hit.entry == entry else "history"
        cites = f", citing {entry.cites} ({CITATIONS[entry.cites]})" if entry.cites in CITATIONS else ""
        found.append(f"campaign {entry.campaign}: told by {entry.source} on {iso(entry.notified)}, {weight}{cites}")
    if book.casebook is not None:
        for trait in book.casebook.traits:
            if trait.kind == "number" and trait.value.lstrip("+") == number:
                found.append(f"campaign {trait.campaign}: one of its numbers since {iso(trait.notified)}")
    for name, registry in (("dnc (the national registry)", book.national), ("dnc (a file of ours)", book.dnc)):
        if registry is not None and registry.listed(number):
            old = ", of an age at which it stops no call" if registry.stale(number, utc) else ""
            found.append(f"on list {name}: calls that sell may not go there{old}")
    if book.agreements is not None:
        for asked in book.agreements.opt_outs(utc):
            if asked.callee == number:
                whom = "us" if asked.caller == EVERYBODY else f"+{asked.caller}"
                what = "calls or messages" if asked.scope == "any" else asked.scope
                how = f" ({asked.how})" if asked.how else ""
                found.append(f"opted out on {iso(asked.at)}: wants no {what} from {whom}{how}")
    if book.reassigned is not None:
        for query in book.reassigned:
            if query.number == number:
                said = f"the database said on {iso(query.asked)}: {query.answer}"
                found.append(f"reassigned since {iso(query.date)}? {said}")
    if book.complaints is not None and (told := book.complaints.told.get(number)) is not None:
        found.append(f"complaints: {told.times}, the last on {iso(told.last)}")
    if book.learned is not None and book.learned.knows(number, utc):
        found.append("learned: our own people called it lately, so it may call back")
    return found


def why(args: Namespace) -> int:
    """Say what is known of a number. 0, whatever it is; 1: that it was asked could not be kept."""
    settings = _settings(args)
    if settings is None:
        return USAGE
    utc, lines = time.time(), []
    try:
        known = forms(args.number, settings)
        book = prepare(settings, make=False).book
        pardoned = kept(settings.paths.state).get(known[0])
        if pardoned is not None:
            lines.append(f"pardoned on {iso(pardoned.utc)} by {pardoned.by or '-'}: {pardoned.why}")
        lines += listed(book, known[0], utc) or ["on no list"]
        if settings.paths.journal is not None and settings.paths.journal.exists():
            where = f"caller IN ({','.join('?' * len(known))})"
            calls = list(since(settings.paths.journal, utc - DAYS * 86_400, utc + 1, where, known))
            stopped = [one for one in calls if one.row.action in ("reject", "divert", "tag")]
            lines.append(f"{len(calls)} call(s) in {DAYS} days, {len(stopped)} of them refused, diverted or tagged")
            for one in stopped[-MOST:]:
                told = next((said for slug, _, _, said in one.row.findings if slug == one.row.reason), "")
                id = f", id {one.row.refusal}" if one.row.refusal else ""
                row = one.row
                lines.append(f"  {iso(row.utc)} {row.action} for {row.reason}: {told}{id} (explain {one.id})")
            before = notes(settings.paths.journal, about=known[0])
            lines += [f"asked before: {iso(one.utc)} {one.kind}" for one in before]
    except (ValueError, JournalError, SettingsError, OSError) as error:
        return complain(str(error))
    if args.json:
        print(json.dumps({"number": known[0], "said": lines}, ensure_ascii=False))
    else:
        print("\n".join((f"+{known[0]}", *(f"  {line}" for line in lines))))
    return OK if _noted(settings, "why", known[0], {"by": args.by, "said": lines}) else NEGATIVE


def pardon(args: Namespace) -> int:
    """Take a number off every list, for good."""
    settings = _settings(args)
    if settings is None:
        return USAGE
    if settings.paths.state is None:
        return complain(f"{args.config}: paths.state is not set, and pardons are kept there")
    try:
        number = forms(args.number, None)[0]
        before = listed(prepare(settings, make=False).book, number, time.time())
        add(settings.paths.state, Pardon(number, time.time(), args.by, args.because))
        after = listed(prepare(settings, make=False).book, number, time.time())
    except (ValueError, SettingsError, OSError) as error:
        return complain(str(error))
    said = {"by": args.by, "because": args.because, "before": before, "after": after}
    kept_so = _noted(settings, "pardon", number, said)
    taken = [line for line in before if line not in after]
    if args.json:
        print(json.dumps({"number": number, "taken_off": taken, "left": after}, ensure_ascii=False))
        return OK if kept_so else NEGATIVE
    print(f"+{number} is pardoned")
    for word, lines in (("was", taken), ("still", after)):
        for line in lines:
            print(f"  {word} {line}")
    print("in force after `ringwarden reload`, or at the next start")
    return OK if kept_so else NEGATIVE


HOURS = 24.0
"""Within which whoever complains hears how it stands (47 CFR 64.1200(k)(8))."""
CLOSING = ("pardon", "answered")


def complaint(args: Namespace) -> int:
    """Write down that somebody complains, or what was answered: the clock begins, or ends."""
    settings = _settings(args)
    if settings is None:
        return USAGE
    if settings.paths.journal is None:
        return complain(f"{args.config}: paths.journal is not set, and complaints are kept there")
    try:
        number = forms(args.number, None)[0]
    except ValueError as error:
        return complain(str(error))
    kind = "complaint" if args.task == "complain" else "answered"
    if not _noted(settings, kind, number, {"by": args.by, "because": args.because}):
        return NEGATIVE
    print(f"+{number}: {kind}" + (f", to be answered within {HOURS:.0f} hours" if kind == "complaint" else ""))
    return OK


def waiting(path: Path, utc: float) -> list[tuple[str, float, str]]:
    """Complaints without an answer: number, hours that they wait, and who complained; the oldest first. Raises
    JournalError."""
    found: dict[str, Note] = {}
    for one in reversed(notes(path)):
        if one.kind == "complaint":
            found.setdefault(one.about, one)
        elif one.kind in CLOSING:
            found.pop(one.about, None)
    return [
        (one.about, (utc - one.utc) / 3600, str(json.loads(one.text).get("by", "")))
        for one in sorted(found.values(), key=lambda one: one.utc)
    ]


def unanswered(args: Namespace) -> int:
    """Print what waits for an answer. 1: something has waited for longer than a day."""
    settings = _settings(args)
    if settings is None or settings.paths.journal is None:
        return USAGE if settings is None else complain(f"{args.config}: paths.journal is not set")
    try:
        found = waiting(settings.paths.journal, time.time())
    except (ValueError, JournalError) as error:
        return complain(str(error))
    if args.json:
        names = ("number", "hours", "by", "late")
        rows = [dict(zip(names, (tn, round(hours, 2), by, hours > HOURS), strict=True)) for tn, hours, by in found]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for number, hours, by in found:
            late = "LATE" if hours > HOURS else f"{HOURS - hours:.1f} hours left"
            print(f"+{number} has waited {hours:.1f} hours ({by or 'nobody named'}): {late}")
        print(f"{len(found)} complaint(s) wait for an answer")
    return NEGATIVE if any(hours > HOURS for _, hours, _ in found) else OK
