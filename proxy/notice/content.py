"""What the notice of an emergency call says: that the call was made, a number to call back, and where the caller is
(47 CFR 9.3, "MLTS notification").

Values only. Location that the call itself carries is not read: it is for the emergency centre (RFC 6442 section 4.2);
the notice says whether there is any, and gives the operator's own entry for the line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from shaken.number import nanp_fault

VERSION = 1
"""Of the JSON form; it changes when a field changes its meaning."""
MAX_TEXT = 256
"""Characters of one field: a location is a line of text, and names come from whoever calls."""
LEAST_DIGITS = 7
"""Fewer digits are an extension, which an emergency centre cannot dial."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One emergency call, as it is told."""

    key: str
    """Says whether two notices are of one call: the same for each repetition, on every way."""
    utc: float
    """When the call came, Unix seconds."""
    call_id: str
    dialled: str
    caller: str
    """The line, as the call shows it: a number or an extension."""
    test: bool = False
    """The call went to the test of the service (933): nobody needs help."""
    name: str = ""
    callback: str = ""
    """A number that reaches the caller, `+` and digits; empty where none is known."""
    location: str = ""
    """The operator's entry for the line or its network; empty where there is none."""
    location_by: str = ""
    """number | subnet"""
    conveyed: bool = False
    """The call carries location of its own."""
    trunk: str = ""
    source: str = ""
    """The address that the call came from."""

    @property
    def event(self) -> str:
        """A slug that never changes."""
        return "911_test" if self.test else "911_call"

    def sentence(self) -> str:
        """One line for a person who has seconds."""
        what = "TEST of the emergency service" if self.test else "EMERGENCY CALL"
        who = f"{self.name} {self.caller}".strip() or "an unknown line"
        reach = f"call back {self.callback}" if self.callback else "no call-back number known"
        return f"{what} to {self.dialled} from {who}; {self.location or 'location not on file'}; {reach}"

    def fields(self) -> dict[str, object]:
        """The JSON form. `location` is null where none is on file."""
        at = datetime.fromtimestamp(self.utc, UTC).isoformat(timespec="milliseconds")
        return {
            "version": VERSION,
            "event": self.event,
            "key": self.key,
            "call_id": self.call_id,
            "time": at.replace("+00:00", "Z"),
            "dialled": self.dialled,
            "caller": self.caller,
            "name": self.name,
            "callback": self.callback,
            "location": {"text": self.location, "by": self.location_by} if self.location else None,
            "location_with_call": self.conveyed,
            "trunk": self.trunk,
            "source": self.source,
            "text": self.sentence(),
        }

    def as_json(self) -> bytes:
        return json.dumps(self.fields(), ensure_ascii=True, separators=(",", ":")).encode()


def clean(text: str) -> str:
    """Text from a call as one printable line of bounded length: it goes into headers of mail and into logs."""
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_TEXT]).strip()


def dialable(tn: str | None) -> str:
    """A canonical number as an emergency centre would dial it; empty for an extension and for what cannot exist."""
    if tn is None or len(tn) < LEAST_DIGITS or not tn.isdigit() or nanp_fault(tn) is not None:
        return ""
    return "+" + tn
