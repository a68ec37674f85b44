"""What a lab telephone tells of a call: what it heard, how it is to answer, how a request of its own ended.

Values, and the one wait that belongs to a request under way. The telephone itself is `proxy.lab.phone`. Times
are microseconds of a monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from proxy.lab.dialog import Dialog, Peer
from proxy.sip.message import Request, Response

PATIENCE = 20.0
"""Seconds that a wait lasts unless it is told otherwise; on loopback everything comes in milliseconds."""


class Silence(TimeoutError):
    """What was waited for did not come; the text says what came instead."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One datagram that arrived."""

    data: bytes
    """To the byte."""
    message: Request | Response
    source: Peer
    at: int
    """Microseconds, monotonic."""

    def header(self, name: str) -> str | None:
        """The first header of this name, unfolded; None where there is none. Any case."""
        value = self.message.first(name.lower())
        return None if value is None else value.decode("utf-8", "surrogateescape")

    def headers(self, name: str) -> list[str]:
        """All headers of this name."""
        return [value.decode("utf-8", "surrogateescape") for value in self.message.all(name.lower())]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call is answered."""

    status: int = 200
    """A final status; 0: not a word, not even 100."""
    phrase: str = "OK"
    rings: bool = True
    """180 first."""
    lines: tuple[str, ...] = ()
    until: asyncio.Event | None = None
    """Rings until this is set; None: answers at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request of ours ended."""

    call_id: str
    status: int
    """The final status; 0: none came."""
    phrase: str
    reason: str | None
    """The Reason header of the final answer (RFC 3326, 603+)."""
    sent: bytes
    answers: tuple[Heard, ...]
    """Every response, provisional ones and repetitions too."""
    resent: int
    """How often we had to repeat the request."""
    first_us: int
    """From the first sending to the first response."""
    final_us: int
    """From the first sending to the final response."""
    dialog: Dialog | None = None
    """After a 2xx to INVITE."""

    @property
    def statuses(self) -> tuple[int, ...]:
        """The status codes in order of arrival."""
        return tuple(heard.message.status for heard in self.answers if isinstance(heard.message, Response))

    @property
    def final(self) -> Heard | None:
        """The final response itself."""
        return next((heard for heard in self.answers if status_of(heard) >= 200), None)


@dataclass(slots=True)
class Calling:
    """A request of ours on its way (a client transaction). `outcome` waits for its end."""

    sent: bytes
    request: Request
    to: Peer
    started: int
    answers: list[Heard] = field(default_factory=list)
    resent: int = 0
    dialog: Dialog | None = None
    """The call that a 2xx opened or renewed."""
    inside: Dialog | None = None
    """The call that the request belongs to, its number counted."""
    acks: bool = True
    ack: bytes = b""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def has(self, least: int) -> Heard | None:
        """The first response of at least this status."""
        return next((heard for heard in self.answers if status_of(heard) >= least), None)

    async def response(self, least: int = 100, seconds: float = PATIENCE) -> Heard:
        """Wait for a response of at least this status. Raises Silence."""
        try:
            async with asyncio.timeout(seconds):
                while (heard := self.has(least)) is None:
                    self.news.clear()
                    await self.news.wait()
                return heard
        except TimeoutError:
            got = ", ".join(str(status_of(heard)) for heard in self.answers) or "nothing"
            raise Silence(
                f"no {least} or above to {self.request.method} in {seconds:g} s; heard {got}"
            ) from None

    async def outcome(self, seconds: float = PATIENCE) -> Outcome:
        """Wait for the final answer; the status is 0 when none comes in time."""
        with contextlib.suppress(Silence):
            await self.response(200, seconds)
        final = self.has(200)
        message = final.message if final is not None else None
        return Outcome(
            call_id=self.request.call_id.decode("utf-8", "surrogateescape"),
            status=status_of(final) if final is not None else 0,
            phrase=message.phrase.decode("utf-8", "replace") if isinstance(message, Response) else "",
            reason=final.header("reason") if final is not None else None,
            sent=self.sent,
            answers=tuple(self.answers),
            resent=self.resent,
            first_us=self.answers[0].at - self.started if self.answers else 0,
            final_us=final.at - self.started if final is not None else 0,
            dialog=self.dialog,
        )


def status_of(heard: Heard) -> int:
    """The status code; 0 for a request."""
    return heard.message.status if isinstance(heard.message, Response) else 0
