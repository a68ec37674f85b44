"""The transaction layer: runs the tables of `transactions` for the live transactions (RFC 3261 section 17).

It keeps them by key, sends and repeats their bytes and runs their timers. What a table leaves to the transaction user
(PASS, ACKNOWLEDGE, TIMEOUT, FAIL) is handed back by `feed`. It knows nothing of forking or of calls.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from proxy.sip import transactions
from proxy.sip.flow import Flow
from proxy.sip.options import Options
from proxy.sip.timers import MIN_D, OWNER, Timer, Timers
from proxy.sip.transactions import TERMINATED, Table

# States in which nothing of ours is sent again: the bytes may go, the key stays.
_SPENT = frozenset((transactions.ACCEPTED, transactions.CONFIRMED))

_LINGERING = frozenset("DIJK")


class Transaction:
    """One of the four machines at work. It runs two timers at most: one that repeats, one that ends it."""

    __slots__ = ("home", "key", "last", "retry", "retry_timer", "state", "table", "timer", "to")

    def __init__(self, table: Table, state: str, key: Any, home: dict[Any, Any], to: Flow) -> None:
        self.table = table
        self.state = state
        self.key = key
        """Hashable, of the kind that `home` has."""
        self.home = home
        """Where it stands under its key while it lives."""
        self.to = to
        """Where what it sends goes."""
        self.last: bytes | None = None
        """What is sent again: our last response, our request, or our ACK."""
        self.retry = 0.0
        """Seconds of the last interval."""
        self.retry_timer: Timer | None = None
        self.timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<{transactions.NAMES[id(self.table)]} {self.state}>"


class Layer:
    """All live transactions of an endpoint."""

    __slots__ = ("_seconds", "_t1", "_t2", "cancels", "clients", "out", "servers", "timers")

    def __init__(self, options: Options) -> None:
        self.servers: dict[Hashable, Transaction] = {}
        self.clients: dict[bytes, Any] = {}
        """Branches by the part of their branch parameter that follows the cookie."""
        self.cancels: dict[bytes, Transaction] = {}
        """Our CANCELs, which share the branch of what they cancel (SIP-086)."""
        self.out: list[tuple[bytes, Flow]] = []
        self.timers = Timers()
        self._t1, self._t2 = options.t1, options.t2
        whole = 64 * options.t1
        once = {
            "B": whole, "F": whole, "H": whole, "J": whole, "L": whole, "M": whole, "D": max(MIN_D, whole),
            "I": options.t4, "K": options.t4,
        }  # fmt: skip
        # A transport that delivers, or says that it cannot, sends again what is lost, and nothing comes a second time.
        reliable = {**once, **dict.fromkeys(_LINGERING, 0.0), **dict.fromkeys("AEG")}
        self._seconds: tuple[Mapping[str, float | None], ...] = tuple(
            once if one.transport == "UDP" else reliable for one in options.listeners
        )
        """For each listener: the timers of a fixed length, and with None those that do not run."""

    def __len__(self) -> int:
        return len(self.servers) + len(self.clients) + len(self.cancels)

    def feed(self, one: Transaction, event: str, now: float, data: bytes = b"") -> tuple[str, ...]:
        """One event into one machine; `data` is what SEND sends. Gives back what its table says, () if nothing."""
        found = one.table.steps.get((one.state, event))
        if found is None:
            return ()
        one.state, actions, stop, send, starts, resend = found
        if stop:
            if (timer := one.retry_timer) is not None:
                timer[OWNER] = one.retry_timer = None
            if (timer := one.timer) is not None:
                timer[OWNER] = one.timer = None
        if send:
            one.last = data
            self.out.append((data, one.to))
        for name in starts:
            self.start_timer(one, name, now)
        if resend and one.last is not None:
            self.out.append((one.last, one.to))
        if one.state in _SPENT:
            one.last = None
        elif one.state == TERMINATED:
            self.end(one)
        return actions

    def start_timer(self, one: Transaction, name: str, now: float) -> None:
        """A timer of the tables, with the seconds that the RFC gives it (table 4)."""
        fixed = self._seconds[one.to[0]]
        if name in fixed:
            if (seconds := fixed[name]) is not None:
                one.timer = self.timers.start(seconds, one, name, now)
            return
        # A, E and G begin with T1 and double: A without an end, E and G up to T2; E is T2 in Proceeding (17.1.2.2).
        seconds = one.retry * 2 or self._t1
        if name != "A" and (seconds > self._t2 or (name == "E" and one.state == transactions.PROCEEDING)):
            seconds = self._t2
        one.retry = seconds
        one.retry_timer = self.timers.start(seconds, one, name, now)

    def end(self, one: Transaction) -> None:
        """A transaction is over, by its table or because nothing is left to wait for."""
        one.state = TERMINATED
        if (timer := one.retry_timer) is not None:
            timer[OWNER] = one.retry_timer = None
        if (timer := one.timer) is not None:
            timer[OWNER] = one.timer = None
        one.last = None
        one.home.pop(one.key, None)
