"""The transaction layer: runs the tables of `transactions` for the live transactions (RFC 3261 section 17).

It keeps them by key, sends and repeats their bytes and runs their timers. What a table leaves to the transaction user
(PASS, ACKNOWLEDGE, TIMEOUT, FAIL) is handed back by `feed`. It knows nothing of forking or of calls.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from proxy.sip import transactions
from proxy.sip.flow import Flow
from proxy.sip.options import Options
from proxy.sip.timers import MIN_D, Timer, Timers
from proxy.sip.transactions import RESEND, SEND, STARTS, STOP, TERMINATED, Table

# States in which nothing of ours is sent again: the bytes may go, the key stays.
_SPENT = frozenset((transactions.ACCEPTED, transactions.CONFIRMED))


_REPEATING = frozenset("AEG")
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

    __slots__ = ("_reliable", "_seconds", "_t1", "_t2", "cancels", "clients", "out", "servers", "timers")

    def __init__(self, options: Options) -> None:
        self.servers: dict[Hashable, Transaction] = {}
        self.clients: dict[bytes, Any] = {}
        """Branches by the part of their branch parameter that follows the cookie."""
        self.cancels: dict[bytes, Transaction] = {}
        """Our CANCELs, which share the branch of what they cancel (SIP-086)."""
        self.out: list[tuple[bytes, Flow]] = []
        self.timers = Timers()
        self._t1, self._t2 = options.t1, options.t2
        self._reliable = tuple(one.transport != "UDP" for one in options.listeners)
        """For each listener, whether its transport delivers or says that it cannot."""
        whole = 64 * options.t1
        self._seconds = {
            "B": whole, "F": whole, "H": whole, "J": whole, "L": whole, "M": whole, "D": max(MIN_D, whole),
            "I": options.t4, "K": options.t4,
        }  # fmt: skip

    def __len__(self) -> int:
        return len(self.servers) + len(self.clients) + len(self.cancels)

    def feed(self, one: Transaction, event: str, now: float, data: bytes = b"") -> tuple[str, ...]:
        """One event into one machine; `data` is what SEND sends. Gives back what its table says, () if nothing."""
        found = one.table.get((one.state, event))
        if found is None:
            return ()
        state, actions = found
        one.state = state
        for action in actions:
            if action == SEND:
                one.last = data
                self.out.append((data, one.to))
            elif action in STARTS:
                self.start_timer(one, STARTS[action], now)
            elif action == STOP:
                timers = self.timers
                timers.cancel(one.retry_timer)
                timers.cancel(one.timer)
                one.retry_timer = one.timer = None
            elif action == RESEND and one.last is not None:
                self.out.append((one.last, one.to))
        if state == TERMINATED:
            self.end(one)
        elif state in _SPENT:
            one.last = None
        return actions

    def start_timer(self, one: Transaction, name: str, now: float) -> None:
        """A timer of the tables, with the seconds that the RFC gives it (table 4)."""
        reliable = self._reliable[one.to[0]]
        if reliable and name in _REPEATING:
            return  # the transport sends again what is lost
        seconds = self._seconds.get(name)
        if seconds is not None:
            if reliable and name in _LINGERING:
                seconds = 0.0  # nothing can come a second time
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
        self.timers.cancel(one.retry_timer)
        self.timers.cancel(one.timer)
        one.retry_timer = one.timer = None
        one.last = None
        one.home.pop(one.key, None)
