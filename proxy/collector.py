"""When Python looks for circles among objects: in steps so small that no call waits for one.

A call makes no circle, and its objects live for the 32 s of its transactions: each is looked at twice and then left
alone. A look costs a microsecond or two an object, so a step of 20,000 took 20 to 35 ms, and every call of that moment
waited for it. What fails (a fetch, a connection) leaves a few circles within its two seconds, and the second look finds
most.

Python counts what is made less what goes, whenever that was made. Where as many old objects go as new ones are made, in
the minute after a rush, it never comes to a look, until one has to look at all that was made in seconds: 30 ms. So
whoever serves calls takes the steps himself, by what he has served.
"""

from __future__ import annotations

import gc

YOUNG, OLDER, OLDEST = 700, 2, 50_000
"""The first look is due after so many new objects that live on, the second at what passed after so many first ones, and
one at everything after so many second ones, which is six hours of 300 calls a second.
"""


MESSAGES = 16
"""SIP messages from one step to the next."""
SECOND = 3
"""Every so manieth step is a second look, at what passed in the steps since the last one."""


class Steps:
    """Looks by the number of messages that were served."""

    __slots__ = ("served", "_taken")

    def __init__(self) -> None:
        self.served = 0
        """Messages since the last step; whoever serves one adds it."""
        self._taken = 0

    def due(self) -> None:
        """Take a step, if so many were served: called when nobody waits."""
        if self.served >= MESSAGES:
            self.served = 0
            self._taken += 1
            gc.collect(0 if self._taken % SECOND else 1)


def calm() -> None:
    """What was built so far stays for good and is never walked again; the rest is walked in small steps."""
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
