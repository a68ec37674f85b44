"""The letter's 125 calls with and without each check: what each of them is worth there, and nothing beyond it.

The letter says of a call its day, its number and its campaign. It says nothing of signatures, shown names, numbers
called or how the calls ended, and it names one call at a time: what rests on these has nothing to work with here, and
its zeros are zeros of the letter. Each row is placed at its own date, by its number alone, or by a campaign's label
alone, as something that listens might give it, against what was known on that date (`policy.replay`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as Shown

from policy.call import Call
from policy.decide import ROOMS
from policy.letter import Table
from policy.lists import CampaignList
from policy.replay import Key, Rule, live, moments
from policy.rulebook import Redress, Rulebook
from policy.verdict import CheckMode
from proxy import lists
from proxy.rehearsing import Screen

RUNS = tuple((rule, key) for key in Key for rule in Rule)
INBOUND = tuple(room.__name__.rpartition(".")[2] for room in ROOMS if "carrier" in room.SIDES)


class Worth(NamedTuple):
    """What one check does to the letter's calls: how many are tagged or rejected."""

    check: str
    """Empty: all of them."""
    alone: int
    """With this check and no other."""
    without: int
    """With all others."""


def caught(table: Table, rule: Rule, key: Key, on: frozenset[str]) -> int:
    """How many calls are flagged if only these checks are asked."""
    modes: dict[str, CheckMode] = {name: "enforce" if name in on else "off" for name in INBOUND}
    known = CampaignList(tuple(row.entry() for row in live(table, rule).rows))
    book = Rulebook(campaigns=known, checks=MappingProxyType(modes), redress=Redress(tel="+12025550199"))
    screen, at, found = Screen(book), moments(table), 0
    for row in sorted(table.rows, key=lambda one: at[one.position]):
        # By campaign the number must tell nothing: one that is on no list.
        caller = row.caller if key is Key.NUMBER else f"1305555{100 + row.position % 100:04}"
        call = Call(
            caller=caller, callee=f"1202555{100 + row.position % 100:04}", trunk="carrier",
            recognised=row.campaign if key is Key.CAMPAIGN else None, utc=at[row.position],
            call_id=f"letter-{row.position}",
        )  # fmt: skip
        found += screen.judged(call, None, 0).action != "allow"
    return found


def worths(rule: Rule, key: Key, table: Table | None = None) -> list[Worth]:
    """All checks of calls from the carrier, and first all together."""
    table = table or lists.bundled()
    every = frozenset(INBOUND)
    rows = [Worth("", caught(table, rule, key, every), caught(table, rule, key, frozenset()))]
    for name in INBOUND:
        rows.append(Worth(name, caught(table, rule, key, frozenset((name,))), caught(table, rule, key, every - {name})))
    return rows


def told(out: Console) -> None:
    """The table."""
    shown = Shown("of 125 calls", box=None, pad_edge=False)
    for rule, key in RUNS:
        shown.add_column(f"by {key.value}, {rule.value}", justify="right")
    runs = [worths(rule, key) for rule, key in RUNS]
    for rows in zip(*runs, strict=True):
        name = rows[0].check
        cells = [str(one.alone) if not name else f"{one.alone} / {one.without}" for one in rows]
        shown.add_row(name or "all checks", *cells)
    out.print(shown)
    out.print("(a check: caught by it alone / by all others without it; of each call no more is known than its row)")


if __name__ == "__main__":
    told(Console(highlight=False))
