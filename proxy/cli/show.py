"""`demo`: the whole telephone world on loopback. The only command here that loads a lab."""

from __future__ import annotations

import asyncio
from pathlib import Path

import uvloop

STOPPED = 130
"""What a shell gives for Ctrl-C."""

def demo(keep: bool, folder: str | None) -> int:
    """Run the demo; 0 only if each call came out as expected."""
    from proxy.lab.demo import run

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(keep=keep, folder=Path(folder) if folder else None))
    except KeyboardInterrupt:  # the world has been taken down on the way here
        return STOPPED
