"""`ringwarden demo`: every kind of call through a real ringwarden, each with its verdict, and whether it came out as
expected.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path

from rich.console import Console
from rich.live import Live

from proxy.lab.cases import CASES, Case, place
from proxy.lab.table import Shown
from proxy.lab.world import DEMO_PORTS, SPC, World, WorldError
from proxy.storage.find import JournalError, find
from proxy.storage.rows import Row

NOTE = Path(".ringwarden") / "demo-journal"
"""Below the home folder: which journal `explain` reads when it is told none."""
JOURNAL_SECONDS = 60.0
"""How long a row may take to be in the journal."""
BEAT = 0.02


async def run(
    *,
    keep: bool = False,
    folder: Path | None = None,
    console: Console | None = None,
    wanted: dict[str, int] | None = None,
) -> int:
    """The whole demo; 0 only if each call came out as expected."""
    shown = Shown(console)
    place_of = folder or Path(tempfile.mkdtemp(prefix="ringwarden-demo-"))
    try:
        async with World(place_of, (wanted or None) if wanted is not None else DEMO_PORTS) as world:
            shown.head(head(world))
            bad, rows = await calls(world, shown)
            shown.console.print()
            shown.console.print(summary(bad, rows), soft_wrap=True)
            remember(world.journal)
            if keep:
                await stay(world, shown)
            return 1 if bad else 0
    except (WorldError, OSError) as error:
        shown.console.print(f"[bold red]the demo did not come up:[/] {error}", soft_wrap=True)
        return 1


def head(world: World) -> list[tuple[str, str]]:
    """What runs where."""
    own = world.ports
    return [
        ("lab CA", f"root and intermediate of our own, SHAKEN {SPC}; served at {world.repository.base}"),
        ("fake carrier", f"sip:127.0.0.1:{own['carrier']} (udp)"),
        ("ringwarden", f"sip:127.0.0.1:{own['proxy']} (udp)  mode enforce  metrics {world.admin}/metrics"),
        ("fake PBX", f"sip:127.0.0.1:{own['pbx']} (udp), answers; its numbers are +1 202 555 0100 to 0199"),
        ("list", "the 125 calls of the FTC's letter of 2023, dated yesterday: the real rows are too old to block"),
        ("files", f"{world.folder}"),
    ]


async def calls(world: World, shown: Shown) -> tuple[int, list[Row]]:
    """Place all calls; how many were not as expected, and the journal's rows."""
    table, rows = shown.table(), []
    unexpected: list[tuple[int, Case, list[str]]] = []
    live = Live(table, console=shown.console, refresh_per_second=10) if shown.console.is_terminal else None
    with live if live is not None else contextlib.nullcontext():
        for number, case in enumerate(CASES, 1):
            outcome, faults = await place(case, world)
            row = await journalled(world.journal, outcome.call_id)
            faults += differences(case, row)
            rows.append(row)
            shown.add(table, number, case, row, outcome.reason, not faults)
            if faults:
                unexpected.append((number, case, faults))
    if live is None:
        shown.console.print(table)
    for number, case, faults in unexpected:
        shown.faults(number, case, faults)
    return len(unexpected), rows


async def journalled(journal: Path, call_id: str) -> Row:
    """The journal's row of a call, once it is written: batches are written every quarter of a second."""
    try:
        async with asyncio.timeout(JOURNAL_SECONDS):
            while True:
                with contextlib.suppress(JournalError):
                    if found := find(journal, call_id):
                        return found[0].row
                await asyncio.sleep(BEAT)
    except TimeoutError:
        raise WorldError(f"the call {call_id} is not in the journal") from None


def differences(case: Case, row: Row) -> list[str]:
    """What the journal says otherwise than expected."""
    wanted = {"action": case.verdict, "reason": case.reason, "campaign": case.campaign, "status": case.status}
    return [
        f"journal: {name} {getattr(row, name)!r}, expected {value!r}"
        for name, value in wanted.items()
        if getattr(row, name) != value
    ]


def summary(bad: int, rows: list[Row]) -> str:
    """The last lines."""
    times = sorted(row.decision_us for row in rows if not row.emergency)
    middle, last = times[len(times) // 2], times[-1]
    return (
        f"{len(rows)} calls, {len(rows) - bad} as expected. Decided in (us): median {middle}, longest {last}"
        " (it waited for a certificate).\n"
        "Next: ringwarden explain 7    ringwarden demo --keep    ringwarden check-config deploy/ringwarden.example.toml"
    )


def remember(journal: Path) -> None:
    """Note the journal for `explain`; without a home that can be written to, it must be named."""
    with contextlib.suppress(OSError, RuntimeError):
        note = Path.home() / NOTE
        note.parent.mkdir(mode=0o700, exist_ok=True)
        note.write_text(f"{journal}\n")


async def stay(world: World, shown: Shown) -> None:
    """Until Ctrl-C."""
    shown.console.print(f"The world goes on; configuration {world.config}. Ctrl-C ends it.", soft_wrap=True)
    with contextlib.suppress(asyncio.CancelledError):
        await world.process.wait()
