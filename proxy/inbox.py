"""The order in which messages are served when more arrive than can be: what must not wait goes first.

New calls wait in a queue of their own: requests of calls in progress, responses, ACKs and emergency calls pass them by.
(Of what has arrived at once a few new calls go before ACKs and BYEs: `proxy.server`.) One that has waited a while is
served without screening, which is what costs most; one that has waited so long that its sender sends it again is let
fall (RFC 3261 section 17.1.1.2), so that those that are served are served in time. When that goes on for seconds it is
no pause of ours but too much, and they are refused (section 21.5.4): who is not refused sends again and again, until
the repetitions alone are more than can be read. Over a stream nothing is sent again, so whoever falls there is refused
at once. A CANCEL waits behind its call and is served however late that is.

Whoever says that he belongs to a call in progress, or calls back for an emergency centre, is asked for a proof, and
passes within a bound: beyond it he waits like the others. Bytes are looked at, not parsed: a guess costs an order,
never a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from proxy.sip.flow import Flow

MAX_WAITING = 4096
"""New calls that may wait, at about 2 KiB each: several times what can be served before they are stale."""
STALE = 0.2
"""Seconds: by then a 100 was due (section 17.2.1). Whoever waited longer hears nothing before he repeats himself."""
IN_TIME = 0.8 * STALE
"""Seconds of work that may wait while more comes than can be served: the rest would be stale when its turn came."""
ROOM = 0.5 * IN_TIME
"""Seconds of work up to which whatever comes may wait."""
HURRY = 0.05
"""Seconds: whoever has waited longer goes on unscreened. Screening is most of what a call costs."""
CLEARED = 4
"""Stale calls that fall for a new one, until no more wait than can be served."""
PACED = 0.25
"""Seconds over which it is counted how many are served."""
LASTING = 2.0
"""Seconds of waiting calls after which those that fall are refused: until then their senders repeat them, and are
served.
"""
RETRY = 5
"""Seconds that a refused caller's next element is asked to stay away (Retry-After)."""
REFUSALS, SAVED = 12.0, 4096.0
"""Refusals for each call that is served, and how many may be saved up: with its ACK one costs a fourteenth of a call,
and saves six repetitions, which cost twice that. Whoever is beyond them falls unheard, so that something is served
however many come.
"""
DIALOGS = 500.0
"""INVITEs of calls in progress a second that pass the waiting ones, with a proof: one call that was let in may not
bring a flood with it.
"""
CALLBACKS = 50.0
"""Calls a second that pass because they go back to a line that called 911. It may be the PBX's one number, and then
everybody calls it.
"""
CANCELS = 500.0
"""CANCELs in datagrams a second that may wait beyond ROOM: more than callers give up, and too few for a flood of forged
ones to take the room of new calls. One that is beyond them falls unheard, so that its sender sends it again.
"""
STRANGERS = 20.0
"""Calls a second of nobody that we know which wait with the others: they are refused anyway."""
MAY_WAIT = frozenset((b"I", b"C", b"\r", b"\n"))
"""How a message begins that may have to wait: INVITE and CANCEL, also after line ends. All others are urgent."""
TOKEN = b";rw="
"""Stands in a Route of ours: the request belongs to a call that we let through, or claims to."""


class Waiting(NamedTuple):
    """A message, when it arrived and where it came from."""

    arrived: float
    data: bytes
    flow: Flow


class Share:
    """So many a second, and as many at once."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = self._left = rate
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one, if one is left."""
        self._left = min(self._left + max(now - self._at, 0.0) * self._rate, self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Inbox:
    """Not thread-safe: it belongs to one event loop."""

    __slots__ = (
        "_awaited", "_callbacks", "_cancels", "_dialogs", "_fell", "_known", "_ours", "_pace", "_queue", "_refusals",
        "_refuse", "_served", "_since", "_strangers", "_vital", "_well", "overfull", "shed",
    )  # fmt: skip

    def __init__(
        self,
        vital: Callable[[bytes], bool],
        refuse: Callable[[bytes, Flow], None] = lambda data, flow: None,
        ours: Callable[[bytes], bool] = lambda data: False,
        awaited: Callable[[bytes, Flow], bool] = lambda data, flow: False,
        known: Callable[[Flow], bool] = lambda flow: True,
    ) -> None:
        """vital: told a Request-URI, says whether it is an emergency call. refuse: answers one that came too late.
        ours: told an INVITE with a token, says whether it belongs to a call that we let through. awaited: told an
        INVITE, says whether an emergency centre may be calling back. known: whether somebody we know sends from there.
        """
        self._vital, self._refuse, self._ours, self._awaited, self._known = vital, refuse, ours, awaited, known
        self._dialogs, self._callbacks, self._strangers = Share(DIALOGS), Share(CALLBACKS), Share(STRANGERS)
        self._cancels = Share(CANCELS)
        self._refusals, self._served, self._since, self._pace = SAVED, 0, 0.0, float(MAX_WAITING)
        self.overfull = False
        """So many wait that a new call could be neither served in time nor refused."""
        self._well, self._fell = inf, -inf
        """When nobody waited, or who was served had not waited long; when somebody fell."""
        self._queue: deque[Waiting] = deque()
        self.shed = 0
        """New calls that were refused or let fall, and CANCELs beyond their bound."""

    def __len__(self) -> int:
        return len(self._queue)

    def waiting(self) -> list[bytes]:
        """The messages that wait."""
        return [one.data for one in self._queue]

    def urgent(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a message is to be served at once. A CANCEL waits where an INVITE does: it must not overtake its
        own.
        """
        start = data[:7]
        if start[:1] in _LINE_END:
            data = data.lstrip(b"\r\n")  # the parser takes them off too
            start = data[:7]
        if start == b"INVITE ":
            if self.vital(data):
                return True
            if not self._queue:
                return False  # its turn comes at once
            if data.find(TOKEN) >= 0 and self._ours(data):
                return self._dialogs.take(now)
            return self._awaited(data, flow) and self._callbacks.take(now)
        return start != b"CANCEL " or not self._queue

    def vital(self, data: bytes) -> bool:
        """Whether an INVITE is an emergency call."""
        return self._vital(data[7 : max(data.find(b" ", 7), 7)])

    def unheard(self, data: bytes, flow: Flow) -> bool:
        """Whether an INVITE falls unheard, because the inbox is overfull and nothing says that it must not."""
        if (
            data[:7] != b"INVITE " or data.find(TOKEN) >= 0 or self.vital(data) or self._awaited(data, flow)
        ):  # fmt: skip
            return False
        self.shed += 1
        return True

    def put(self, data: bytes, flow: Flow, now: float) -> None:
        """Let a message wait for its turn. While others wait, somebody whom we do not know is heard now and then, and
        not answered; and where so many wait for so long that its turn would come too late, it falls at once. Beyond
        MAX_WAITING the oldest falls, or this one where the oldest is a CANCEL.
        """
        queue = self._queue
        if not queue:
            self._calm(now)  # also where nothing has come for long, so that nobody was asked whose turn it is
        else:
            if not self._known(flow) and not self._strangers.take(now):
                self.shed += 1
                return
            if len(queue) > self._pace * ROOM and not self._room(data, flow, now):
                return
        queue.append(Waiting(now, data, flow))

    def _room(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether there is room for one more where many wait, or is made; False: the message fell.

        A CANCEL never falls to make room, and is never refused: its call would go on to ring (RFC 3261 section 16.10).
        """
        queue, gives_up = self._queue, _gives_up(data)
        if gives_up:
            if not flow.connection and not self._cancels.take(now):
                self.shed += 1
                return False
        elif len(queue) > (bound := self._pace * IN_TIME) and now - self._well >= LASTING:
            for _ in range(CLEARED):
                if len(queue) <= bound or now - queue[0].arrived <= STALE or _gives_up(queue[0].data):
                    break
                self._fall(*queue.popleft()[1:], now)
            else:
                return True
            if len(queue) > bound:
                self._fall(data, flow, now)
                return False
        if len(queue) >= MAX_WAITING:
            if _gives_up(queue[0].data):
                if gives_up:
                    self.shed += 1
                else:
                    self._fall(data, flow, now)
                return False
            self._fall(*queue.popleft()[1:], now)
        return True

    def take(self, now: float) -> Waiting | None:
        """Whose turn it is; None if nobody waits. What is stale falls; a CANCEL never is."""
        queue = self._queue
        if not queue:
            self._calm(now)
        while queue:
            one = queue.popleft()
            waited = now - one.arrived
            if waited <= HURRY:
                self._calm(now)
            if waited <= STALE or _gives_up(one.data):
                self._count(now)
                return one
            self._fall(one.data, one.flow, now)
        self.overfull = False  # there is room, whether or not any of them was served
        return None

    def _calm(self, now: float) -> None:
        """Nobody waits, or not for long."""
        if now - self._fell > PACED:
            self._well = now

    def _count(self, now: float) -> None:
        """How many are served in a second: what may wait, and who may be refused, is measured by it."""
        self._served += 1
        self._refusals = min(self._refusals + REFUSALS, SAVED)
        self.overfull = False
        if now - self._since >= PACED:
            self._pace = min(self._served / (now - self._since), MAX_WAITING / STALE)
            self._served, self._since = 0, now

    def _fall(self, data: bytes, flow: Flow, now: float) -> None:
        self.shed += 1
        self._fell = now
        if self._refusals >= 1 and (flow.connection or now - self._well >= LASTING):
            self._refusals -= 1
            self._refuse(data, flow)
        elif now - self._well >= LASTING:
            self.overfull = True  # until one more is served, or nobody waits


def _gives_up(data: bytes) -> bool:
    """Whether this is a CANCEL, also after line ends."""
    return data[:7] == b"CANCEL " or (data[:1] in _LINE_END and data.lstrip(b"\r\n")[:7] == b"CANCEL ")


_LINE_END = frozenset((b"\r", b"\n"))
