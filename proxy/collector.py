"""When Python looks for circles among objects: in steps so small that no call waits for one.

A call makes no circle, and its objects live for the 32 s of its transactions: each is looked at twice and then left
alone. A look costs a microsecond or two an object, so a step of 20,000 took 20 to 35 ms, and every call of that moment
waited for it. What fails (a fetch, a connection) leaves a few circles within its two seconds, and the second look finds
most.
"""

from __future__ import annotations

import gc

YOUNG, OLDER, OLDEST = 700, 2, 50_000
"""The first look is due after so many new objects that live on, the second at what passed after so many first ones, and
one at everything after so many second ones, which is six hours of 300 calls a second.
"""


def calm() -> None:
    """What was built so far stays for good and is never walked again; the rest is walked in small steps."""
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
