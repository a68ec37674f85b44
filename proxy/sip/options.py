"""What an endpoint is told when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proxy.sip import timers
from proxy.sip.flow import Flow
from proxy.sip.message import Request

MAX_TRANSACTIONS = 400_000
"""Live server transactions: 6,000 calls a second, two each, for the 32 seconds that an answered one lingers. At about
1 KiB they stay far from what a machine has."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that we listen on, and what we write of it into Via and Record-Route."""

    transport: str
    """Upper case: UDP, TCP or TLS."""
    host: str
    port: int
    advertised_host: str
    advertised_port: int


@dataclass(frozen=True, slots=True)
class Options:
    """What may be set; times in seconds."""

    listeners: tuple[Listener, ...]
    t1: float = timers.T1
    t2: float = timers.T2
    t4: float = timers.T4
    timer_c: float = timers.TIMER_C
    silence: float = 2.0
    """Without any answer of a hop for so long, the next one is tried; the silent one stays until its own timer."""
    patience: float = 32.0
    """A request that the user neither answered nor sent on for so long after its 100 is given up."""
    max_transactions: int = MAX_TRANSACTIONS
    """New requests beyond it are dropped and reported; a quarter more is kept for requests of dialogs (SIP-120), and
    beyond that another for emergency calls (EMG-003).
    """
    large: Mapping[Flow, Flow] = field(default_factory=dict)
    """UDP targets that have TCP too -> how they are reached by it, for what is too long for a datagram."""
    preloaded: Mapping[Flow, tuple[bytes, ...]] = field(default_factory=dict)
    """Targets that are reached by a route set of our own -> its Route lines, for requests outside of dialogs (section
    16.6(6)); by a stream of `large` too, which is not named here.
    """
    server_name: str = ""
    """For the Server header of our own answers; empty: none."""
    vital: Callable[[bytes], bool] | None = None
    """Told a Request-URI, says whether the request is let in though its bytes have faults, if only it can be answered:
    emergency calls."""
    belongs: Callable[[Request], bool] | None = None
    """Told a request whose bytes have faults, says whether it is let in too, an ACK as any other: it is of a call that
    was. Never raises.
    """


class Tokens(Protocol):
    """Unguessable tokens of RFC 3261's token characters."""

    def branch(self) -> str: ...
    def tag(self) -> str: ...
