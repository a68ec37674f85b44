"""`backtest`: what a candidate policy would have changed about calls that are past."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from certs.files import FileError
from certs.shelf import Shelf
from certs.trust import Trust
from policy.decide import reason_slugs
from policy.lint import lint
from policy.rulebook import Profile, Rulebook
from policy.told import DAY
from proxy.backtest import CHANGES, TOLERATED, Backtest, Difference, Example, Policy
from proxy.captured import CapturedCalls, Known, captured, carrier
from proxy.cli import NEGATIVE, OK, complain
from proxy.clock import Clock, iso
from proxy.lists import ListError
from proxy.parts import lanes, rulebook
from proxy.pastcalls import PastCalls, PastError
from proxy.screening.case import Lane
from proxy.settings import Settings, SettingsError, load, read
from proxy.settings.network import plan_of
from proxy.trusting import sources
from shaken.credential import Credential, CredentialFailure, validate
from shaken.errors import CredentialError

BARE: Mapping[str, Any] = MappingProxyType(
    {
        "listen": [{"address": "127.0.0.1:5060"}],
        "peer": [
            {"name": "carrier", "side": "carrier", "hops": ["127.0.0.2:5060"]},
            {"name": "pbx", "side": "pbx", "hops": ["127.0.0.3:5060"]},
        ],
    }
)
"""What a file must have besides a policy; nothing of it is used."""
MAX_FILE = 1024 * 1024
STEP = 1000
"""Calls between two looks at the progress bar."""
CALLERS = 5
"""Callers that would be missed most, as shown."""
WIDTH = 120
SECRET = b"the same for both, so that nothing differs by chance"


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with what another one says instead; tables are merged, lists replaced."""
    found = dict(base)
    for key, value in over.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def table_of(path: Path) -> dict[str, Any]:
    """A TOML file. Raises SettingsError."""
    try:
        with path.open("rb") as stream:
            return tomllib.loads(stream.read(MAX_FILE).decode())
    except OSError as error:
        raise SettingsError([f"{path}: it cannot be read ({error.strerror})"]) from error
    except ValueError as error:
        raise SettingsError([f"{path}: this is not TOML: {error}"]) from error


def policy_of(settings: Settings, utc: float) -> Policy:
    """Book and profiles as they would be in force. Raises SettingsError, ListError, ValueError."""
    book, _ = rulebook(settings, SECRET, utc)
    if wrong := lint(book):
        raise SettingsError([f"{settings.file}: {fault}" for fault in wrong])
    default = book.profiles.get("default", Profile())
    return Policy(book, {trunk.name: book.profiles.get(trunk.profile, default) for trunk in settings.trunks})

USUAL = ("1", "")
"""The country and the area of numbers where nobody says another."""


def policies(config: str | None, candidate: str, utc: float) -> tuple[Policy, Policy]:
    """The present policy and the candidate, which is a whole configuration or the part of it that is to change."""
    slugs = reason_slugs()
    base = table_of(Path(config)) if config is not None else dict(BARE)
    over = table_of(Path(candidate))
    folder = Path(config if config is not None else candidate).absolute().parent
    present = load(config, slugs) if config is not None else read(base, "the defaults", folder, slugs)
    return policy_of(present, utc), policy_of(read(merged(base, over), candidate, folder, slugs), utc)


def opened(path: Path, config: str | None, numbers: tuple[str, str] = USUAL) -> PastCalls:
    """The calls of a file. Of a capture the configuration says whose they are, and which certificates are kept;
    without one `numbers` are the country and the area that they are read by. Raises PastError, SettingsError,
    ValueError.
    """
    if not captured(path):
        return PastCalls(path)
    if config is None:
        lane = carrier(plan_of(*numbers))
        return CapturedCalls(path, lambda host, port: lane)
    settings = load(config, reason_slugs())
    ways, table = lanes(settings, Rulebook()), settings.trunk_table

    def lane_of(host: str, port: int) -> Lane | None:
        trunk = table.find(host, port)
        return ways.get(trunk.name) if trunk is not None else None

    return CapturedCalls(path, lane_of, certificates(settings))


def certificates(settings: Settings) -> Known:
    """The certificates that a configuration keeps, each as good as it was at the time it is asked for."""
    folder, trust = settings.certificate_folder, Trust(sources(settings), Clock().utc())
    anchors, kept = trust.anchors, Shelf(folder).load() if folder is not None else {}
    found: dict[tuple[str, int], Credential | CredentialFailure | None] = {}

    def known(url: str, utc: float) -> Credential | CredentialFailure | None:
        if anchors is None or url not in kept:
            return None
        key = url, int(utc // DAY)
        if key not in found:
            try:
                found[key] = validate(url, kept[url].body, anchors, utc)
            except CredentialError as error:
                found[key] = CredentialFailure(error.slug, "invalid", str(error), url)
        return found[key]

    return known


def run(calls: str, candidate: str, config: str | None, as_json: bool, numbers: tuple[str, str] = USUAL) -> int:
    """Replay, print; 1 if the candidate would refuse or divert calls in which people talked."""
    try:
        past = opened(Path(calls), config, numbers)
        first = next(iter(past), None)
        if first is None:
            return complain(f"{calls}: no call in it" + (f" ({past.first_fault})" if past.first_fault else ""))
        past = opened(Path(calls), config, numbers)
        test = Backtest(*policies(config, candidate, first.call.utc))
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        ) as progress:  # fmt: skip
            bar = progress.add_task("calls", total=None)
            for at, one in enumerate(past):
                test.take(one)
                if not at % STEP:
                    progress.update(bar, total=past.size, completed=past.done)
    except (PastError, SettingsError, ListError, FileError, ValueError) as error:
        return complain(str(error))
    if as_json:
        print(json.dumps(plain(test.difference, past.unread), indent=2))
    else:
        told(test.difference, past, Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
    return NEGATIVE if test.difference.harmful else OK


def plain(found: Difference, unread: int) -> dict[str, Any]:
    """All of it, as JSON has it."""
    return {
        "calls": found.calls, "emergencies": found.emergencies, "talks": found.talks, "unread": unread,
        "blocked": found.blocked, "diverted": found.diverted, "tagged": found.tagged,
        "lost_talks": found.lost, "regained_talks": found.regained,
        "harmful": found.harmful,
        "changes": [
            {
                "change": change, "check": check, "calls": count,
                "examples": [example(one, change) for one in found.examples.get((change, check), ())],
            }
            for (change, check), count in found.changes.most_common()
        ],
        "missed_callers": [
            {"caller": caller, "name": name, "calls": calls, "talks": talks}
            for caller, name, calls, talks in found.missed
        ],
    }  # fmt: skip


def example(one: Example, change: str) -> dict[str, Any]:
    """One call."""
    verdict = one.candidate if change.startswith("newly") and change != "newly allowed" else one.present
    return {
        "utc": one.call.utc, "call_id": one.call.call_id, "caller": one.call.caller or one.call.caller_text,
        "name": one.call.display_name, "callee": one.call.callee, "talked": one.talked,
        "why": verdict.deciding.why if verdict.deciding is not None else "", "reason": verdict.reason,
        "score": verdict.score,
    }  # fmt: skip


def told(found: Difference, past: PastCalls, out: Console) -> None:
    """The difference in words."""
    out.print(f"{found.calls:,} calls of {past.path}, as if every trunk enforced", soft_wrap=True)
    if past.unread:
        out.print(f"{past.unread:,} lines could not be read, the first: {past.first_fault}", soft_wrap=True)
    sums = Table("", "present", "candidate", box=None, pad_edge=False)
    counts = {"blocked": found.blocked, "diverted": found.diverted, "tagged": found.tagged}
    for name, (present, candidate) in counts.items():
        sums.add_row(name, f"{present:,}", f"{candidate:,}")
    for column in sums.columns[1:]:
        column.justify = "right"
    out.print(sums)
    for change in CHANGES:
        if not (count := found.count(change)):
            continue
        out.print(f"\n[b]{change}: {count:,}[/]")
        for (kind, check), calls in found.changes.most_common():
            if kind != change:
                continue
            out.print(f"  {check}: {calls:,}")
            for shown in found.examples[change, check]:
                one = example(shown, change)
                talked = "not answered" if one["talked"] is None else f"{one['talked']:.0f} s"
                name = f' "{one["name"]}"' if one["name"] else ""
                out.print(
                    f"    {iso(one['utc'])} {one['caller'] or 'anonymous'}{name} -> {one['callee']} ({talked}): "
                    f"{one['reason']}, {one['why']}",
                    soft_wrap=True, markup=False,
                )  # fmt: skip
    if not found.changes:
        out.print("\nno difference")
    out.print()
    missed = found.missed
    if missed:
        out.print("callers whom people talk with, and who would be blocked or diverted:")
        for caller, name, calls, talks in missed[:CALLERS]:
            out.print(f"  {caller or 'anonymous'} {name}: {calls:,} calls, {talks:,} of them talks", markup=False)
        if len(missed) > CALLERS:
            out.print(f"  and {len(missed) - CALLERS:,} more")
    share = found.lost / found.away if found.away else 0.0
    word, what = "[red]HARMFUL[/]: of" if found.harmful else "of", "newly blocked"
    if found.count("newly diverted"):
        what += " or diverted"
    out.print(f"{word} {found.away:,} {what} calls {found.lost:,} were talks: {share:.1%}; {TOLERATED:.0%} is much")
    out.print(f"{found.emergencies:,} emergency calls were left alone")
