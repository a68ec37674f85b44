"""Where the copies come from and how they leave: a bounded queue that takes without waiting, and one task that sends.

The server hands over every message that was received and sent. The verdict of a call is kept until its INVITE
leaves, or the answer that refuses it: that copy carries it, and a log line with the call's own id goes beside it,
because Homer shows those. An INVITE that nobody judged carries what was done with it. A collector that is slow, dead
or not to be found costs copies, which are counted, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

import asyncio_dgram

from policy.verdict import Verdict
from proxy.hep.chunks import LOG, SIP, Captured, packet
from proxy.screening.case import Case, Lane
from proxy.settings.values import HepSettings
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.options import Listener

BOUND = 8192
"""Copies that may wait: two seconds of 400 calls a second ..."""
MAX_OCTETS = 32 * 1024 * 1024
"""... and what they may hold together: streams bring messages of 64 KiB."""
GATHER_SECONDS, BATCH = 0.005, 64
"""Copies leave together, so many at most, after so long: 12,800 a second, half a millisecond of the loop each time."""
SEND_SECONDS = 1.0
"""How long they may take to leave."""
PAUSE_SECONDS = 1.0
"""After a collector was seen to be dead: what comes meanwhile waits, up to the bound."""
CONNECT_SECONDS = 5.0
VERDICTS, VERDICT_SECONDS = 4096, 64.0
"""Verdicts kept for messages that still have to leave, and how long: the life of an INVITE's transaction."""
SHORTEST = 32
"""Octets: what is shorter is a keep-alive, no message. Neither is what begins with no letter: STUN."""

_ABOUT_INVITE = (b"INVITE ", b"SIP/2.0 3", b"SIP/2.0 4", b"SIP/2.0 5", b"SIP/2.0 6")
_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*[^\r\n \t])", re.I).search


class Tap:
    """`received`, `sent`, `judged`, `did` and `shed` take; `run` sends."""

    def __init__(
        self,
        settings: HepSettings,
        listeners: Callable[[], Sequence[Listener]],
        *,
        utc: Callable[[], float],
        now: Callable[[], float],
        say: Callable[..., None],
    ) -> None:
        self.copied = self.dropped = self.failed = 0
        """Copies that left; that found the queue full or were too long; that the collector's host sent back."""
        self._settings, self._listeners = settings, listeners
        self._utc, self._now, self._say = utc, now, say
        self._queue: deque[Captured] = deque()
        self._octets = 0
        self._news = asyncio.Event()
        self._verdicts: OrderedDict[bytes, tuple[float, bytes, bool]] = OrderedDict()
        self._was_dead = False

    @property
    def waiting(self) -> int:
        return len(self._queue)

    # What the pump hands over

    def received(self, data: bytes, flow: Flow) -> None:
        """A message that came."""
        one = self._listeners()[flow.listener]
        host = one.advertised_host if one.host in ("0.0.0.0", "::") else one.host
        self._put(Captured(data, flow.host, flow.port, host, one.port, self._utc(), one.transport != "UDP"))

    def sent(self, data: bytes, flow: Flow) -> None:
        """A message that leaves."""
        one = self._listeners()[flow.listener]
        host = one.advertised_host if one.host in ("0.0.0.0", "::") else one.host
        verdict = log = b""
        if self._verdicts and data.startswith(_ABOUT_INVITE) and (found := _CALL_ID(data)) is not None:
            known = self._verdicts.get(found[1])
            if known is not None:
                until, verdict, told = known
                if until < self._now():
                    verdict = b""
                    del self._verdicts[found[1]]
                elif not told:
                    log, self._verdicts[found[1]] = found[1], (until, verdict, True)
        stream, utc = one.transport != "UDP", self._utc()
        self._put(Captured(data, host, one.port, flow.host, flow.port, utc, stream, verdict))
        if log:
            self._put(Captured(verdict, host, one.port, flow.host, flow.port, utc, stream, b"", LOG, log))

    def judged(self, case: Case, verdict: Verdict, seconds: float) -> None:
        """The verdict of a call, told before its INVITE or its refusal is sent."""
        call_id = case.call_id.encode("utf-8", "replace")
        self._keep(call_id, told(case, verdict, seconds))

    def did(self, request: Request, side: str, lane: Lane | None, action: str) -> None:
        """What is done with an INVITE, told before it or its answer is sent; a verdict, told afterwards, says more."""
        if request.method == "INVITE":
            self._keep(request.call_id, done(request.call_id, side, lane, action))

    def shed(self, data: bytes) -> None:
        """A new INVITE is answered from its octets alone, because more comes than can be read."""
        if (found := _CALL_ID(data)) is not None:
            self._keep(found[1], done(found[1], "unknown", None, "shed"))

    def _keep(self, call_id: bytes, verdict: bytes) -> None:
        self._verdicts[call_id] = (self._now() + VERDICT_SECONDS, verdict, False)
        if len(self._verdicts) > VERDICTS:
            self._verdicts.popitem(last=False)

    def _put(self, one: Captured) -> None:
        size = len(one.data)
        if size < SHORTEST or not one.data[:1].isalpha() and one.kind == SIP:
            return
        if len(self._queue) >= BOUND or self._octets + size > MAX_OCTETS:
            self.dropped += 1
            return
        self._queue.append(one)
        self._octets += size
        self._news.set()

    # Beside the calls

    async def run(self) -> None:
        """Send what waits, until cancelled; never raises."""
        while True:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    link = await asyncio_dgram.connect((self._settings.host, self._settings.port))
            except (OSError, TimeoutError) as error:
                self._dead(error)
            else:
                listening = asyncio.create_task(self._ignore(link), name="hep-answers")
                try:
                    await self._drain(link)
                except (OSError, TimeoutError, asyncio_dgram.TransportClosed) as error:
                    self._dead(error)
                finally:
                    listening.cancel()
                    link.close()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _drain(self, link: asyncio_dgram.aio.DatagramClient) -> None:
        while True:
            if not self._queue:
                self._news.clear()
                await self._news.wait()
            # A call has a dozen messages within moments: they leave together, which costs one turn of the loop.
            await asyncio.sleep(GATHER_SECONDS)
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(link)

    async def _send(self, link: asyncio_dgram.aio.DatagramClient) -> None:
        """Some of what waits; never so much that calls would notice."""
        node, password = self._settings.capture_id, self._settings.password.encode()
        for _ in range(min(len(self._queue), BATCH)):
            one = self._queue.popleft()
            self._octets -= len(one.data)
            try:
                data = packet(one, node, password)
            except ValueError:
                self.dropped += 1
                continue
            await link.send(data)
            self.copied += 1
            if self.copied & 0x3FF == 0:
                self._was_dead = False

    async def _ignore(self, link: asyncio_dgram.aio.DatagramClient) -> None:
        """A collector has nothing to say to us; what it says must not pile up."""
        while True:
            try:
                await link.recv()
            except OSError:
                self.failed += 1
            except asyncio_dgram.TransportClosed:
                return

    def _dead(self, error: Exception) -> None:
        self.failed += 1
        if not self._was_dead:
            self._was_dead = True
            self._say("hep-collector-dead", level="warning", fault=repr(error))


def told(case: Case, verdict: Verdict, seconds: float) -> bytes:
    """The verdict as its chunk has it."""
    judgement = case.judgement
    whole: dict[str, Any] = {
        "call_id": case.call_id,
        "trunk": case.lane.trunk.name,
        "side": case.lane.trunk.side,
        "mode": case.lane.mode,
        "action": verdict.action,
        "would": verdict.would,
        "reason": verdict.reason,
        "score": verdict.score,
        "findings": [finding.slug for finding in verdict.findings],
        "campaign": verdict.campaign,
        "refusal": verdict.id,
        "verstat": judgement.verstat if judgement is not None else case.verstat or "No-TN-Validation",
        "verify": "unsigned" if judgement is None else "passed" if judgement.proved else judgement.slug or "failed",
        "attest": (judgement.attestation if judgement is not None else None) or case.signed or "",
        "decision_us": round(seconds * 1e6),
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def done(call_id: bytes, side: str, lane: Lane | None, action: str) -> bytes:
    """The same of a call that has no verdict: what was done, and no findings. An unknown source has no trunk."""
    whole: dict[str, Any] = {
        "call_id": call_id.decode("utf-8", "replace"),
        "trunk": lane.trunk.name if lane is not None else "",
        "side": side,
        "mode": lane.mode if lane is not None else "",
        "action": action,
        "findings": [],
    }
    return json.dumps(whole, separators=(",", ":")).encode()
