"""What a list of traced calls would have caught of itself: the letter's calls replayed in their order.

Two questions. *What was known* when a call came: its rule, either the notices that had been sent, or
everything that had happened (zero lag, the best that sharing could ever do). *What identifies* a call: its
number, or the campaign where something recognises it.

The rules, exactly. A call is caught if **another** row with the same key was known:

- `AS_NOTIFIED`: its notification date is on or before this call's date.
- `ZERO_LAG`: it stands before this one in the order of call dates; calls of one day in the order of the
  letter. (With the order of the letter reversed the counts are the same.)

For the 125 calls of the letter of 2023: number 0 and 39, campaign 62 and 97.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum

from policy.letter import Row, Table
from policy.lists import CampaignList


class Rule(Enum):
    """What is known when a call comes."""

    AS_NOTIFIED = "as notified"
    ZERO_LAG = "zero lag"


class Key(Enum):
    """What two calls must share."""

    NUMBER = "number"
    CAMPAIGN = "campaign"


SPACING = 60.0
"""Seconds between the moments that calls of one day are given, so that their order can be lived through."""


def caught(table: Table, rule: Rule, key: Key) -> tuple[bool, ...]:
    """For each row, in the order of the table: does another row that was known share its key? Plain
    counting, no policy."""
    return tuple(
        any(
            _shares(row, other, key) and _was_known(other, row, rule)
            for other in table.rows
            if other is not row
        )
        for row in table.rows
    )


def known_at(table: Table, row: Row, rule: Rule) -> CampaignList:
    """The campaign list as it was when the call of `row` came, without the row itself."""
    others = (other for other in table.rows if other is not row and _was_known(other, row, rule))
    return CampaignList(tuple(_told(other, rule, other.called, 0.0).entry() for other in others))


def moments(table: Table) -> dict[int, float]:
    """Unix seconds at which to place each call, by row position: its date, calls of one day a minute apart
    in their order."""
    placed: dict[int, float] = {}
    today: dict[float, int] = {}
    for row in sorted(table.rows, key=_order):
        placed[row.position] = row.called + SPACING * today.setdefault(row.called, 0)
        today[row.called] += 1
    return placed


def live(table: Table, rule: Rule) -> Table:
    """The same rows, told at moments that make one list serve the whole replay: place the calls at
    `moments` and each finds in the list what `known_at` would give it, and never itself.
    """
    at = moments(table)
    return replace(table, rows=tuple(_told(row, rule, at[row.position], SPACING / 2) for row in table.rows))


def as_csv(table: Table) -> str:
    """The table as a file that `policy.letter.parse` reads back, to the second."""
    lines = [f"# expected {table.parsed}", "notified,called,caller,campaign,confidence,origin,source"]
    for row in table.rows:
        dates = ",".join(datetime.fromtimestamp(at, UTC).isoformat() for at in (row.notified, row.called))
        campaign = row.campaign.replace('"', '""')
        lines.append(f'{dates},+{row.caller},"{campaign}",{row.confidence},{row.origin},{row.source}')
    return "\n".join(lines) + "\n"


def _order(row: Row) -> tuple[float, int]:
    return (row.called, row.position)


def _was_known(other: Row, row: Row, rule: Rule) -> bool:
    if rule is Rule.AS_NOTIFIED:
        return other.notified <= row.called
    return _order(other) < _order(row)


def _shares(row: Row, other: Row, key: Key) -> bool:
    return row.caller == other.caller if key is Key.NUMBER else row.campaign == other.campaign


def _told(row: Row, rule: Rule, happened: float, after: float) -> Row:
    """The row as if it had been told by the rule; never before the call itself has happened."""
    told = row.notified if rule is Rule.AS_NOTIFIED else happened
    return replace(row, notified=max(told, happened + after))
