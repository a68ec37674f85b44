"""A telephone of the lab as a process of its own, so that it can be killed, stopped and told by signals how to answer.

SIGHUP: answer at once. SIGUSR1: answer 503. SIGUSR2: ring, and answer at the next SIGHUP. OPTIONS is always answered.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from proxy.lab.calling import Answer
from proxy.lab.phone import Phone


async def main(port: int, user: str) -> None:
    picked_up = asyncio.Event()
    async with Phone(port=port, user=user) as phone:

        def well() -> None:
            picked_up.set()
            phone.answers = Answer()

        def ring() -> None:
            picked_up.clear()
            phone.answers = Answer(until=picked_up)

        def refuse() -> None:
            phone.answers = Answer(status=503, phrase="Service Unavailable", rings=False)

        loop = asyncio.get_running_loop()
        for number, act in ((signal.SIGHUP, well), (signal.SIGUSR1, refuse), (signal.SIGUSR2, ring)):
            loop.add_signal_handler(number, act)
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
