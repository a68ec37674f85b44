"""The pump: sockets to the endpoint, events to the calls, bytes back to the sockets, and one timer armed.

It decides nothing. A turn is always the same: take what has arrived, let the calls act on it, send what is to be
sent, do the bookkeeping that need not hold anybody up, and arm the one timer that the endpoint asks for.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable, Sequence

from proxy.calls import Calls
from proxy.collector import Steps
from proxy.hep import Tap
from proxy.inbox import HURRY, MAY_WAIT, RETRY, TOKEN, Inbox
from proxy.sip.curt import ends
from proxy.sip.endpoint import Arrived, Endpoint, Event
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.transports import Streams, Udp

OVERSIZE = 1300
"""Octets above which a datagram may not arrive whole (RFC 3261 section 18.1.1); counted."""
MOST = 512
"""Datagrams read at one time: what must not wait may be behind calls that do, and behind their repetitions."""
SORTED = 128
"""Of them sorted at one time, before those that need not wait are served."""
TURN = 8
"""New calls served before the sockets are looked at again: the most that an emergency call waits for."""
PUT_OFF = 16
"""Turns for which the bookkeeping may wait until nobody does."""
SOONEST = 0.005
"""Seconds: a timer that is due is served after what has already arrived, together with those that are due soon after
it. Nearly all are of calls that have ended, and each look at one alone would find cold caches.
"""
_FOLLOWS = (b"CANCEL ", b"ACK sip", b"ACK tel")
"""How a request begins that moves another one."""


class Server:
    """Runs one endpoint over its sockets on the running event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        calls: Calls,
        sockets: Sequence[Udp | Streams],
        now: Callable[[], float],
        elsewhere: Callable[[bytes, Flow], bool] | None = None,
        vital: Callable[[bytes], bool] = lambda target: False,
        tap: Tap | None = None,
        hurry: float = HURRY,
        ours: Callable[[bytes], bool] = lambda data: False,
        awaited: Callable[[bytes, Flow], bool] = lambda data, flow: False,
        known: Callable[[Flow], bool] = lambda flow: True,
        seek: Callable[[bytes, Flow], bool] | None = None,
    ) -> None:
        """elsewhere: hands a message to the worker that it belongs to, and says whether it did. vital: told a
        Request-URI, says whether it is an emergency call. tap: gets a copy of each message. hurry: seconds
        after which a new call goes on unscreened. ours, awaited, known: who else need not wait, or is not heard
        (`proxy.inbox`). seek: has the other workers look whose transaction a request of a connection belongs to.
        """
        self._inbox = Inbox(vital, self._refuse, ours, awaited, known)
        self._working = self._resting = False
        self._note: Callable[[bytes], object] | None = None
        self._endpoint = endpoint
        self._calls = calls
        self._sockets = sockets
        self._now = now
        self._elsewhere = elsewhere
        self._seek = seek
        self._tap = tap
        self._hurry = hurry
        self._loop = asyncio.get_running_loop()
        self._armed: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._steps = Steps()
        self._waits = select.poll()
        self._put_off = 0
        self._behind: deque[tuple[bytes, Flow]] = deque()
        """Requests that new calls of the same turn go before."""
        calls.flushed_by(self.flush)

    async def start(self) -> None:
        """Begin to read, in the order of the listeners; where a successor does already, only what others hand over."""
        for index, one in enumerate(self._sockets):
            if isinstance(one, Udp):
                if self._resting:
                    continue
                self._waits.register(one.socket, select.POLLIN)
                self._loop.add_reader(one.socket, self._readable, index, one)
            else:
                await one.start(self._streamed, self.unreachable, self._broken)

    def stop(self) -> None:
        """Read no more and close the sockets; what is in flight is lost, as with any stop."""
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._calls.afterwards()
        for one in self._sockets:
            if isinstance(one, Udp):
                self._loop.remove_reader(one.socket)
            one.close()

    def rest(self, note: Callable[[bytes], object]) -> list[bytes]:
        """Read the public sockets no more: a successor does. Connections stay, timers run, answers still leave.

        note: told each message that comes after this, by a connection or from another worker. Gives back the new calls
        that wait here.
        """
        self._note = note
        for one in self._sockets:
            if isinstance(one, Udp):
                self._loop.remove_reader(one.socket)
            else:
                one.rest()
        self._resting = True
        return self._inbox.waiting()

    def hands(self, elsewhere: Callable[[bytes, Flow], bool] | None) -> None:
        """From now on these messages are somebody else's."""
        self._elsewhere = elsewhere

    @property
    def shed(self) -> int:
        """New calls that were let fall because more arrived than could be served."""
        return self._inbox.shed

    def _readable(self, index: int, udp: Udp) -> None:
        now = self._now()
        self._read(index, udp, now)
        if len(self._inbox):
            self._work()
        else:
            self._catch_up(now)
            self._after(now)

    def _read(self, index: int, udp: Udp, now: float) -> None:
        """Sort what has arrived, then serve what need not wait; emergency calls are served at once. In a flood there
        are ten refusals for each message that is served, and those that alternate find cold caches and take twice the
        time.

        Somebody listens for the ringing of a new call; an ACK or a BYE takes a moment longer, and nobody notices. So
        where few calls wait, they go before the requests that came with them; but what belongs to a call in progress
        stays in its order.
        """
        elsewhere, inbox = self._elsewhere, self._inbox
        first: list[tuple[bytes, Flow]] = []
        behind: list[tuple[bytes, Flow]] | deque[tuple[bytes, Flow]] = first if len(inbox) >= TURN else self._behind

        def take(data: bytes, host: str, port: int) -> None:
            if data[:4] == b"ACK " and ends(data):
                return  # of a refusal: nobody waits for it
            flow = _new(Flow, (index, host, port, 0))
            if inbox.overfull and inbox.unheard(data, flow):
                return
            if elsewhere is None or not elsewhere(data, flow):
                if data[:4] == b"SIP/":
                    first.append((data, flow))
                elif data[:1] not in MAY_WAIT:
                    behind.append((data, flow))
                elif not inbox.urgent(data, flow, now):
                    if self._behind and data.find(TOKEN) >= 0:
                        first.extend(self._behind)
                        self._behind.clear()
                    inbox.put(data, flow, now)
                elif data[:7] == b"INVITE " and inbox.vital(data):
                    self._serve(data, flow, now)
                else:
                    behind.append((data, flow))

        left = MOST
        while left:
            left = left - SORTED if udp.read(take, SORTED) == SORTED else 0
            for data, flow in first:
                self._serve(data, flow, now)
            first.clear()

    def _admit(self, data: bytes, flow: Flow, now: float) -> None:
        """Serve a message, or let it wait for its turn."""
        if self._inbox.urgent(data, flow, now):
            self._serve(data, flow, now)
        else:
            self._inbox.put(data, flow, now)

    def _serve(self, data: bytes, flow: Flow, now: float) -> None:
        self._steps.served += 1
        if self._tap is not None:
            self._tap.received(data, flow)
        events = self._endpoint.receive(data, flow, now)
        if events:
            self._calls.handle(events, now)
        self._send(now)

    def _work(self) -> None:
        """Serve some of the new calls; if more wait, the sockets have their turn first."""
        now = self._now()
        for _ in range(TURN):
            one = self._inbox.take(now)
            if one is None:
                break
            self._calls.hurried = now - one.arrived > self._hurry
            self._serve(one.data, one.flow, now)
            # Ringing for one who is served already is worth more than the next call, as long as few wait.
            if 0 < len(self._inbox) < TURN and not self._resting and self._waits.poll(0):
                self._calls.hurried = False
                now = self._look()
        self._calls.hurried = False
        self._catch_up(now)
        self._send(now)
        self._after(now)
        self._again()

    def _catch_up(self, now: float) -> None:
        """Serve the requests that new calls went before."""
        behind = self._behind
        while behind:
            self._serve(*behind.popleft(), now)

    def _again(self) -> None:
        """Come back to the calls that wait, after whatever else has arrived."""
        if len(self._inbox) and not self._working:
            self._working = True
            self._loop.call_soon(self._go_on)

    def _refuse(self, data: bytes, flow: Flow) -> None:
        """Answer a new call that cannot be served in time; it leaves with what is sent next."""
        if self._endpoint.busy(data, flow, RETRY) and self._tap is not None:
            self._tap.shed(data)

    def _go_on(self) -> None:
        self._working = False
        if self._resting:
            self._work()  # who waits here was read by us
            return
        self._look()
        self._work()

    def _look(self) -> float:
        """Read what has arrived meanwhile; gives back when that was."""
        now = self._now()
        for index, one in enumerate(self._sockets):
            if isinstance(one, Udp):
                self._read(index, one, now)
        return now

    # What the streams report

    def _streamed(self, messages: list[bytes], flow: Flow) -> None:
        """Whole messages of one connection."""
        now, elsewhere = self._now(), self._elsewhere
        for data in messages:
            # A request stays with its connection; a response may belong to another worker's transaction, and so may
            # what takes back or confirms a request that came by another connection.
            if elsewhere is not None and data[:4] == b"SIP/" and elsewhere(data, flow):
                continue
            if self._seek is not None and data[:7] in _FOLLOWS and self._strayed(data) and self._seek(data, flow):
                continue
            if self._note is not None:
                self._note(data)
            self._admit(data, flow, now)
        self._work()

    def _strayed(self, data: bytes) -> bool:
        """Whether it belongs to no transaction here. The ACK of an answered call has none anywhere: it has a token."""
        return (data[:1] == b"C" or data.find(b";rw=") < 0) and not self._endpoint.knows(data)

    def handed(self, data: bytes, flow: Flow) -> None:
        """A message that another worker received for us."""
        now = self._now()
        if self._note is not None:
            self._note(data)
        self._admit(data, flow, now)
        self._after(now)
        self._again()

    def unreachable(self, flow: Flow) -> None:
        """A connection could not be had, or is gone."""
        now = self._now()
        self._failed(flow, now)
        self._after(now)

    def _broken(self, octets: bytes, flow: Flow, error: ParseError) -> bool:
        """A stream that cannot be read any further: an answer where one is possible, and it is counted. True where it
        was let in all the same: an emergency call, read as a datagram of these octets would be.
        """
        now = self._now()
        events = self._endpoint.broken(octets, flow, error, now)
        let_in = any(isinstance(event, Arrived) for event in events)
        self._calls.handle(events, now)
        self._send(now)
        self._after(now)
        return let_in

    def flush(self) -> None:
        """Send and re-arm after something outside a turn has acted: a call that waited for a certificate."""
        now = self._now()
        self._send(now)
        self._after(now)

    def _send(self, now: float) -> None:
        sockets, tap = self._sockets, self._tap
        for data, flow in self._endpoint.to_send():
            if tap is not None:
                tap.sent(data, flow)
            outlet = sockets[flow[0]]
            if len(data) > OVERSIZE and isinstance(outlet, Udp):
                self._calls.world.metrics.oversize()
            if not outlet.send(data, flow):
                self._failed(flow, now)

    def _failed(self, flow: Flow, now: float) -> None:
        events: list[Event] = self._endpoint.transport_error(flow, now)
        if events:
            self._calls.handle(events, now)
        # What the failure itself gave rise to (the next hop, a 503) leaves now; a failure of that is the next turn's.
        for data, other in self._endpoint.to_send():
            if self._tap is not None:
                self._tap.sent(data, other)
            outlet = self._sockets[other.listener]
            if len(data) > OVERSIZE and isinstance(outlet, Udp):
                # Nearly always so: what was too long for a datagram found nobody by TCP (SIP-089).
                self._calls.world.metrics.oversize()
            outlet.send(data, other)

    def _after(self, now: float) -> None:
        # What has arrived meanwhile has another turn at once: it comes first.
        if self._put_off < PUT_OFF and not self._resting and (len(self._inbox) or self._waits.poll(0)):
            self._put_off += 1
        else:
            self._put_off = 0
            self._calls.afterwards()
            self._steps.due()
        due = self._endpoint.next_timer()
        if due is None:
            return
        if self._armed is None or due < self._due:
            if self._armed is not None:
                self._armed.cancel()
            self._due = due
            self._armed = self._loop.call_later(max(due - now, SOONEST), self._ring)

    def _ring(self) -> None:
        self._armed = None
        now = self._now()
        events = self._endpoint.handle_timer(now)
        if events:
            self._calls.handle(events, now)
        self._send(now)
        self._after(now)


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long
