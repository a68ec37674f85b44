"""Ports of loopback for what is started in a moment: nobody else may take them between the look and the use."""

from __future__ import annotations

import random
import socket
from collections import deque

BELOW = range(20_000, 32_000)
"""Under those that a system gives to whoever asks for any, so that no connection of anybody takes one meanwhile."""
TRIES = 1_000
_given: deque[int] = deque(maxlen=TRIES)


def is_free(port: int, kind: socket.SocketKind, host: str = "127.0.0.1") -> bool:
    """Whether a loopback port can be bound."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # As a server would ask: connections of the demo before, closed a moment ago, do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now, by UDP and by TCP, and was not given lately. Raises OSError where none is found."""
    for _ in range(TRIES):
        port = random.choice(BELOW)
        if port not in _given and all(is_free(port, kind, host) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            _given.append(port)
            return port
    raise OSError("no port is free")
