"""Past calls out of a capture (pcap, pcapng): what the wire itself says of them, SIP over UDP or TCP.

A call is the first INVITE of its Call-ID outside a dialog; what a proxy sent on is the same call seen again. It ended
as the answers to its sender say and the BYE. With a configuration the source address says whose trunk it came by, and
INVITEs from elsewhere are left out; without one every call counts as one of the carrier's side. Signatures are checked
at the time of the call, with the certificates that the configuration's own folder still keeps.
"""

from __future__ import annotations

import mmap
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from policy.call import Call
from policy.emergency import is_emergency_uri
from policy.rulebook import Profile, Rulebook
from proxy.capture import CaptureError, Datagram, is_capture, messages
from proxy.pastcalls import PastCall, PastCalls, PastError
from proxy.screening.case import Lane, judge, open_case
from proxy.segments import Streams
from proxy.settings import Trunk
from proxy.sip.errors import ParseError
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from shaken.credential import Credential, CredentialFailure
from shaken.errors import ParseError as TokenError
from shaken.number import NANP, Plan
from shaken.verify import Rules

LONGEST = 4 * 3600.0
"""Seconds after which a call that goes on is given out without its end."""
MOST = 200_000
"""Calls that are held back until they, or others before them, have ended; beyond it the oldest goes without its end."""
FORGET = 50_000
"""Calls given out whose Call-ID is still known, so that a late repetition is no new call."""
NOTHING = Rulebook()
"""What the calls are read with: they are judged later."""
AGAIN = frozenset((401, 407))
"""Answers after which the same call is tried again, with a password."""
OURS = frozenset((603, 607, 608))
"""Answers by which a network refuses a call itself, where the text or the code says so."""

LaneOf = Callable[[str, int], Lane | None]
Known = Callable[[str, float], Credential | CredentialFailure | None]


def carrier(plan: Plan = NANP) -> Lane:
    """Where every call is from when nobody says otherwise, and how its numbers are read."""
    return Lane(Trunk("", "carrier", (), trust="identity"), "carrier", plan, Profile(), "observe", 100, Rules(), False)


CARRIER = carrier()


def captured(path: Path) -> bool:
    """Whether a file is a capture. Never raises: who reads it will say what is wrong."""
    try:
        with path.open("rb") as stream:
            return is_capture(stream.read(4))
    except OSError:
        return False


class _Open:
    """A call of which more may be seen."""

    __slots__ = ("call", "source", "begun", "status", "rang", "ended", "emergency")

    def __init__(self, call: Call, source: str, begun: float, emergency: bool) -> None:
        self.call, self.source, self.begun, self.emergency = call, source, begun, emergency
        self.status, self.rang, self.ended = 0, 0.0, 0.0

    @property
    def over(self) -> bool:
        """Is its end known?"""
        return bool(self.ended) or self.status >= 300

    def past(self) -> PastCall:
        answered = 200 <= self.status < 300
        if answered and not self.ended:
            return PastCall(self.call, None, 0, 0.0, self.emergency)  # for how long they talked nobody knows
        talked = max(0.0, self.ended - self.rang) if answered else None
        return PastCall(self.call, talked, self.status, max(0.0, self.rang - self.begun), self.emergency)


class CapturedCalls(PastCalls):
    """The calls of one capture, in order of time."""

    def __init__(
        self, path: Path, lane_of: LaneOf = lambda host, port: CARRIER, known: Known = lambda url, utc: None
    ) -> None:
        """lane_of: the trunk of a source address; None: a stranger, whose calls are left out. known: the certificate
        of a URL at a time, where it is at hand.

        Raises PastError.
        """
        super().__init__(path)
        self.kind = "capture"
        self._lane_of, self._known = lane_of, known
        self._open: OrderedDict[bytes, _Open] = OrderedDict()
        self._gone: OrderedDict[bytes, None] = OrderedDict()

    def __iter__(self) -> Iterator[PastCall]:
        """Raises PastError."""
        self._open.clear()
        self._gone.clear()
        last = 0.0
        try:
            for one in self._calls():
                last = max(last, one.call.utc)
                yield one if one.call.utc == last else one._replace(call=one.call._replace(utc=last))
        except (CaptureError, OSError, ValueError) as error:
            raise PastError(f"{self.path}: {error}") from error

    def _calls(self) -> Iterator[PastCall]:
        with self.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as octets:
            streams = Streams()
            for seen in messages(octets, streams, self._read):
                self._seen(seen)
                yield from self._given(seen.utc)
            for remark in streams.remarks():
                self._fault(ValueError(remark))
        self.done = self.size
        yield from (one.past() for one in self._open.values())

    def _read(self, at: int) -> None:
        self.done = at

    def _given(self, utc: float) -> Iterator[PastCall]:
        """The oldest calls, as far as nothing more is waited for."""
        while self._open:
            key, one = next(iter(self._open.items()))
            if not one.over and utc - one.begun < LONGEST and len(self._open) <= MOST:
                return
            del self._open[key]
            self._gone[key] = None
            if len(self._gone) > FORGET:
                self._gone.popitem(last=False)
            yield one.past()

    def _seen(self, seen: Datagram) -> None:
        octets = seen.payload
        if not octets.startswith((b"INVITE ", b"BYE ", b"SIP/2.0 ")):
            return
        try:
            message = parse(octets)
            one = self._open.get(message.call_id)
            if isinstance(message, Response):
                if one is not None and message.cseq.method == "INVITE":
                    self._answered(one, message, seen)
            elif message.method == "BYE":
                if one is not None and 200 <= one.status < 300 and not one.ended:
                    one.ended = seen.utc
            elif one is None and message.to_tag is None and message.call_id not in self._gone:
                self._begun(message, seen)
        except (ParseError, TokenError) as error:
            self._fault(error)

    def _begun(self, request: Request, seen: Datagram) -> None:
        host, _, port = seen.source.rpartition(":")
        lane = self._lane_of(host.strip("[]"), int(port))
        if lane is None or seen.utc <= 0:
            self._fault(ValueError(f"an INVITE from {seen.source}, which belongs to no trunk, or without a time"))
            return
        case = open_case(request, lane, seen.utc)
        found = {url: one for url in case.urls if (one := self._known(url, seen.utc)) is not None}
        judge(case, found, NOTHING, seen.utc, 0)
        assert case.call is not None
        emergency = is_emergency_uri(request.target)
        self._open[request.call_id] = _Open(case.call, seen.source, seen.utc, emergency)

    def _answered(self, one: _Open, response: Response, seen: Datagram) -> None:
        status = response.status
        # What the next hop says to a proxy is not yet what the caller hears.
        if status < 200 or one.over or one.status or status in AGAIN or seen.destination != one.source:
            return
        one.status, one.rang = status, seen.utc
        if status in OURS and (status != 603 or b"network blocked" in response.start.lower()):
            one.status, one.ended = 0, seen.utc  # a network refused it, nobody on the phone
