"""The demo's table: a row as soon as its call is decided. Plain lines where nobody looks at a terminal."""

from __future__ import annotations

from rich.console import Console, JustifyMethod
from rich.table import Table

from proxy.lab.cases import Case
from proxy.storage.rows import Row

COLOURS = {"allow": "green", "tag": "yellow", "reject": "red", "emergency": "cyan"}
WIDTH = 132
"""Columns where nobody looks at a terminal that would have some of its own."""
WIDTHS = (2, 28, 6, 24, 9, 38, 4, 5)
HEADINGS = ("#", "caller", "signed", "checks", "verdict", "why", "SIP", "us")
WIDE = sum(WIDTHS) + 2 * (len(WIDTHS) - 1)
"""Columns that the whole table takes. A narrower terminal is spared SPARED, and reads reasons on several lines."""
SPARED = ("signed", "checks")
STEPS = {
    "parsed": "",
    "fresh": "iat",
    "orig": "orig",
    "dest": "dest",
    "chain": "chain",
    "authority": "",
    "signature": "sig",
}
"""How the facts of a verification are shown; what follows from others is left out."""


def checks(row: Row) -> str:
    """The facts of the verification in short: what held, or what failed."""
    if row.emergency:
        return "bypass"
    facts = dict(part.split("=", 1) for part in row.facts.split())
    failed = [STEPS[step] for step, fact in facts.items() if fact == "fail" and STEPS[step]]
    if failed:
        return " ".join(f"{step} FAIL" for step in failed)
    return " ".join(STEPS[step] for step, fact in facts.items() if fact == "pass" and STEPS[step]) or "-"


def cells(number: int, case: Case, row: Row, reason: str | None) -> tuple[str, ...]:
    """One call as the table shows it; `reason` is the Reason header of its answer, by which 603+ is known."""
    caller = f"+{case.caller}" if case.caller.isdigit() and len(case.caller) > 3 else case.caller
    if case.outbound:
        caller = f"{caller} > {case.target}"
    why = f"{row.reason} {row.campaign}" if row.campaign else row.reason
    if row.action == "allow" or why == "none":
        why = case.name
    if row.signed:
        why = f"{case.name}: left signed {row.signed}"
    return (
        str(number),
        caller,
        case.signed or "-",
        checks(row),
        row.action,
        why,
        f"{row.status}+" if reason is not None and "v=analytics" in reason else str(row.status),
        "-" if row.emergency else str(row.decision_us),  # nothing is decided about an emergency call
    )


class Shown:
    """Where the rows go."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = WIDTH

    def head(self, pairs: list[tuple[str, str]]) -> None:
        """What runs where."""
        for name, text in pairs:
            self.console.print(f"[bold]{name:13}[/]{text}", soft_wrap=True)
        self.console.print()

    @property
    def wide(self) -> bool:
        return self.console.width >= WIDE

    def table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for heading, width in zip(HEADINGS, WIDTHS, strict=True):
            justify: JustifyMethod = "right" if heading in ("#", "us") else "left"
            if self.wide:
                table.add_column(heading, justify=justify, no_wrap=True, min_width=width)
            elif heading not in SPARED:
                table.add_column(heading, justify=justify, no_wrap=heading != "why")
        return table

    def add(self, table: Table, number: int, case: Case, row: Row, reason: str | None, as_expected: bool) -> None:
        """One more row."""
        values = list(cells(number, case, row, reason))
        values[4] = f"[{COLOURS.get(row.action, 'white')}]{row.action.upper()}[/]"
        if not as_expected:
            values[5] = "[bold red]UNEXPECTED[/]"  # why stands in full below the table
        pairs = zip(HEADINGS, values, strict=True)
        table.add_row(*(value for heading, value in pairs if self.wide or heading not in SPARED))

    def faults(self, number: int, case: Case, faults: list[str]) -> None:
        """What was not as expected in one call, in full: below the table, which would cut it."""
        for fault in faults:
            self.console.print(f"call {number}, {case.name}: {fault}", style="red", markup=False, soft_wrap=True)
