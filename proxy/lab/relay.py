"""Bad weather between two UDP sockets on loopback: datagrams are lost, doubled and overtaken, as a seed has it.

A relay stands for each of the two towards the other, at an address of its own with the other's port: that port is
what Via says, so answers come back to it by RFC 3261 section 18.2 although nobody knows of it. It reads and changes
no octet. The same seed gives the n-th datagram of a direction the same fate in every run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from types import TracebackType
from typing import Self

from proxy.lab.dialog import Peer

MAX_HELD = 20_000
"""Copies that are held back at one time; one more is lost."""
LONGEST = 65_535
BATCH = 64
BUFFER = 4 * 1024 * 1024
"""Octets of socket buffer: what is lost is to be our doing alone."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What may happen to a datagram; chances from 0 to 1."""

    loss: float = 0.0
    double: float = 0.0
    """It comes twice, the second time later."""
    late: float = 0.0
    """It is held back, and others overtake it."""
    seconds: float = 0.1
    """How long at most."""

    def fate(self, draw: Callable[[], float]) -> tuple[float, ...]:
        """The delays of the copies that arrive. Always draws four numbers: one fate has no say in the next."""
        lost, doubled, held, share = draw() < self.loss, draw() < self.double, draw() < self.late, draw()
        if lost:
            return ()
        delay = self.seconds * share
        first = delay if held else 0.0
        return (first, first + delay) if doubled else (first,)


@dataclass(slots=True)
class Toll:
    """What it came to."""

    carried: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0


class Relay:
    """`async with Relay(one, other, weather, seed)`: what comes for `other` goes on to it, and the other way round."""

    def __init__(self, one: Peer, other: Peer, weather: Weather, seed: int, hosts: tuple[str, str]) -> None:
        """hosts: addresses of loopback, the first to stand for `other` towards `one`, the second for `one`. Raises
        OSError.
        """
        self.toll = Toll()
        self.for_other: Peer = (hosts[0], other[1])
        """What `one` sends to in the place of `other`."""
        self.for_one: Peer = (hosts[1], one[1])
        self._weather = weather
        self._held = 0
        self._sides: list[tuple[socket.socket, Peer, Random]] = []
        for number, (mine, to) in enumerate(((self.for_other, other), (self.for_one, one))):
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sides.append((bound, to, Random(f"{seed}/{number}")))
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            bound.bind(mine)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number, (bound, _, _) in enumerate(self._sides):
            loop.add_reader(bound, self._readable, number)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for bound, _, _ in self._sides:
            loop.remove_reader(bound)
            bound.close()

    def _readable(self, number: int) -> None:
        bound, to, random = self._sides[number]
        outlet, toll = self._sides[1 - number][0], self.toll
        for _ in range(BATCH):
            try:
                data = bound.recv(LONGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an earlier datagram found nobody: that is weather too
            delays = self._weather.fate(random.random)
            toll.lost += not delays
            toll.doubled += len(delays) > 1
            toll.late += bool(delays) and delays[0] > 0
            for delay in delays:
                if delay == 0:
                    self._carry(outlet, data, to)
                elif self._held < MAX_HELD:
                    self._held += 1
                    asyncio.get_running_loop().call_later(delay, self._release, outlet, data, to)

    def _release(self, outlet: socket.socket, data: bytes, to: Peer) -> None:
        self._held -= 1
        self._carry(outlet, data, to)

    def _carry(self, outlet: socket.socket, data: bytes, to: Peer) -> None:
        if outlet.fileno() < 0:
            return  # closed meanwhile
        try:
            outlet.sendto(data, to)
        except OSError:
            self.toll.lost += 1
        else:
            self.toll.carried += 1


async def serve(relay: Relay) -> None:
    """Runs until SIGINT or SIGTERM; prints a line when it is ready, and its toll as JSON at the end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with relay:
        print("relay ready", flush=True)
        await stop.wait()
    print(json.dumps(asdict(relay.toll)), flush=True)


def peer(text: str) -> Peer:
    """`host:port`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proxy.lab.relay", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--between", type=peer, nargs=2, required=True, metavar="HOST:PORT")
    parser.add_argument("--hosts", nargs=2, required=True, help="addresses that stand for the second and the first")
    parser.add_argument("--seed", type=int, default=1)
    for name in ("loss", "double", "late"):
        parser.add_argument(f"--{name}", type=float, default=0.0, help="a chance from 0 to 1")
    parser.add_argument("--seconds", type=float, default=0.1, help="how long a datagram is held back at most")
    asked = parser.parse_args()
    weather = Weather(asked.loss, asked.double, asked.late, asked.seconds)

    async def run() -> None:
        (one, other), (first, second) = asked.between, asked.hosts
        await serve(Relay(one, other, weather, asked.seed, (first, second)))

    asyncio.run(run())


if __name__ == "__main__":
    main()
