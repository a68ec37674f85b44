"""Who gives way on a core: the kernel's idle class, and the way out of it. Whoever is in it has turns that nobody else
wants; on a core that is never free it has none.
"""

from __future__ import annotations

import contextlib
import os
import threading


def share(process: int, policy: int) -> bool:
    """Put a process into the idle class (`SCHED_IDLE`), or take it out of there (`SCHED_BATCH`: it has its share, but
    not the place of a call at once). process: 0 is the caller. False where it was in neither of the two, or may not.
    """
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(process) == (os.SCHED_BATCH if policy == os.SCHED_IDLE else os.SCHED_IDLE):
            os.sched_setscheduler(process, policy, os.sched_param(0))
            return True
    return False


def may_return() -> bool:
    """Whether the kernel lets a thread of ours out of the idle class: that takes CAP_SYS_NICE or RLIMIT_NICE."""
    back: list[bool] = []

    def there_and_back() -> None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            back.append(share(0, os.SCHED_IDLE) and share(0, os.SCHED_BATCH))

    thread = threading.Thread(target=there_and_back)
    thread.start()
    thread.join()
    return back == [True]
