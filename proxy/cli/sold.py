"""Who dialled, for whom, and what was offered: what records of telemarketing name beside each call (16 CFR 310.5(a)).

The journal has the customer of a call; the rest stands with the customer in the settings and is looked up when it is
asked for. So it is of the day of asking: a customer who calls for another seller is another customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proxy.settings import Settings
from proxy.storage.reports import Report
from proxy.storage.rows import Record


class Sold(NamedTuple):
    """What is known of a customer's calls."""

    telemarketer: str | None = None
    seller: str | None = None
    offers: str | None = None


COLUMNS = Sold._fields
NOTHING = Sold()


def book_of(settings: Settings | None) -> Mapping[str, Sold]:
    """By the name of a customer, and of a peer whose calls are all of one customer."""
    if settings is None:
        return {}
    known = {
        one.name: Sold(one.telemarketer or one.name, one.seller or None, one.offers or None)
        for one in settings.customers
    }
    return {one.name: known[one.customer] for one in settings.trunks if one.customer in known} | known


def sold(record: Record, book: Mapping[str, Sold]) -> Sold:
    """Of one call; nothing for those that come in."""
    row = record.row
    return book.get(row.customer or row.trunk, NOTHING) if row.direction == "outbound" else NOTHING


def widened(report: Report, book: Mapping[str, Sold]) -> Report:
    """A report whose first column is the customer, with what is known of them at its end."""
    rows = tuple((*row, *book.get(str(row[0]), NOTHING)) for row in report.rows)
    return report._replace(columns=(*report.columns, *COLUMNS), rows=rows)
