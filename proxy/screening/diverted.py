"""Who forwarded a call before it came here: the numbers that it was for (RFC 5806 Diversion, RFC 7044 History-Info).

What the headers say is the word of whoever sent them. It is believed from a trunk that is believed for
P-Asserted-Identity, and then as much as To is: a token may have been signed for one of these numbers, which is no
spoof. A proof of a diversion is something else (`shaken.div`).
"""

from __future__ import annotations

from proxy.sip import address
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from shaken.number import Plan, party

MAX_DIVERSIONS = 10
"""Values that are read of each header: more than any network lets a call be forwarded."""


def diverted(request: Request, plan: Plan, target: str | None) -> tuple[str, ...]:
    """The numbers in canonical form, the latest first, each once; never `target`, where the call is headed now. What
    cannot be read is left out.
    """
    found: dict[str, None] = {}
    # Diversion has the latest on top; History-Info goes down in time, and its last entry is the present target.
    values = request.values("diversion")[:MAX_DIVERSIONS]
    values += reversed(request.values("history-info")[-MAX_DIVERSIONS:])
    for value in values:
        try:
            uri = address.parse(value).uri
        except ParseError:
            continue
        number = party(uri.scheme, uri.user or "", uri.host, uri.params, plan).tn
        if number is not None and number != target:
            found[number] = None
    return tuple(found)
