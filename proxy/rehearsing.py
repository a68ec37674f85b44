"""Past or made-up calls through the screening, at the time of their own clock, without the wire.

`Screen` does with a call what `proxy.calls` does: it is counted, looked up (`proxy.following`), decided, and its end is
told once it is over. A call that is refused has no end, so a stricter policy learns less of a caller than a milder one.
"""

from __future__ import annotations

from heapq import heappop, heappush

from policy.behaviour import Behaviour
from policy.call import Call
from policy.decide import decide
from policy.emergency import is_emergency_uri
from policy.reputation import Reputation
from policy.rulebook import Profile, Rulebook
from policy.sources import Sources
from policy.tally import CELLS, Tally
from policy.verdict import EMERGENCY, Mode, Verdict
from proxy.following import Following


class Screen:
    """The memory of one worker, and the ends of calls that it waits for."""

    def __init__(
        self,
        book: Rulebook,
        profile: Profile | None = None,
        mode: Mode = "enforce",
        following: Following | None = None,
        tally: Tally | None = None,
    ) -> None:
        """following, tally: its memory, where several share one; None: its own."""
        self.book, self.profile, self.mode = book, profile or Profile(), mode
        if tally is None:
            tally = Tally(memoryview(bytearray(CELLS * 8)).cast("Q"), window=book.velocity.seconds)
        self.tally = tally
        self.following = following or Following(Behaviour(), Sources(), Reputation())
        self._ends: list[tuple[float, int, Call, float | None, int]] = []
        self._count = 0

    def judged(
        self, call: Call, duration: float | None, status: int, rings: float = 0.0, profile: Profile | None = None
    ) -> Verdict:
        """The verdict of a call that comes at its own time (`call.utc`; calls come in order).

        duration: seconds that it is talked if it goes on, None if nobody answers; status: its final answer, 0 where
        nobody knows how it ended; rings: seconds until then; profile: another one than that of the screen.
        """
        utc, following = call.utc, self.following
        self.over(utc)
        if call.callee is not None and is_emergency_uri(f"sip:{call.callee}@example.net".encode(), self.book.emergency):
            return EMERGENCY
        # Another one: who hands it in may have it judged by others too.
        call = call._replace(attempts=self.tally.note(call.caller, utc) if call.caller is not None else call.attempts)
        inbound = call.side == "carrier"
        (following.look_up if inbound else following.look_up_ours)(call, utc)
        verdict = decide(call, self.book, self.book.profile_of(call, profile or self.profile), self.mode)
        if inbound:
            following.judged(call, verdict)
        if (inbound or call.customer) and verdict.action != "reject" and status:
            self._count += 1
            heappush(self._ends, (utc + rings + (duration or 0.0), self._count, call, duration, status))
        return verdict

    def over(self, utc: float) -> None:
        """Tell the ends of the calls that are over by now."""
        ends = self._ends
        while ends and ends[0][0] <= utc:
            at, _, call, talked, answer = heappop(ends)
            self.following.ended(call, talked, answer, at)
