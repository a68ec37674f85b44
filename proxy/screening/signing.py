"""The other direction: what an Identity header of ours says of a call from the PBX (RFC 8224 section 6.1).

Pure: the key sits in the signer that is handed in, and so does the time.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from policy.attest import attest
from policy.lists import NumberSet
from proxy.screening.case import Case
from proxy.sip.message import Request
from shaken.errors import SigningError
from shaken.sign import Signer

DATE_WINDOW = 60
"""Seconds that a Date of the caller may be off before nothing is signed over it (RFC 8224 section 4.1; STI-045)."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SIP_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) (" + "|".join(MONTHS) + r") (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """The header lines to add to a call that leaves, or why there are none."""

    lines: tuple[bytes, ...]
    attestation: str | None
    result: str
    """A slug for metrics: signed, or the reason for leaving the call as it is."""


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


def sign(request: Request, case: Case, signer: Signer, own: NumberSet, origid: str, utc: float) -> Signed:
    """The Identity header for a call from the PBX, signed over the numbers that the call itself carries.

    The caller is whom P-Asserted-Identity names, else From; the destination is To (STI-056). A call without a number
    at either end, one that is signed already, and one whose Date is not fresh leave as they came.
    """
    if any(b"ppt" in value and b"shaken" in value for value in request.all("identity")):
        return Signed((), None, "already-signed")
    caller, callees = case.caller.tn, case.callees
    if caller is None or not callees:
        return Signed((), None, "no-number")
    lines: list[bytes] = []
    if (date := request.first("date")) is None:
        lines.append(sip_date_line(utc))
    else:
        stated = sip_date(date.decode("utf-8", "replace"))
        if stated is None or abs(stated - utc) > DATE_WINDOW:
            return Signed((), None, "stale-date")
    level = attest(caller, own)
    if level is None:
        return Signed((), None, "not-entitled")
    try:
        value = signer.identity(orig=caller, dest=callees[:1], iat=int(utc), attest=level, origid=origid)
    except SigningError:
        return Signed((), None, "failed")
    return Signed((*lines, b"Identity: " + value), level, "signed")
