"""The Date header, read and written (RFC 3261 section 20.17)."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SIP_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) (" + "|".join(MONTHS) + r") (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT"
)


def sip_date(text: str) -> float | None:
    """Unix seconds of a SIP-date (RFC 3261 section 20.17: RFC 1123 form, GMT only; STI-046); None for anything else."""
    match = SIP_DATE.fullmatch(text.strip())
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    if not (1 <= int(day) <= 31 and int(hour) < 24 and int(minute) < 60 and int(second) <= 60 and int(year) >= 1970):
        return None
    parts = (int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
    return float(calendar.timegm(parts))


def sip_date_line(utc: float) -> bytes:
    """The Date header line for a moment. Names of days and months are ours: strftime's follow the locale (TRAP-76)."""
    at = datetime.fromtimestamp(utc, UTC)
    return f"Date: {DAYS[at.weekday()]}, {at:%d} {MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT".encode()
