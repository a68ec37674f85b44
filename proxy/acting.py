"""What each part of a call's story does in the end: answer, send on, seal, wait beside the others."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from proxy import redirecting
from proxy.hep import Tap
from proxy.moved import follower
from proxy.record import Story
from proxy.seal import Seal
from proxy.sip.context import Context
from proxy.sip.endpoint import Endpoint, Event, Plan
from proxy.sip.message import Request
from proxy.world import World

MAX_WAITING = 2_000
"""Calls that may wait for a certificate, a name or a service at one time; one more goes on without it (fail open)."""


class Acting:
    """The endpoint and the world, as the parts of the story use them."""

    def __init__(self, endpoint: Endpoint, world: World) -> None:
        self.endpoint, self.world = endpoint, world
        self.flush: Callable[[], None] = lambda: None
        """Sends what is to be sent after something outside a turn has acted."""
        self.handle: Callable[[Sequence[Event], float], None] = lambda events, now: None
        """Acts on what the endpoint reports."""
        self._follow = follower(world)
        self.waiting = 0
        """Calls that wait."""

    @property
    def room(self) -> bool:
        """Whether one more may wait."""
        return self.waiting < MAX_WAITING

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run what a call waits for beside the others."""
        self.world.spawn(self._counted(work), name)

    async def _counted(self, work: Coroutine[Any, Any, None]) -> None:
        self.waiting += 1
        try:
            await work
        finally:
            self.waiting -= 1

    def seal(self, story: Story, action: str) -> bytes:
        """The token for the later requests of a call."""
        return self.world.sealer.close(story.request.call_id, story.request.from_tag or "", story.utc, action)

    def opened(self, request: Request, tokens: Sequence[str]) -> Seal | None:
        """What the first of these tokens says that is of the call of this request."""
        tags = (request.from_tag or "", request.to_tag)  # as `seal` has it, where a caller writes none
        for token in tokens:
            if (seal := self.world.sealer.open(token, request.call_id, tags)) is not None:
                return seal
        return None

    def reply(self, context: Context, status: int, reason: str, now: float, lines: Sequence[bytes] = ()) -> None:
        if self.world.tap is not None and isinstance(context.case, Story):
            self._told(self.world.tap, context.case)
        if events := self.endpoint.reply(context, status, reason, now, lines):
            self.handle(events, now)

    def forward(self, context: Context, story: Story, plan: Plan, now: float) -> None:
        if redirecting.asks(story):
            told = redirecting.answer(story, plan)
            self.reply(context, told.status, told.reason, now, told.lines)
            return
        if self.world.tap is not None:
            self._told(self.world.tap, story)
        story.forwarded = True
        if not plan.insist and self.world.trunks.follows:
            plan = plan._replace(follow=self._follow)
        if events := self.endpoint.forward(context, plan, now):
            self.handle(events, now)

    def _told(self, tap: Tap, story: Story) -> None:
        """Whoever watches the wire hears what is done with each call; of one that is judged, its verdict."""
        if story.decided is None:
            tap.did(story.request, story.side, story.lane, story.action)
