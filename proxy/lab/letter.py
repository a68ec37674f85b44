"""The letter replayed as real calls: each of its 125 calls is placed at its own date, against a list of what was
known then.

Four runs of the same calls: the list as it was notified and with zero lag, matched by number and by the campaign's
label (the lab's oracle names the label, as something that listens to the call might). The lab's clock stands at each
call's moment; the list is one file for a whole run, because an entry does not exist before its notice.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from rich.console import Console

from policy.letter import Row, Table
from policy.replay import Key, Rule, as_csv, caught, live, moments
from proxy import lists
from proxy.lab import letterchecks
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World

RUNS = (
    (Rule.AS_NOTIFIED, Key.NUMBER),
    (Rule.ZERO_LAG, Key.NUMBER),
    (Rule.AS_NOTIFIED, Key.CAMPAIGN),
    (Rule.ZERO_LAG, Key.CAMPAIGN),
)
NAMES = {
    Rule.AS_NOTIFIED: "as notified",
    Rule.ZERO_LAG: "zero lag",
    Key.NUMBER: "by number",
    Key.CAMPAIGN: "by campaign",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of one call of the letter."""

    row: Row
    verdict: str
    """allow, tag or reject."""
    expected: bool
    """Whether plain counting says that it is caught."""

    @property
    def caught(self) -> bool:
        return self.verdict != "allow"


async def replay(rule: Rule, key: Key, folder: Path, table: Table | None = None) -> list[Placed]:
    """Place all calls of the letter, in the order of their dates, through a ringwarden whose list is the letter
    itself.
    """
    table = table or lists.bundled()
    known = dict(zip((row.position for row in table.rows), caught(table, rule, key), strict=True))
    at = moments(table)
    placed = []
    async with World(folder, campaigns=as_csv(live(table, rule))) as world, aiohttp.ClientSession() as session:
        for row in sorted(table.rows, key=lambda one: at[one.position]):
            async with session.put(f"{world.admin}/lab/clock", json={"clock": stamp(at[row.position])}) as answer:
                answer.raise_for_status()
            placed.append(Placed(row, await verdict(row, key, world), known[row.position]))
    return placed


async def verdict(row: Row, key: Key, world: World) -> str:
    """Place one call and read the verdict off it."""
    # By campaign the number must tell nothing: one that is on no list.
    caller = f"1305555{100 + row.position % 100:04}" if key is Key.CAMPAIGN else row.caller
    identity = f"<sip:+{caller}@carrier.example.net>"
    lines = [f"P-Asserted-Identity: {identity}"]
    if key is Key.CAMPAIGN:
        lines.append(f"X-Lab-Campaign: {row.campaign}")
    call = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", identity, lines=tuple(lines))
    outcome = await world.carrier.call(call, world.proxy)
    if outcome.status != 200:
        return "reject"
    heard = await world.pbx.hears("INVITE", call_id=call.call_id)
    return heard.header("x-screen-verdict") or "allow"


def stamp(utc: float) -> str:
    """A moment as the lab's clock is set."""
    return f"{datetime.fromtimestamp(utc, UTC):%Y-%m-%dT%H:%M:%SZ}"


def told(rule: Rule, key: Key, placed: list[Placed]) -> str:
    """One line of the report."""
    found = [one for one in placed if one.caught]
    rejected = sum(one.verdict == "reject" for one in found)
    odd = sum(one.caught != one.expected for one in placed)
    text = f"{NAMES[key]}, list {NAMES[rule]}: {len(found):3} of {len(placed)} caught"
    return f"{text} ({rejected} rejected, {len(found) - rejected} tagged){f'; {odd} NOT as counted' if odd else ''}"


async def report(console: Console | None = None) -> int:
    """All four runs; 0 only if each call came out as plain counting says."""
    out = console or Console(highlight=False)
    odd = 0
    for rule, key in RUNS:
        with tempfile.TemporaryDirectory(prefix="ringwarden-letter-") as folder:
            placed = await replay(rule, key, Path(folder))
        odd += sum(one.caught != one.expected for one in placed)
        out.print(told(rule, key, placed), soft_wrap=True)
    letterchecks.told(out)
    return 1 if odd else 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(report()))
