"""The run: messages by number, each from a seed of its own; findings kept as files; memory watched."""

from __future__ import annotations

import gc
import hashlib
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.corpus import messages
from tests.fuzz.ground import Ground
from tests.fuzz.mutations import mutated

SEEDS = Path(__file__).resolve().parent / "seeds"
SETTLED = 20_000
"""Messages after which all timers run out, and memory is measured."""
MOST = 20
"""Findings after which a run ends: the first ones are worth looking at."""
SPREAD = 1_000_003


@dataclass
class Outcome:
    """What a run came to."""

    count: int = 0
    findings: list[str] = field(default_factory=list)
    """Where and what, one for each place in the code."""
    memory: list[int] = field(default_factory=list)
    """Resident octets each time that all timers had run out."""
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """Resident memory at the end against that after the first fifth of the run; 1.0 is flat."""
        if len(self.memory) < 5:
            return 1.0
        return self.memory[-1] / self.memory[len(self.memory) // 5]


def message(seed: int, number: int, corpus: list[bytes], ground: Ground) -> tuple[bytes, Random]:
    """The message of this number, and the generator that goes on with it."""
    rng = Random(seed * SPREAD + number)
    data, kind = rng.choice(corpus), rng.random()
    if kind < 0.45:
        # What fits to what went before is left as it is half of the time: else no call would ever get anywhere.
        follows = ground.answer(rng) if kind < 0.35 else ground.companion(rng)
        if follows is not None:
            return (follows if rng.random() < 0.5 else mutated(follows, rng, corpus)), rng
    elif kind < 0.85:
        # A branch and a call of its own: else nearly everything would be the repetition of something.
        fresh = b"%x" % number
        data = data.replace(b"z9hG4bK", b"z9hG4bK" + fresh).replace(b"Call-ID: ", b"Call-ID: " + fresh)
    return mutated(data, rng, corpus), rng


def run(
    count: int, seed: int, *, first: int = 0, keep: Path | None = SEEDS, told: Callable[[int, Outcome], None] | None = None
) -> Outcome:
    """Messages `first` to `first + count`. keep: where findings are written; None: nowhere."""
    corpus, ground, outcome = messages(), Ground(), Outcome()
    places: set[str] = set()
    for number in range(first, first + count):
        data = b""
        try:
            data, rng = message(seed, number, corpus, ground)
            ground.take(data, rng)
            if (number + 1) % SETTLED == 0:
                ground.settle()
                outcome.memory.append(resident())
        except Exception as error:
            place = where(error)
            if place not in places:
                places.add(place)
                outcome.findings.append(f"message {number} of seed {seed}: {place}")
                if keep is not None:
                    kept(keep, data, seed, number, error)
            # A machine in which something was raised half-way proves nothing more.
            seen = ground.seen
            ground = Ground()
            ground.seen = seen
        outcome.count += 1
        if told is not None and outcome.count % 1000 == 0:
            told(outcome.count, outcome)
        if len(outcome.findings) >= MOST:
            break
    else:
        ground.settle()
    outcome.seen = dict(ground.seen)
    return outcome


def where(error: Exception) -> str:
    """The kind of an exception and the line of ours that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = frames[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {str(error)[:200]}"


def kept(folder: Path, data: bytes, seed: int, number: int, error: Exception) -> Path:
    """Write the message that found something, and beside it how to have it again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:12]}.sip"
    path.write_bytes(data)
    how = f"seed = {seed}\nnumber = {number}\n"
    path.with_suffix(".txt").write_text(how + "".join(traceback.format_exception(error)), encoding="utf-8")
    return path


def resident() -> int:
    """Octets of memory that this process holds, after a collection."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
