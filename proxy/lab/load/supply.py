"""Signed calls, made ahead: beside each caller a process signs what that caller will need, and waits when it is too
far ahead, so that no token is old when its call leaves.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

from proxy.lab.load.numbers import pair
from proxy.lab.load.plan import Plan, Signing
from shaken.sign import Signer, load_key

BLOCK = 64
"""Calls handed over at a time: little enough to be taken in between two messages."""
AHEAD = 25.0
"""Seconds of calls that may be signed ahead: tokens are fresh for sixty (RFC 8224 section 4.4)."""
MOST, HELD = 40_000, 8_000
"""Calls that a caller keeps in memory; where calls are held placing takes minutes, and no token may grow old."""
PATIENCE = 60.0
"""Seconds for the first of them."""


class Call(NamedTuple):
    """A call to place."""

    caller: bytes
    callee: bytes
    identity: bytes
    """The header line with its end; empty for a call that nobody signs."""


def calls(plan: Plan, number: int) -> Iterator[Call]:
    """The calls of one caller of the plan, signed as they are taken."""
    sign = signing(plan.signing) if plan.signing else None
    fixed = plan.callee.encode()
    for index in range(number, plan.calls, plan.callers):
        caller, callee = pair(plan.first + index)
        callee = fixed or callee
        yield Call(caller, callee, sign(plan.first + index, caller, callee) if sign else b"")


class signing:  # noqa: N801 (used as a function)
    """Makes the Identity lines of a plan."""

    def __init__(self, how: Signing) -> None:
        keys = [load_key(pem) for pem in how.keys or (how.key,)]
        self._signers = [Signer(key, url) for key, url in zip(itertools.cycle(keys), how.urls, strict=False)]
        self._attest, self._forged = how.attest, how.forged
        self._run = os.urandom(6).hex()

    def __call__(self, index: int, caller: bytes, callee: bytes) -> bytes:
        value = self._signers[index % len(self._signers)].identity(
            orig=caller.decode(), dest=(callee.decode(),), iat=int(time.time()), attest=self._attest,
            origid=f"{index & 0xFFFFFFFF:08x}-0000-4000-8000-{self._run}",
        )  # fmt: skip
        if self._forged:
            at = value.rfind(b".", 0, value.index(b";")) + 11
            value = value[:at] + (b"A" if value[at : at + 1] != b"A" else b"B") + value[at + 1 :]
        return b"Identity: " + value + b"\r\n"


def sign(plan: Plan, number: int, outlet: Connection) -> None:
    """The process beside a caller: ends when all is signed or the caller is gone."""
    made = calls(plan, number)
    try:
        while block := list(itertools.islice(made, BLOCK)):
            # A pipe holds few blocks: this waits until the caller wants more.
            outlet.send_bytes(b"\n".join(b"\t".join(one).replace(b"\r\n", b"") for one in block))
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        outlet.close()


class Supply:
    """What a caller takes its calls from."""

    def __init__(self, plan: Plan, number: int, inlet: Connection | None) -> None:
        """inlet: where signed ones come from; without one they are made as they are taken."""
        self._inlet = inlet
        self._made = calls(plan, number) if inlet is None else iter(())
        self._stock: deque[Call] = deque()
        most = HELD if plan.hold else MOST
        self._wanted = min(most, int(AHEAD * plan.rate / plan.callers) + BLOCK, plan.calls // plan.callers + 1)

    @property
    def inlet(self) -> Connection | None:
        """To be waited for, while more is wanted."""
        return self._inlet if self._inlet is not None and len(self._stock) < self._wanted else None

    def fill(self) -> None:
        """Before the start: as much as may lie ahead. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE
        while (inlet := self.inlet) is not None:
            if not inlet.poll(max(until - time.monotonic(), 0.0)):
                raise TimeoutError("no signed calls came")
            self.more()

    def more(self) -> bool:
        """Take a block, if one has come and is wanted."""
        inlet = self.inlet
        if inlet is None or not inlet.poll():
            return False
        try:
            block = inlet.recv_bytes()
        except EOFError:
            self._inlet = None
            return False
        for line in block.split(b"\n"):
            caller, callee, identity = line.split(b"\t")
            self._stock.append(Call(caller, callee, identity and identity + b"\r\n"))
        return True

    def take(self) -> Call | None:
        """The next call; None where none is there, now or for good."""
        if self._stock:
            return self._stock.popleft()
        return next(self._made, None)
