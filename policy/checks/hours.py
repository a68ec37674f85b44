"""Calling hours: no telemarketing to a home before 8 or after 21 o'clock of the person called (47 CFR 64.1200(c)(1)).

Where several zones are possible, it must be open in all of them (REG-057). Toll-free, premium and foreign numbers have
no place, and a setting says what their hours are. Consent excuses a call.
"""

from __future__ import annotations

from policy.call import Call
from policy.hours import closed
from policy.rulebook import Rulebook
from policy.verdict import Finding, duty, kept_duty

SIDES = ("pbx",)
SLUGS = ("hours-closed", "hours-unknown")


def check(call: Call, book: Rulebook) -> Finding | None:
    """Warn of a call that is too early or too late where it rings."""
    hours, callee = book.hours, call.callee
    if hours is None or callee is None or not (book.telemarketing or book.owes(call)):
        return None
    places = hours.places.of(callee)
    if not places.zones:
        if book.limits.unknown_zone_is_open or book.consented(call):
            return None
        why = "where the number called is, and what time it is there, is unknown"
        return kept_duty("hours-unknown", book.weight("hours-unknown"), why)
    why_not = closed(places, hours, call.utc)
    if why_not is None or book.consented(call):
        return None
    return duty("hours-closed", book.weight("hours-closed"), (str, why_not))
