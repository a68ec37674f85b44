"""What follows an emergency call, after its bytes have left: the notice to people who can help, and half an hour in
which calls back to the line are not screened (47 CFR 9.16(b)(2); RFC 6881 SP-35, SP-40).

`proxy.calls` tells of each emergency call, and asks of each call from outside. Telling returns at once; what it leads
to runs in a later turn of the loop, so the notice can never stand before the call. Nothing here raises.

Only a call from the PBX opens the window: from anywhere else, anybody could write our user's number into From and
have that line unscreened for half an hour.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from policy.emergency import is_test_uri
from policy.protected import Protected
from proxy.callback import Callback
from proxy.notice.content import Notice, clean, dialable
from proxy.notice.locations import Locations, Place
from proxy.notice.sending import Sending
from proxy.screening.case import Lane
from proxy.sip import via
from proxy.sip.address import Address
from proxy.sip.address import parse as parse_address
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.uri import Uri
from shaken.number import NANP, Plan, canonical

MAX_TOLD = 4096
"""Emergency calls remembered, so that one which is sent again with a new branch is told once."""
STRANGERS, STRANGE_SECONDS = 10, 60.0
"""Notices for calls that are not from the PBX, a minute: a phone that we do not know may need help, and somebody who
floods us from outside may not drown the others."""


class Aftermath:
    """Told of emergency calls; asked whether a call goes back to one."""

    def __init__(
        self,
        protected: Protected,
        *,
        soon: Callable[[Callable[[], None]], Any],
        say: Callable[..., None],
        callback: Callback | None = None,
        sending: Sending | None = None,
        locations: Locations | None = None,
        key: bytes = b"",
    ) -> None:
        """soon: runs something in a later turn of the loop; key: what idempotency keys are made with, shared by all
        workers.
        """
        self._protected, self._callback, self._sending = protected, callback, sending
        self._soon, self._say = soon, say
        self.locations = locations or Locations()
        """May be swapped whole."""
        self._key = blake2b(key, digest_size=32, person=b"notice").digest()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._strange: deque[float] = deque()

    def happened(self, request: Request, lane: Lane | None, flow: Flow, utc: float) -> None:
        """An emergency request was sent on. Only an INVITE is a call."""
        if request.method == "INVITE":
            self._soon(lambda: self._follow(request, lane, flow, utc))

    def comes_back(self, request: Request, lane: Lane, utc: float, reached: Uri | None = None) -> bool:
        """Does this call from outside go to a line that called 911 within the last half hour?

        `reached`: the contact, where the call goes to one that was registered through us (it bears our seal). The
        Request-URI says no number then: a registrar puts the contact in its place, and the number stands in To (RFC
        3261 section 16.6, step 2). Elsewhere nobody asks To, which any caller can write.
        """
        if lane.side != "carrier" or not self._protected.asks(utc):
            return False
        plan, holds = lane.plan, self._protected.holds
        try:
            return holds(line_of(request.uri, plan), utc) or (
                reached is not None
                and (holds(line_of(reached, plan), utc) or holds(line_of(request.to.uri, plan), utc))
            )
        except ParseError:
            return False

    def awaits(self, line: str, utc: float) -> bool:
        """Has this line (as `line_of` names it) called 911 within the last half hour?"""
        return self._protected.holds(line, utc)

    def open(self, utc: float) -> bool:
        """Has any line? One comparison, and nearly always not."""
        return self._protected.asks(utc)

    def _follow(self, request: Request, lane: Lane | None, flow: Flow, utc: float) -> None:
        try:
            self._tell(request, lane, flow, utc)
        except Exception as error:  # whatever it is, it must not cost a call
            self._say("aftermath-fault", level="error", fault=repr(error))

    def _tell(self, request: Request, lane: Lane | None, flow: Flow, utc: float) -> None:
        inside = lane is not None and lane.side == "pbx"
        plan = lane.plan if lane is not None else NANP
        shown = _shown(request, lane)
        lines = [line for line in (line_of(address.uri, plan) for address in shown) if line]
        test = is_test_uri(request.target)
        place = self.locations.find(lines, _addresses(request, flow)) if inside else None
        reach = place.callback if place is not None and place.callback else next(filter(None, map(dialable, lines)), "")
        call_id = request.call_id.decode("utf-8", "replace")
        if inside and not test:
            for line in dict.fromkeys((*lines, reach.removeprefix("+"))):
                if line:
                    self._protected.note(line, utc)
            if self._callback is not None:
                self._callback.keep(utc)
        key = blake2b(call_id.encode(), digest_size=16, key=self._key).hexdigest()
        if key in self._told:
            return
        self._told[key] = None
        if len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        self._say(
            "emergency-call", level="warning", call_id=call_id, test=test, caller=lines[0] if lines else "",
            trunk=lane.trunk.name if lane is not None else "",
        )  # fmt: skip
        if self._sending is None or not (inside or self._may_be_strange(utc)):
            return
        display = next((address.display for address in shown if address.display), "")
        notice = noticed(request, lane, flow, utc, key, lines, display, place, reach, test)
        self._sending.put(notice, scarce=test or not inside)

    def _may_be_strange(self, utc: float) -> bool:
        """Whether one more notice of a stranger fits into this minute."""
        strange = self._strange
        while strange and not 0 <= utc - strange[0] < STRANGE_SECONDS:
            strange.popleft()
        if len(strange) >= STRANGERS:
            return False
        strange.append(utc)
        return True


def noticed(
    request: Request, lane: Lane | None, flow: Flow, utc: float, key: str, lines: list[str], display: str,
    place: Place | None, reach: str, test: bool,
) -> Notice:  # fmt: skip
    """The notice of one call."""
    shown = lines[0] if lines else ""
    return Notice(
        key=key,
        utc=utc,
        test=test,
        call_id=clean(request.call_id.decode("utf-8", "replace")),
        dialled=clean(_dialled(request)),
        caller=clean(dialable(shown) or shown),
        name=clean(display),
        callback=reach,
        location=place.text if place is not None else "",
        location_by=place.by if place is not None else "",
        conveyed="geolocation" in request.names,
        trunk=lane.trunk.name if lane is not None else "",
        source=flow.host,
    )


def line_of(uri: Uri, plan: Plan) -> str:
    """A line as the window and the table of locations name it: a canonical number, else a user in lower case."""
    user = uri.user or uri.opaque or ""
    return canonical(user, plan) or user.partition(";")[0].lower()


def _shown(request: Request, lane: Lane | None) -> list[Address]:
    """Who says that he calls: P-Asserted-Identity of a side that is believed, then From. What cannot be read is left
    out: the call has gone on all the same.
    """
    values = request.values("p-asserted-identity") if lane is not None and lane.trunk.trust != "none" else []
    found: list[Address] = []
    for value in (*values[:2], request.first("from") or b""):
        try:
            found.append(parse_address(value))
        except ParseError:
            continue
    return found


def _addresses(request: Request, flow: Flow) -> list[str]:
    """Where the phone may be: what its own Via says, then the address that the call came to us from."""
    try:
        origin = via.parse(request.values("via")[-1])
        return [host for host in (origin.received, origin.host) if host] + [flow.host]
    except (ParseError, IndexError):
        return [flow.host]


def _dialled(request: Request) -> str:
    """The service as it was dialled: `911`, `urn:service:sos.fire`."""
    scheme, _, rest = request.target.decode("utf-8", "replace").partition(":")
    return f"{scheme}:{rest}" if scheme.lower() == "urn" else rest.partition("@")[0].partition(";")[0]
