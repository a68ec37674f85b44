"""A small SIP telephone over UDP: it calls, answers, and keeps every datagram to the byte.

For the demo and for tests. It follows RFC 3261 as an endpoint does: its own retransmissions (17.1), ACK of every
final answer, BYE by the route set (12.2), 2xx repeated until the ACK (13.3.1.4). No media, no registration, no
authentication, no TCP. Every wait is for a condition and has a deadline. What is written is composed in
`proxy.lab.dialog`; what is told of a call stands in `proxy.lab.calling`.

The sockets are asyncio-dgram's, whose queue has no bound: the lab sends to itself, and what is kept is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

import asyncio_dgram

from proxy.lab.calling import PATIENCE, Answer, Calling, Heard, Outcome, Silence
from proxy.lab.dialog import (
    SDP,
    Dialog,
    Invitation,
    Peer,
    answer,
    as_callee,
    as_caller,
    bracketed,
    branch,
    companion,
    opening,
    renewed,
    token,
    value,
    via_line,
    where_to,
)
from proxy.sip.errors import ParseError
from proxy.sip.message import Message, Request, Response
from proxy.sip.parser import parse

T1 = 0.5
"""Seconds to the first retransmission (RFC 3261 section 17.1.1.1)."""
T2 = 4.0
"""The longest pause between two retransmissions, other than of an INVITE."""
RING_SECONDS = 600.0
"""How long a call rings that nobody answers and nobody takes back."""
MAX_KEPT = 20_000
"""Datagrams that are remembered (later ones are answered and forgotten), and transactions (the oldest go). A demo
has about 200 of either."""


class Phone:
    """One telephone on one UDP socket: `async with Phone() as phone`. Port 0 takes a free one."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        user: str = "lab",
        answers: Answer | Callable[[Request], Answer] = Answer(),  # noqa: B008 - frozen
        t1: float = T1,
    ) -> None:
        self.host, self.port, self.user = host, port, user
        self.t1 = t1
        """Seconds; smaller ones make a phone impatient."""
        self.answers = answers
        """How calls are answered; may be changed at any time."""
        self.others: Callable[[Request], tuple[int, str, Sequence[str]]] = lambda request: (200, "OK", ())
        """How any other request but ACK and CANCEL is answered: status, phrase and header lines."""
        self.received: list[Heard] = []
        """Every datagram that could be read as SIP, in order."""
        self.unreadable: list[bytes] = []
        """Datagrams that could not: nobody should send us any."""
        self.dialogs: OrderedDict[str, Dialog] = OrderedDict()
        """The calls that we have answered, by Call-ID."""
        self._calling: OrderedDict[tuple[str, str], Calling] = OrderedDict()
        self._answered: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._acknowledged: OrderedDict[str, None] = OrderedDict()
        self._arrival = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stream: Any = None

    @property
    def peer(self) -> Peer:
        return (self.host, self.port)

    @property
    def contact(self) -> str:
        return f"sip:{self.user}@{bracketed(self.host)}:{self.port}"

    async def __aenter__(self) -> Self:
        self._stream = await asyncio_dgram.bind((self.host, self.port))
        self.port = int(self._stream.sockname[1])
        self._spawn(self._listen(), "listen")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stream.close()

    # Calling

    async def invite(self, call: Invitation, to: Peer, *, acks: bool = True) -> Calling:
        """Begin a call and return at once. `acks=False` leaves a 2xx without its ACK."""
        mark = branch()
        data = opening(call, via_line(self.host, self.port, mark), self.contact, token())
        return await self._begin(data, to, acks=acks)

    async def call(
        self, call: Invitation, to: Peer, *, hang_up: bool = True, seconds: float = PATIENCE
    ) -> Outcome:
        """Make a call, see how it ends, and hang up if it was answered."""
        outcome = await (await self.invite(call, to)).outcome(seconds)
        if hang_up and outcome.dialog is not None:
            await self.within(outcome.dialog, "BYE", seconds=seconds)
        return outcome

    async def within(
        self,
        dialog: Dialog,
        method: str,
        lines: Sequence[str] = (),
        *,
        body: bytes = b"",
        seconds: float = PATIENCE,
    ) -> Outcome:
        """Send a request inside a dialog, by its route set, and see how it ends."""
        after = dialog.following()
        if method == "INVITE":
            lines = (f"Contact: <{self.contact}>", *lines)
        data = after.request(method, via_line(self.host, self.port, branch()), lines, body)
        return await (await self._begin(data, after.next_hop, inside=after)).outcome(seconds)

    async def cancel(self, calling: Calling, seconds: float = PATIENCE) -> Outcome:
        """Take a call back that was not answered yet; the outcome is that of the CANCEL itself."""
        return await (await self._begin(companion(calling.request, "CANCEL"), calling.to)).outcome(seconds)

    async def send(self, data: bytes, to: Peer) -> None:
        """Any octets, as they are."""
        await self._stream.send(data, to)

    async def _begin(self, data: bytes, to: Peer, *, inside: Dialog | None = None, acks: bool = True) -> Calling:
        request = parse(data)
        assert isinstance(request, Request)
        calling = Calling(data, request, to, _microseconds(), inside=inside, acks=acks)
        self._calling[(request.via.branch, request.method)] = calling
        _bounded(self._calling)
        await self.send(data, to)
        self._spawn(self._repeat(calling), "repeat")
        return calling

    async def _repeat(self, calling: Calling) -> None:
        """Timers A and E (17.1.1.2, 17.1.2.2): repeat until an answer; any answer ends it for an INVITE."""
        invite = calling.request.method == "INVITE"
        pause, left = self.t1, 64 * self.t1
        while left > 0:
            with contextlib.suppress(Silence):
                await calling.response(100 if invite else 200, min(pause, left))
                return
            left -= pause
            pause = pause * 2 if invite else min(pause * 2, T2)
            calling.resent += 1
            await self.send(calling.sent, calling.to)

    # Hearing

    async def hears(
        self, wanted: str | Callable[[Heard], bool], *, call_id: str | None = None, seconds: float = PATIENCE
    ) -> Heard:
        """The first datagram, already here or yet to come, that is wanted: a method, or a condition. Raises Silence."""
        place = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for heard in self.received[place:]:
                        if _fits(heard, wanted, call_id):
                            return heard
                    place = len(self.received)
                    await self._arrival.wait()
        except TimeoutError:
            got = ", ".join(heard.message.start.decode("utf-8", "replace") for heard in self.received[-8:])
            name = wanted if isinstance(wanted, str) else "what was wanted"
            raise Silence(f"{name} did not come in {seconds:g} s; heard {got or 'nothing'}") from None

    def requests(self, method: str, call_id: str | None = None) -> list[Heard]:
        """The requests of this method that came so far, repetitions included."""
        return [heard for heard in self.received if _fits(heard, method, call_id)]

    async def _listen(self) -> None:
        while True:
            try:
                data, source = await self._stream.recv()
            except OSError:
                continue  # asyncio-dgram reports a failed sending here; whoever waits for an answer has a deadline
            peer = (str(source[0]), int(source[1]))
            try:
                message = parse(data)
            except ParseError:
                self.unreadable.append(data)
                del self.unreadable[:-MAX_KEPT]
                continue
            heard = Heard(data, message, peer, _microseconds())
            if len(self.received) < MAX_KEPT:
                self.received.append(heard)
            try:
                if isinstance(message, Response):
                    await self._response(heard, message)
                else:
                    await self._request(message, peer)
            except ParseError:
                self.unreadable.append(data)
            except OSError:
                continue  # or at the next sending, whoever that is to
            self._arrival.set()
            self._arrival = asyncio.Event()

    async def _response(self, heard: Heard, response: Response) -> None:
        calling = self._calling.get((response.via.branch, response.cseq.method))
        if calling is None:
            return
        calling.answers.append(heard)
        invite = calling.request.method == "INVITE"
        if invite and 200 <= response.status < 300 and calling.acks:
            if calling.dialog is None:
                inside = calling.inside
                calling.dialog = (
                    as_caller(calling.request, response, calling.to) if inside is None else renewed(inside, response)
                )
                calling.ack = calling.dialog.request("ACK", via_line(self.host, self.port, branch()))
            await self.send(calling.ack, calling.dialog.next_hop)  # each repeated 2xx gets it again (13.2.2.4)
        elif invite and response.status >= 300:
            await self.send(companion(calling.request, "ACK", value(response, "to")), calling.to)
        calling.news.set()

    # Answering

    async def _request(self, request: Request, source: Peer) -> None:
        via, method = request.via, request.method
        if method == "ACK":
            self._acknowledged[_id(request)] = None
            _bounded(self._acknowledged)
            return
        key = (via.branch, via.sent_by, method)
        if (known := self._answered.get(key)) is not None:
            if known:
                await self.send(known, where_to(request, source))
            return
        self._answered[key] = b""
        _bounded(self._answered)
        if method == "INVITE":
            self._spawn(self._ring(request, source, key), "ring")
            return
        if method == "CANCEL":
            self._cancelled[_id(request)] = None
            _bounded(self._cancelled)
            await self._answer(key, request, source, 200, "OK", token())
            return
        if method == "BYE":
            self.dialogs.pop(_id(request), None)
        status, phrase, lines = self.others(request)
        await self._answer(key, request, source, status, phrase, token(), lines)

    async def _ring(self, request: Request, source: Peer, key: tuple[str, str, str]) -> None:
        """Answer one INVITE, and repeat a final answer until its ACK comes, for 64*T1 (13.3.1.4, 17.2.1)."""
        how = self.answers(request) if callable(self.answers) else self.answers
        if how.status == 0:
            return
        tag, call_id = token(), _id(request)
        contact = f"Contact: <{self.contact}>"
        if how.rings:
            await self._answer(key, request, source, 180, "Ringing", tag, (contact,))
        status, phrase, lines = how.status, how.phrase, how.lines
        if how.until is not None and not await self._answered_before_cancel(how.until, call_id):
            status, phrase, lines = 487, "Request Terminated", ()
        good = 200 <= status < 300
        if good:
            known = self.dialogs.get(call_id) if request.to_tag is not None else None
            self.dialogs[call_id] = renewed(known, request) if known is not None else as_callee(request, tag, source)
            _bounded(self.dialogs)
        self._acknowledged.pop(call_id, None)
        body = SDP if good else b""
        lines = (contact, *lines) if good else lines
        data = await self._answer(key, request, source, status, phrase, tag, lines, body)
        pause, left = self.t1, 64 * self.t1
        while left > 0:
            if await self._condition(lambda: call_id in self._acknowledged, min(pause, left)):
                return
            left -= pause
            pause = min(pause * 2, T2)
            await self.send(data, where_to(request, source))

    async def _answered_before_cancel(self, until: asyncio.Event, call_id: str) -> bool:
        """Rings on: whether the call is answered before it is taken back."""
        picked_up = asyncio.create_task(until.wait())
        taken_back = asyncio.create_task(self._condition(lambda: call_id in self._cancelled, RING_SECONDS))
        try:
            await asyncio.wait((picked_up, taken_back), return_when=asyncio.FIRST_COMPLETED)
            return picked_up.done()
        finally:
            picked_up.cancel()
            taken_back.cancel()

    async def _condition(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether something becomes true, with what arrives, in time."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._arrival.wait()
                return True
        except TimeoutError:
            return False

    async def _answer(
        self,
        key: tuple[str, str, str],
        request: Request,
        source: Peer,
        status: int,
        phrase: str,
        tag: str,
        lines: Sequence[str] = (),
        body: bytes = b"",
    ) -> bytes:
        data = self._answered[key] = answer(request, source, status, phrase, tag, lines, body)
        await self.send(data, where_to(request, source))
        return data

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"phone {self.port} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _microseconds() -> int:
    return time.perf_counter_ns() // 1000


def _id(message: Message) -> str:
    return message.call_id.decode("utf-8", "surrogateescape")


def _fits(heard: Heard, wanted: str | Callable[[Heard], bool], call_id: str | None) -> bool:
    if call_id is not None and heard.header("call-id") != call_id:
        return False
    if isinstance(wanted, str):
        return isinstance(heard.message, Request) and heard.message.method == wanted
    return wanted(heard)


def _bounded(table: OrderedDict[Any, Any]) -> None:
    while len(table) > MAX_KEPT:
        table.popitem(last=False)
