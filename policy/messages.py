"""Who may send text messages: the numbers that are registered for a messaging campaign, as a table says it.

Carriers ask that a business registers each number with a campaign and its use before it sends. A number that does not
stand here as `approved`, `active` or `registered` may not send. Reading the text is here; opening the file is
`proxy.lists`' business.
"""

from __future__ import annotations

import csv
from typing import NamedTuple

from policy.lists import Quarantined, number

COLUMNS = ("number", "campaign", "use_case", "status")
GOOD = frozenset(("approved", "active", "registered"))
STATUSES = GOOD | {"pending", "rejected", "suspended", "expired", "revoked"}
MAX_ROWS = 1_000_000


class Registration(NamedTuple):
    """One number in one campaign."""

    number: str
    campaign: str
    use_case: str
    status: str


class Messages:
    """The registrations by number."""

    __slots__ = ("_found",)

    def __init__(self, rows: tuple[Registration, ...] = ()) -> None:
        self._found: dict[str, Registration] = {}
        for row in rows:
            known = self._found.get(row.number)
            if known is None or known.status not in GOOD:  # of several campaigns one that is approved is enough
                self._found[row.number] = row

    def __len__(self) -> int:
        return len(self._found)

    def fault(self, tn: str | None) -> str | None:
        """Why this number may not send; None: it may."""
        found = self._found.get(tn) if tn is not None else None
        if found is None:
            return "the sender is registered for no messaging campaign"
        if found.status not in GOOD:
            return f"the sender's messaging campaign {found.campaign} is {found.status}"
        return None


def parse(text: str) -> tuple[tuple[Registration, ...], tuple[Quarantined, ...]]:
    """Read a table with the heading `number,campaign,use_case,status`; what cannot be read is set apart."""
    rows: list[Registration] = []
    bad: list[Quarantined] = []
    lines = csv.reader(text.lstrip("\ufeff").splitlines())
    head = [cell.strip().lower().replace(" ", "_") for cell in next(lines, [])]
    if missing := [name for name in COLUMNS if name not in head]:
        return (), (Quarantined(1, ",".join(head)[:80], f"the heading lacks {', '.join(missing)}"),)
    for cells in lines:
        if not any(cells) or cells[0].startswith("#"):
            continue
        row = dict(zip(head, (cell.strip() for cell in cells), strict=False))
        try:
            if len(rows) >= MAX_ROWS:
                raise ValueError(f"more than {MAX_ROWS:,} rows")
            status = row.get("status", "").lower()
            if status not in STATUSES:
                raise ValueError(f"a status is one of {', '.join(sorted(STATUSES))}")
            rows.append(Registration(number(row["number"]), row.get("campaign", ""), row.get("use_case", ""), status))
        except (ValueError, KeyError) as error:
            bad.append(Quarantined(lines.line_num, ",".join(cells)[:80], str(error)))
    return tuple(rows), tuple(bad)
