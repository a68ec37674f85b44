"""The load generator of the lab (`proxy.lab.load`) on a stage: its calls are signed by the stage's key, and callers,
signers and callees have the cores that the measured program has not.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

from benchmarks.stage import Stage
from proxy.lab.load.fleet import Callees, place
from proxy.lab.load.plan import Address, Outcome, Plan, Signing

FAST = 100_000.0
"""Calls a second: the pace of a closed loop, where nothing but the end of calls holds others back."""
OPEN = 64
"""Calls open at one time in it: enough that no worker waits for work, few enough that nothing is sent twice."""
NAP = 0.002
"""Seconds that callers and callees sleep to hear several messages at one wake-up: half of sipp's clock."""
SETTLE = 0.5
"""Seconds between two runs."""


class Generator:
    """Callees that stay, and runs of callers against any proxy of the stage. Use it in a `with` block."""

    def __init__(self, stage: Stage, *, cores: tuple[int, ...], transport: str = "udp", nap: float = NAP, at: Address | None = None) -> None:
        """nap: 0.0 where delays matter; at: where the callees are, if not at the PBX."""
        self.stage, self.cores, self.transport, self.nap = stage, cores, transport, nap
        self.callees = Callees(at or stage.pbx, transport=transport, nap=nap, cores=cores)
        self._first = 0

    def plan(self, target: Address, rate: float, calls: int, **more: Any) -> Plan:
        """So many calls, each signed. more: of `Plan`."""
        signing = Signing(self.stage.good.key_pem(), (self.stage.good_url,))
        self._first += calls
        asked = {"callers": 1, "nap": self.nap, "signing": signing, "me": self.stage.carrier, **more}
        return Plan(
            target, rate=rate, calls=calls, transport=self.transport, cores=self.cores, first=self._first - calls, **asked
        )  # fmt: skip

    def run(self, target: Address, rate: float, calls: int, **more: Any) -> Outcome:
        """Place them, and let the last timers of the run pass."""
        outcome = place(self.plan(target, rate, calls, **more), self.callees)
        time.sleep(SETTLE)
        return outcome

    def closed(self, target: Address, seconds: float, *, limit: int = OPEN, **more: Any) -> Outcome:
        """As many as go, for about so many seconds, after a short run that says how many that is."""
        probe = self.run(target, FAST, 400, limit=limit, **more)
        return self.run(target, FAST, max(int(probe.rate * seconds), 400), limit=limit, **more)

    def alone(self, rate: float, calls: int, **more: Any) -> Outcome:
        """The same calls straight to the callee: what the generator itself can do, and what it adds to a delay."""
        return self.run(self.stage.pbx, rate, calls, **more)

    def stop(self) -> None:
        self.callees.stop()

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def split(workers: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The cores of the load and those of what is measured: the last ones, as the first takes most interrupts."""
    cores = sorted(os.sched_getaffinity(0))
    return tuple(cores[: max(len(cores) - workers, 1)]), tuple(cores[-workers:])


def forged(plan: Plan) -> Plan:
    """The same calls with a signature that does not hold."""
    assert plan.signing is not None, "only what is signed can be forged"
    return replace(plan, signing=replace(plan.signing, forged=True))
