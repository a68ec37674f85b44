"""How figures are shown: plain columns for reading, one JSON object for keeping, medians with their range.

A single figure of a busy machine says little; a ratio inside one run says much. So everything here carries the median
and both ends.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        return cls(statistics.median(figures), min(figures), max(figures))

    def shown(self, digits: int = 0) -> str:
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f} to {self.high:,.{digits}f})"


def percentile(figures: Sequence[float], share: float) -> float:
    """The smallest figure that at least `share` (0 to 1) of them do not exceed. Raises ValueError for none."""
    if not figures:
        raise ValueError("no figures")
    ordered = sorted(figures)
    return ordered[max(0, -(-len(ordered) * round(share * 10_000) // 10_000) - 1)]


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be; the first to the left, the others to the right."""
    widths = [max(len(str(row[column])) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            str(cell).ljust(width) if not at else str(cell).rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([title, "", line(head), rule, *map(line, rows)])


def keep(path: Path | None, result: Any) -> None:
    """Write a result as JSON, if somebody asked for it."""
    if path is not None:
        shown = asdict(result) if is_dataclass(result) and not isinstance(result, type) else result
        path.write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")
