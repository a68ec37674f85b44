"""What two generations of ringwarden share while one follows the other: the memory that they count in, and how far the
older one is on its way out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from policy.behaviour import CELLS as BEHAVIOUR_CELLS
from policy.behaviour import RECORD
from policy.decide import reason_slugs
from policy.past import CELLS as PAST_CELLS
from policy.protected import CELLS as PROTECTED_CELLS
from policy.source import CELLS as SOURCE_CELLS
from policy.tally import CELLS as TALLY_CELLS
from policy.tally import RATE_CELLS
from proxy.families import families
from proxy.metrics import Cells, Metrics
from proxy.workers.legacy import Elder, Legacy, until
from proxy.workers.shared import FOLDED, RELEASED, Shared
from shaken.replay import CELLS as REPLAY_CELLS
from shaken.verdict import FAILURES

RELEASE_SECONDS = 10.0
"""How long the journal and the addresses of the operator are left to the old version."""


def running_version() -> str:
    try:
        return version("ringwarden")
    except PackageNotFoundError:
        return "0"


def memory(workers: int, file: int | None = None) -> Shared:
    """What the processes of one ringwarden count in. file: that of another generation. Raises OSError, ValueError."""
    size = Metrics(reason_slugs(), tuple(FAILURES)).size
    return Shared(
        workers, metrics=size, tally=TALLY_CELLS, behaviour=BEHAVIOUR_CELLS, protected=PROTECTED_CELLS,
        replays=REPLAY_CELLS, past=PAST_CELLS, sources=SOURCE_CELLS, rates=RATE_CELLS, file=file,
    )  # fmt: skip


def layout() -> str:
    """Two versions that have the same one may count in the same memory."""
    counted = families(reason_slugs(), tuple(FAILURES))
    named = [(one.name, {label: tuple(values) for label, values in one.labels.items()}) for one in counted]
    sizes = (
        TALLY_CELLS, BEHAVIOUR_CELLS, PROTECTED_CELLS, REPLAY_CELLS, PAST_CELLS, SOURCE_CELLS, RATE_CELLS, RECORD,
    )  # fmt: skip
    return hashlib.blake2b(repr((named, sizes)).encode(), digest_size=8).hexdigest()


def elder_of(legacy: Legacy, listeners: Sequence[tuple[str, str, int]]) -> Elder:
    """The generation before, with its memory where we can read it."""
    theirs: Shared | None = None
    if legacy.layout == layout():
        with suppress(OSError, ValueError):
            theirs = memory(legacy.workers, legacy.memory)
    return Elder(legacy, theirs, listeners)


def slices(ours: Shared, elder: Elder | None) -> list[Cells]:
    """The counters of all processes, and of those before them."""
    theirs = elder.memory.metrics if elder is not None and elder.memory is not None else []
    return [*ours.metrics, *theirs]  # type: ignore[list-item]


def fold(elder: Elder, ours: Shared) -> None:
    """Add what a generation has counted that has ended to what was counted before us. Once, whoever asks."""
    stages = ours.leaving.stages
    if elder.memory is not None and stages[-1] != FOLDED:
        base = ours.metrics[-1]
        for part in elder.memory.metrics:
            for at, value in enumerate(part):
                if value:
                    base[at] += value
    stages[-1] = FOLDED


def held(elder: Elder | None) -> Callable[[], bool]:
    """Whether the journal and the operator's addresses are still the old version's."""
    if elder is None:
        return lambda: False
    end = time.monotonic() + RELEASE_SECONDS

    def theirs() -> bool:
        return elder.stage(elder.legacy.workers) < RELEASED and not elder.ended() and time.monotonic() < end

    return theirs


async def released(elder: Elder) -> None:
    """Wait until the old version has let go of them."""
    theirs = held(elder)
    await until(lambda: not theirs(), 0.005)
