"""`lists import | status | rollback`: bring lists in, look at them, go back.

Without the name of a list, `import` reads a table of traced calls, reconciles it with what it promises, and writes it
in our own columns.
"""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Shown

from policy.campaigns import label_key
from policy.letter import Table, moment
from proxy import lists
from proxy.cli import NEGATIVE, OK, USAGE, complain
from proxy.fleet.shelves import Shelves
from proxy.lists.areacodes import size
from proxy.lists.files import ListError
from proxy.lists.force import statuses
from proxy.lists.kinds import FOLDER, KINDS, bring_in, table_lines
from proxy.lists.shelf import Generation, Shelf
from proxy.parts import fleet_key
from proxy.settings import SettingsError, load
from proxy.storage.database import note
from proxy.storage.rows import Note

MEGA = 1_000_000
QUOTED = 10
"""Lines set apart that are shown."""


REDRESS = ("why", "pardon", "complain", "answer", "open")


def run(args: Namespace) -> int:
    """One of the tasks."""
    if args.task == "import" and (not args.names or args.names[0] not in KINDS):
        if len(args.names) > 1:
            return complain(f"there is no list {args.names[0]}: name one of {', '.join(KINDS)}, or one file alone")
        return table(args.names[0] if args.names else None, args.expect, args.out, args.against, args.json)
    if args.task in ("share", "pull"):
        return together(args)
    if args.task in REDRESS:
        from proxy.cli import redress

        tasks = {"why": redress.why, "pardon": redress.pardon, "open": redress.unanswered}
        return tasks.get(args.task, redress.complaint)(args)
    state = folder_of(args.config, args.state)
    if state is None:
        return USAGE
    try:
        if args.task == "import":
            return into_force(state, args)
        if args.task == "rollback":
            return back(state, args.kind)
        return status(state, args.deep, args.json)
    except ListError as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"{error.filename or state}: {error.strerror}")


def folder_of(config: str | None, state: str | None) -> Path | None:
    """The state folder: given, or that of a configuration. None: complained."""
    if state is not None:
        return Path(state)
    if config is None:
        complain("whose lists? Name --config FILE, or --state DIR")
        return None
    try:
        found = load(Path(config)).paths.state
    except (SettingsError, OSError) as error:
        complain(str(error))
        return None
    if found is None:
        complain(f"{config}: paths.state is not set, and imported lists are kept there")
    return found


def into_force(state: Path, args: Namespace) -> int:
    """Bring files in as a new generation."""
    kind, paths = args.names[0], [Path(name) for name in args.names[1:]]
    if not paths:
        return complain(f"which files? ringwarden lists import {kind} FILE...")
    try:
        as_of = moment(args.as_of) if args.as_of is not None else None
    except ValueError as error:
        return complain(f"--as-of: {error}")
    total, began = size(paths), time.monotonic()
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("MB"), TimeElapsedColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"list {kind}", total=max(1, total // MEGA))
        read = 0

        def progress(octets: int) -> None:
            nonlocal read
            read += octets
            bar.update(task, completed=read // MEGA)

        made, bad = bring_in(
            state / FOLDER, kind, paths, time.time(), as_of=as_of, force=args.force, progress=progress
        )
    _noted(args.config, kind, made)
    if args.json:
        print(json.dumps({
            "list": kind, "generation": made.number, "entries": made.entries, "set_apart": made.refused,
            "as_of": written(made.as_of), "size": made.size,
        }))  # fmt: skip
        return OK
    for one in bad[:QUOTED]:
        print(f"set apart: {one}")
    print(
        f"list {kind}: generation {made.number}, {made.entries:,} entries as of {written(made.as_of)},"
        f" {made.refused:,} line(s) set apart, {made.size / 1e6:,.1f} MB, {time.monotonic() - began:.1f} s"
    )
    print("in force after `ringwarden reload`, or at the next start")
    return OK


def _noted(config: str | None, kind: str, made: Generation) -> None:
    """Keep in the journal which version of a list was brought in, and when (16 CFR 310.5): five snapshots are kept."""
    path = load(Path(config)).paths.journal if config is not None else None
    if path is None:
        return
    said = {
        "generation": made.number, "entries": made.entries, "as_of": written(made.as_of), "from": list(made.sources),
    }  # fmt: skip
    try:
        note(path, Note(time.time(), "list", kind, json.dumps(said, ensure_ascii=False)))
    except (sqlite3.Error, OSError) as error:
        complain(f"the journal could not take it down: {error}")
def together(args: Namespace) -> int:
    """Share lists with the other machines of a fleet, or take theirs."""
    if args.config is None:
        return complain("which fleet? Name --config FILE")
    try:
        settings = load(Path(args.config))
        state, fleet = settings.paths.state, settings.fleet
        if state is None or fleet is None or not fleet.redis or settings.secret is None:
            return complain(f"{args.config}: lists are shared with paths.state, fleet.redis and a secret")
        shelves = Shelves(fleet.redis, fleet_key(settings.secret), fleet.machine)
        try:
            if args.task == "share":
                for kind in args.kinds:
                    if kind not in KINDS:
                        return complain(f"there is no list {kind}: name some of {', '.join(KINDS)}")
                done = [("shared", *one) for one in shelves.share(state, args.kinds, complain)]
            else:
                done = [("pulled", *one) for one in shelves.pull(state)]
        finally:
            shelves.close()
    except (SettingsError, ListError, OSError) as error:
        return complain(str(error))
    except ImportError:
        return complain("redis is not installed; pip install 'ringwarden[fleet]'")
    if args.json:
        rows = [{"list": kind, "generation": made.number, "entries": made.entries} for _, kind, made in done]
        print(json.dumps(rows))
    else:
        for word, kind, made in done:
            print(f"list {kind}: {word} generation {made.number}, {made.entries:,} entries as of {written(made.as_of)}")
        if args.task == "pull" and done:
            print("in force after `ringwarden reload`, or at the next start")
    return OK if done else NEGATIVE


def back(state: Path, kind: str) -> int:
    if kind not in KINDS:
        return complain(f"there is no list {kind}: name one of {', '.join(KINDS)}")
    made = Shelf(state / FOLDER, kind).roll_back()
    print(f"list {kind}: back to generation {made.number}, {made.entries:,} entries as of {written(made.as_of)}")
    print("in force after `ringwarden reload`, or at the next start")
    return OK


def status(state: Path, deep: bool, as_json: bool) -> int:
    """0 only if every list is well."""
    found = statuses(state, time.time(), deep)
    if as_json:
        print(json.dumps([
            {
                "list": one.kind, "state": one.state, "generation": one.generation.number,
                "entries": one.generation.entries, "set_apart": one.generation.refused, "age_days": one.days,
                "as_of": written(one.generation.as_of), "made": written(one.generation.made),
                "size": one.generation.size, "back_to": list(one.kept), "sources": list(one.generation.sources),
            }
            for one in found
        ]))  # fmt: skip
    else:
        shown = Shown(box=None, pad_edge=False)
        for head in ("list", "state", "generation", "entries", "set apart", "as of", "days old", "MB", "back to"):
            shown.add_column(head, justify="left" if head in ("list", "state", "as of", "back to") else "right")
        for one in found:
            made = one.generation
            shown.add_row(
                one.kind, one.state, str(made.number), f"{made.entries:,}", f"{made.refused:,}", written(made.as_of),
                str(one.days), f"{made.size / 1e6:,.1f}", " ".join(map(str, one.kept)) or "-",
            )  # fmt: skip
        Console(width=140, highlight=False).print(shown if found else "no list was ever brought in")
    return OK if all(one.state == "ok" for one in found) else NEGATIVE


def written(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).strftime("%Y-%m-%d")


def table(file: str | None, expected: int | None, out: str | None, against: str | None, as_json: bool) -> int:
    """Read a table of traced calls. 0 only if all rows that were promised are there and can be read, or with `against`
    (a table that is known to be right; empty: the bundled one) if none that was read is another than it has."""
    try:
        found = lists.import_letter(Path(file), expected) if file is not None else lists.bundled()
        other = None
        if against is not None:
            other = lists.import_letter(Path(against)) if against else lists.bundled()
    except ListError as error:
        return complain(str(error))
    confidence = Counter(row.confidence for row in found.rows)
    if as_json:
        print(
            json.dumps(
                {
                    "expected": found.expected,
                    "parsed": found.parsed,
                    "ok": found.ok,
                    "numbers": len({row.caller for row in found.rows}),
                    "campaigns": len({row.campaign for row in found.rows}),
                    "confidence": dict(confidence),
                    "set_apart": [str(item) for item in found.quarantined],
                }
            )
        )
    else:
        for item in found.quarantined:
            print(f"set apart: {item}")
        print(
            f"{found.reconciled()}: {len({row.caller for row in found.rows})} numbers,"
            f" {len({row.campaign for row in found.rows})} campaigns; "
            + ", ".join(f"{count} of {name} confidence" for name, count in sorted(confidence.items()))
        )
    if out is not None and found.rows:
        try:
            write(Path(out), found)
        except OSError as error:
            return complain(f"cannot write {out}: {error.strerror}")
    if other is not None:
        return compared(found, other)
    return OK if found.ok else NEGATIVE


def compared(found: Table, other: Table) -> int:
    """Which rows of a table another one has as well; 0 if all."""
    have, want = (
        Counter((row.notified, row.called, row.caller, label_key(row.campaign)) for row in one.rows)
        for one in (found, other)
    )
    wrong = have - want
    for notified, called, caller, campaign in wrong:
        print(f"not in the other table: {written(notified)} {written(called)} {caller} {campaign}")
    print(
        f"against {other.parsed} rows: {(have & want).total()} the same, {wrong.total()} others,"
        f" {(want - have).total()} not read"
    )
    return NEGATIVE if wrong else OK


def write(path: Path, found: Table) -> None:
    """The table in our own columns, whole or not at all. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    draft.write_text("\n".join(table_lines(found.rows)) + "\n", encoding="utf-8")
    draft.replace(path)
