"""A caller and a callee in one virtual time, with a wire between them that a test can break."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.lab.load import words
from proxy.lab.load.callee import Callee
from proxy.lab.load.caller import Caller
from proxy.lab.load.plan import Address, Plan
from proxy.lab.load.supply import Supply

HERE, THERE = Address("127.0.0.2", 5070), Address("127.0.0.3", 5080)


class Wire:
    """What is sent stays in `out` until it is carried over."""

    files: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.out: list[bytes] = []

    def receive(self) -> list[Any]:
        return []

    def send(self, data: bytes, who: Any) -> None:
        self.out.append(data)

    def taken(self) -> list[bytes]:
        taken, self.out = self.out, []
        return taken


class Line:
    """Caller, callee, and the time."""

    def __init__(self, rings: float = 0.0, **asked: Any) -> None:
        self.plan = Plan(THERE, rate=100.0, me=HERE, **{"calls": 1, **asked})
        self.near, self.far = Wire(), Wire()
        script = words.Caller(HERE, THERE, "udp", "pbx.example")
        self.caller = Caller(self.plan, 0, self.near, script, Supply(self.plan, 0, None))  # type: ignore[arg-type]
        self.callee = Callee([self.far], words.Callee(THERE, "udp"), rings)  # type: ignore[list-item]
        self.now = 0.0

    def place(self, index: int = 0) -> None:
        assert self.caller._place(index, self.now, self.now)

    def carry(self, keep: Any = lambda data: True) -> list[bytes]:
        """Carry everything over, and what it leads to, but what `keep` does not want; returns the start lines."""
        said = []
        while self.near.out or self.far.out:
            for data in self.near.taken():
                said.append(data.split(b"\r\n")[0])
                if keep(data):
                    self.callee._hear(self.far, data, HERE, self.now)  # type: ignore[arg-type]
            for data in self.far.taken():
                said.append(data.split(b"\r\n")[0])
                if keep(data):
                    self.caller._hear(data, THERE, self.now, self.now)
        return said

    def pass_time(self, seconds: float, keep: Any = lambda data: True) -> list[bytes]:
        said, until = [], self.now + seconds
        while self.now < until:
            self.now = round(self.now + 0.125, 3)
            self.caller._timers(self.now)
            self.callee._timers(self.now)
            said += self.carry(keep)
        return said


@pytest.fixture
def line() -> Line:
    return Line()
