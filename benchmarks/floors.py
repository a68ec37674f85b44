"""What cannot be cheaper: one bare ES256 check, one datagram in and out. Taken in the same run as the figures beside
them.

A call of seven messages that is verified costs at least one check and seven datagrams each way, in whatever language.
When a floor moves between two runs, the machine moved, and only ratios may be compared.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

CHECKS = 400
DATAGRAMS = 4000
OCTETS = 1500


@dataclass(frozen=True, slots=True)
class Floors:
    """CPU microseconds."""

    verify: float
    """One ES256 signature checked by OpenSSL."""
    datagram: float
    """One datagram of 1,500 octets sent and one received."""


def measure(cores: Sequence[int] = ()) -> Floors:
    """Both floors, on these cores."""
    before = os.sched_getaffinity(0)
    try:
        if cores:
            os.sched_setaffinity(0, cores)
        return Floors(_verify(), _datagram())
    finally:
        os.sched_setaffinity(0, before)


def _verify() -> float:
    key = ec.generate_private_key(ec.SECP256R1())
    message, algorithm = b"x" * 400, ec.ECDSA(hashes.SHA256())
    signature, public = key.sign(message, algorithm), key.public_key()
    began = time.thread_time()
    for _ in range(CHECKS):
        public.verify(signature, message, algorithm)
    return (time.thread_time() - began) / CHECKS * 1e6


def _datagram() -> float:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        to, data = sock.getsockname(), b"x" * OCTETS
        began = time.thread_time()
        for _ in range(DATAGRAMS):
            sock.sendto(data, to)
            sock.recvfrom(65_535)
        return (time.thread_time() - began) / DATAGRAMS * 1e6
