"""Those who send us requests and are nobody that we know: one log line each, which fail2ban counts, and which tool it
was.

Their lines are bounded: a flood of forged sources must not push the lines about ourselves out of the log.
"""

from __future__ import annotations

from collections import OrderedDict

from proxy.sip.flow import Flow
from proxy.sip.message import Request

RATE, BURST = 20.0, 200.0
"""Lines a second, and at once: a ban needs ten of one address, and a hundred scanners at a time are many."""
SCANNERS = (
    "friendly-scanner", "friendly-request", "sipvicious", "sipcli", "sipsak", "sundayddr", "iwar", "sip-scan",
    "sipscan", "siparmyknife", "vaxsipuseragent", "pplsip",
)  # fmt: skip
"""What scanning tools call themselves in User-Agent, in lower case; none of them is a neighbour's exchange."""


ANSWERS = 5.0
"""Answers a second to one address that is nobody's, and so many at once: enough for whoever set up a phone wrongly."""
MOST = 10_000
"""Addresses, or trunks, whose rate is remembered; beyond it the oldest is forgotten, and begins anew."""


class Buckets:
    """So many a second for each name, and as many at once: a token bucket each, in bounded memory."""

    __slots__ = ("_buckets", "_most")

    def __init__(self, most: int = MOST) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._most = most

    def take(self, name: str, now: float, rate: float) -> bool:
        """Take one, if there is one left. rate: how many come in a second, and the most that lie there."""
        size = max(rate, 1.0)
        left, at = self._buckets.pop(name, (size, now))
        left = min(left + max(now - at, 0.0) * rate, size)
        taken = left >= 1
        self._buckets[name] = (left - 1 if taken else left, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return taken


def scanner(request: Request) -> str:
    """The tool that a request says it comes from; empty where it is none of them."""
    agent = (request.first("user-agent") or b"").lower()
    if not agent:
        return ""
    text = agent[:80].decode("utf-8", "replace")
    return next((name.strip() for name in SCANNERS if name in text), "")


class Lines:
    """Log lines that whoever sends us something can cause: RATE a second, BURST at once."""

    __slots__ = ("_at", "_left", "unsaid")

    def __init__(self) -> None:
        self._left, self._at = BURST, 0.0
        self.unsaid = 0
        """Lines that were not written because there were too many."""

    def due(self, now: float) -> bool:
        """Whether one more is written."""
        self._left = min(BURST, self._left + max(0.0, now - self._at) * RATE)
        self._at = now
        if self._left < 1:
            self.unsaid += 1
            return False
        self._left -= 1
        return True


class Strangers(Lines):
    """Says whether a line is due, and what stands in it."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        super().__init__()
        self._heard = Buckets()

    def answers(self, host: str, now: float) -> bool:
        """Whether a stranger is answered at all: a few times a second, then it talks to nobody."""
        return self._heard.take(host, now, ANSWERS)

    def noticed(self, request: Request, flow: Flow, now: float) -> dict[str, str] | None:
        """The fields of a line, the source first: the filter relies on it. None where there are too many."""
        if not self.due(now):
            return None
        return {"source": flow.host, "method": request.method, "scanner": scanner(request)}
