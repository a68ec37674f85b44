"""What is counted. The counters are 64-bit integers in one buffer that is handed in; Prometheus reads them
from outside.

The buffer may be an array of this process or a slice of shared memory: the layout depends on nothing but
the `families` and the reasons of the policy, so each worker writes its own slice and one exporter adds them up.
Durations are kept as whole nanoseconds, because shared cells hold integers.
"""

from __future__ import annotations

import platform
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from proxy.families import OTHER, VERIFIED, Family, families

PREFIX = "ringwarden_"
SHOWN_EMPTY = 64
"""A family of up to so many series shows them from the start, at 0, so that a first event is seen as a
rise.
"""

ABANDONED = 4.0
"""Seconds: a person says who is there, and within two more somebody must speak (16 CFR 310.4(b)(4)(ii)). Calls that
are over sooner are the most that can have been abandoned; a person who hangs up is among them."""

DECISION_BOUNDS_NS = tuple(
    int(ms * 1_000_000) for ms in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 20, 50, 100)
)
"""Upper bounds of the buckets of a decision, 50 µs to 100 ms, in nanoseconds."""

Cells = MutableSequence[int]
Gauge = Callable[[], float | Mapping[str, float]]
"""Read when somebody asks: a number, or one for each value of the gauge's label."""


class Slots(dict[tuple[str, ...], int]):
    """Label values, in the declared order -> cell; what was not declared is `other`."""

    __slots__ = ("known",)

    def __init__(self, family: Family, start: int) -> None:
        super().__init__((labels, start + place) for place, labels in enumerate(family.series()))
        self.known = tuple(frozenset(values) for values in family.labels.values())

    def __missing__(self, labels: tuple[str, ...]) -> int:
        return self[tuple(v if v in k else OTHER for v, k in zip(labels, self.known, strict=True))]


class Counters:
    """The cells of one family."""

    __slots__ = ("family", "slots")

    def __init__(self, family: Family, start: int) -> None:
        self.family = family
        self.slots = Slots(family, start)

    def slot(self, *labels: str) -> int:
        """The cell of these label values; what was not declared is `other`."""
        return self.slots[labels]


class Metrics:
    """All counters of one process. Nothing here waits, allocates or raises while it counts."""

    def __init__(
        self,
        reasons: Sequence[str] = (),
        verified: Sequence[str] = (),
        buffer: Cells | None = None,
    ) -> None:
        """reasons: all slugs a verdict can carry; verified: all slugs of a failed verification, besides
        VERIFIED.

        buffer: at least `size(...)` cells of 64 bits, zero at first; None: an array of our own.
        """
        self._families: dict[str, Counters] = {}
        start = 0
        for family in families(_once(reasons, "none"), _once(verified, *VERIFIED)):
            self._families[family.name] = counters = Counters(family, start)
            start += len(counters.slots)
        self._histogram = start
        self.size = start + len(DECISION_BOUNDS_NS) + 2
        """Cells used: the counters, the buckets with the open one, the sum."""
        if buffer is not None and len(buffer) < self.size:
            raise ValueError(f"{self.size} cells are needed, {len(buffer)} were given")
        self.cells: Cells = array("q", bytes(8 * self.size)) if buffer is None else buffer
        self._gauges: dict[str, tuple[str, Gauge, str]] = {}
        self._totals: dict[str, tuple[str, Callable[[], int]]] = {}
        self._oversize = self.slot("udp_oversize")
        # What each call is counted by.
        self._requests, self._responses, self._decisions, self._verify, self._marks, self._caches = (
            self._families[name].slots
            for name in ("requests", "responses", "decisions", "verify", "marks", "cert_cache_requests")
        )

    def counters(self, name: str) -> Counters:
        """The family of this name, without prefix and `_total`."""
        return self._families[name]

    def slot(self, name: str, *labels: str) -> int:
        """The cell of one series, to be kept by whoever counts it often."""
        return self._families[name].slot(*labels)

    def count(self, slot: int, by: int = 1) -> None:
        self.cells[slot] += by

    def add(self, name: str, *labels: str, by: int = 1) -> None:
        """Count by name: for what happens seldom."""
        self.cells[self._families[name].slot(*labels)] += by

    # What happens, in the words of those who report it

    def request(self, side: str, method: str) -> None:
        self.cells[self._requests[side, method]] += 1

    def response(self, side: str, status: int) -> None:
        self.cells[self._responses[side, f"{status // 100}xx"]] += 1

    def decision(self, side: str, action: str, reason: str, attest: str) -> None:
        """side: where the call comes from; a call of the carrier is inbound."""
        direction = "inbound" if side == "carrier" else "outbound"
        self.cells[self._decisions[direction, action, reason, attest]] += 1

    def decided(self, seconds: float) -> None:
        """How long a call waited for its verdict."""
        elapsed = int(seconds * 1e9)
        cells, start = self.cells, self._histogram
        cells[start + bisect_left(DECISION_BOUNDS_NS, elapsed)] += 1
        cells[start + len(DECISION_BOUNDS_NS) + 1] += elapsed

    def verified(self, result: str, attest: str) -> None:
        self.cells[self._verify[result, attest]] += 1

    def signed(self, result: str, attest: str) -> None:
        self.add("sign", result, attest)

    def fetched(self, result: str) -> None:
        self.add("cert_fetches", result)

    def asked(self, operation: str, result: str) -> None:
        """How a request of somebody else to sign or verify ended."""
        self.add("api", operation, result)

    def hooked(self, result: str) -> None:
        """How a question to the operator's service ended."""
        self.add("hook", result)

    def vouched(self, result: str) -> None:
        """How a question to a verification service ended."""
        self.add("verifier", result)

    def named(self, result: str) -> None:
        """How a look for a caller's name ended."""
        self.add("names", result)

    def reported(self, form: str, result: str) -> None:
        """A report of how a call sounded."""
        self.add("quality_reports", form, result)

    def shared(self, store: str, result: str) -> None:
        """How an exchange with Redis or PostgreSQL ended."""
        self.add("fleet", store, result)

    def cache(self, result: str) -> None:
        """result: hit or miss."""
        self.cells[self._caches[result,]] += 1

    def emergency(self) -> None:
        self.add("emergency_calls")

    def emergency_callback(self) -> None:
        self.add("emergency_callbacks")

    def notice(self, way: str, result: str) -> None:
        """result: sent, retried, failed or dropped."""
        self.add("notices", way, result)

    def parse_error(self, kind: str | int) -> None:
        """kind: the status that answers it."""
        self.add("parse_errors", str(kind))

    def stray(self) -> None:
        self.add("strays")

    def unknown_source(self) -> None:
        self.add("unknown_sources")

    def over_rate(self) -> None:
        self.add("over_rate")

    def call_out_over(self, seconds: float) -> None:
        """An answered call of ours is over, so long after its answer."""
        self.add("outbound_ends", "at-once" if seconds < ABANDONED else "later")

    def cancelled(self) -> None:
        self.add("cancelled")

    def retransmitted(self, way: str) -> None:
        """way: received or sent."""
        self.add("retransmissions", way)

    def failed_over(self, why: str = OTHER) -> None:
        """why: one of FAILOVERS."""
        self.add("failovers", why)

    def peer_changed(self, state: str) -> None:
        """state: the one that a target of a peer is in now."""
        self.add("peer_changes", state)

    def looked_up(self, kind: str, result: str) -> None:
        """What became of a question to DNS."""
        self.add("dns_lookups", kind, result)

    def marked(self, mode: str, stripped: int, added: int) -> None:
        if stripped:
            self.cells[self._marks[mode, "stripped"]] += stripped
        if added:
            self.cells[self._marks[mode, "added"]] += added

    def oversize(self) -> None:
        self.cells[self._oversize] += 1

    def reloaded(self, result: str) -> None:
        """result: ok or refused."""
        self.add("reloads", result)

    def connection(self, transport: str, what: str, why: str) -> None:
        """transport: tcp or tls; what: begun (why: in or out), refused or ended."""
        self.add(f"connections_{what}", transport, why)

    def admin_restarted(self) -> None:
        self.add("admin_restarts")

    def internal_error(self) -> None:
        self.add("internal_errors")

    # Reading

    def gauge(self, name: str, help: str, read: Gauge, label: str = "") -> None:
        """Declare a gauge that is read when somebody asks; with a label, `read` gives a number for each
        value.
        """
        self._gauges[name] = (help, read, label)

    def total(self, name: str, help: str, read: Callable[[], int]) -> None:
        """Declare a counter that somebody else keeps, such as the rows that the journal dropped."""
        self._totals[name] = (help, read)

    def counter_value(self, name: str, *labels: str) -> int:
        return self.cells[self._families[name].slot(*labels)]

    def exported(self, version: str, lab: bool = False, slices: Sequence[Cells] = ()) -> bytes:
        """The text that Prometheus reads. slices: the cells of all workers; empty: our own alone."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Report(self, version, lab, slices or (self.cells,)))
        return generate_latest(registry)

    def collect(self, version: str, lab: bool, slices: Sequence[Cells]) -> Iterator[Metric]:
        cells = [sum(column) for column in zip(*(part[: self.size] for part in slices), strict=True)]
        for counters in self._families.values():
            yield from self._counter(counters, cells)
        yield self._decision_seconds(cells)
        info = GaugeMetricFamily(
            f"{PREFIX}build_info", "What runs; always 1.", labels=["version", "python", "implementation"]
        )
        info.add_metric([version, platform.python_version(), platform.python_implementation()], 1)
        yield info
        yield GaugeMetricFamily(
            f"{PREFIX}lab", "1 where the lab's relaxations are on: never in production.", value=float(lab)
        )
        for name, (text, count) in self._totals.items():
            yield CounterMetricFamily(PREFIX + name, text, value=count())
        yield from self._read_gauges()

    def _counter(self, counters: Counters, cells: Sequence[int]) -> Iterator[Metric]:
        family = counters.family
        metric = CounterMetricFamily(PREFIX + family.name, family.help, labels=list(family.labels))
        few = len(counters.slots) <= SHOWN_EMPTY
        for labels, slot in counters.slots.items():
            if cells[slot] or (few and OTHER not in labels):
                metric.add_metric(list(labels), cells[slot])
        yield metric

    def _decision_seconds(self, cells: Sequence[int]) -> Metric:
        metric = HistogramMetricFamily(
            f"{PREFIX}decision_seconds",
            "From the arrival of an INVITE to its verdict, waits for certificates included.",
        )
        buckets, total = [], 0
        for place, bound in enumerate((*DECISION_BOUNDS_NS, None)):
            total += cells[self._histogram + place]
            buckets.append(("+Inf" if bound is None else f"{bound / 1e9:g}", total))
        metric.add_metric([], buckets, sum_value=cells[self.size - 1] / 1e9)
        return metric

    def _read_gauges(self) -> Iterator[Metric]:
        for name, (text, read, label) in self._gauges.items():
            try:
                found = read()
            except Exception:
                # What cannot be read is absent for now; the other metrics are worth having.
                continue
            metric = GaugeMetricFamily(PREFIX + name, text, labels=[label] if label else [])
            values = found.items() if isinstance(found, Mapping) else [("", found)]
            for value, number in values:
                metric.add_metric([value] if label else [], number)
            yield metric


class _Report(Collector):
    def __init__(self, metrics: Metrics, version: str, lab: bool, slices: Sequence[Cells]) -> None:
        self._metrics, self._version, self._lab, self._slices = metrics, version, lab, slices

    def collect(self) -> Iterable[Metric]:
        return self._metrics.collect(self._version, self._lab, self._slices)


def _once(values: Iterable[str], *first: str) -> tuple[str, ...]:
    """Each value once, in order; `other` is always there and is left out here."""
    return tuple(dict.fromkeys(v for v in (*first, *values) if v != OTHER))
