"""What is read of a running ringwarden when somebody asks: each figure with its name as a metric, and how those of
several workers come together. Counters that calls count up live in `metrics`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from proxy import duties
from proxy.clock import errors as clock_errors
from proxy.lists import force
from proxy.metrics import Metrics
from proxy.storage.journal import Journal
from proxy.transports import Streams, Udp
from proxy.wiring import PINGS, Wiring
from proxy.workers.clerk import Clerk
from proxy.workers.links import SHOWN
from proxy.workers.seat import Seat

SHOWN_SECONDS = 0.25
"""How old the figures of a worker may be."""
CLOCK_ERROR = "What the system says of its own clock."
PEER_UP = "Hops of a peer that calls try; 0: down, or taken out."


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that is read when somebody asks, with its name as a metric."""

    name: str
    help: str
    read: Callable[[Wiring], float]
    total: bool = False
    of_all: Callable[[Iterable[float]], float] = sum
    """What is told of several workers: the sum, the highest, or the lowest, which is what all of them have."""


def _datagrams(app: Wiring) -> float:
    return sum(one.dropped for one in app.sockets if isinstance(one, Udp))


def _streams(read: Callable[[Streams], float]) -> Callable[[Wiring], float]:
    return lambda app: sum(read(one) for one in app.sockets if isinstance(one, Streams))


def _seated(read: Callable[[Seat], float]) -> Callable[[Wiring], float]:
    return lambda app: read(app.seat) if app.seat is not None else 0


FIGURES = (
    Figure("active_calls", "Answered calls whose end was not seen yet.", lambda app: len(app.calls.ongoing)),
    Figure("transactions", "Live SIP transactions.", lambda app: app.endpoint.transactions),
    Figure("waiting_calls", "Calls that wait for a certificate or a name.", lambda app: app.calls.waiting),
    Figure("cert_cache_entries", "Certificates in memory.", lambda app: len(app.store) if app.store else 0),
    Figure("cert_cache_stocked", "Kept files not asked for yet.", lambda app: app.store.stocked if app.store else 0),
    Figure("cert_fetching", "Certificates being fetched.", lambda app: app.store.flying if app.store else 0),
    Figure("cert_hosts_resting", "Hosts left alone a while.", lambda app: app.store.resting if app.store else 0),
    Figure("trust_roots", "Roots that vouch for certificates.", lambda app: app.watch.standing.roots, of_all=min),
    Figure(
        "trust_generation", "Times that they changed.", lambda app: app.watch.standing.roots_generation, of_all=min
    ),
    Figure("trust_age_seconds", "Since they last did.", lambda app: app.watch.roots_age, of_all=max),
    Figure("crl_entries", "Certificates that were taken back.", lambda app: app.watch.standing.revoked, of_all=min),
    Figure("crl_generation", "Times that they changed.", lambda app: app.watch.standing.lists_generation, of_all=min),
    Figure("crl_age_seconds", "Since the oldest list was made.", lambda app: app.watch.revoked_age, of_all=max),
    Figure("trust_complaints", "Lists that could not be taken up.", lambda app: app.watch.complaints, of_all=max),
    Figure(
        "signing_generation", "Times that our keys changed.", lambda app: app.watch.standing.keys_generation,
        of_all=min,
    ),
    Figure("signing_certificate_seconds_left", "Of ours; 0: not known.", lambda app: app.watch.left, of_all=min),
    Figure("notices_queued", "Notices on their ways.", lambda app: app.sending.waiting if app.sending else 0),
    Figure("bypass", "Processes that screen nothing.", lambda app: app.calls.world.bypass),
    Figure("connections", "Open TCP and TLS connections, ours and theirs.", _streams(len)),
    Figure("half_open_connections", "Of them: without a whole message yet.", lambda app: app.room.half_open),
    Figure("promises_dropped_total", "Lines of opt-outs not written.", lambda app: app.promises.dropped, True),
    Figure("hep_queued", "Copies that wait for the HEP collector.", lambda app: app.tap.waiting if app.tap else 0),
    Figure("hep_sent_total", "Copies sent to the HEP collector.", lambda app: app.tap.copied if app.tap else 0, True),
    Figure("hep_dropped_total", "Copies that were dropped.", lambda app: app.tap.dropped if app.tap else 0, True),
    Figure("hep_failed_total", "Signs of a dead collector.", lambda app: app.tap.failed if app.tap else 0, True),
    Figure(
        "fleet_dropped_total", "Calls that other machines were not told of.",
        lambda app: app.calls.world.fleet.dropped if app.calls.world.fleet is not None else 0, True,
    ),
    Figure("log_dropped_total", "Log lines that were dropped.", lambda app: app.log.dropped, True),
    Figure("udp_dropped_total", "Datagrams that the system did not take.", _datagrams, True),
    Figure("stream_dropped_total", "Messages that no connection could take.", _streams(lambda s: s.dropped), True),
    Figure("shed_total", "New calls let fall: more came than could be served.", lambda app: app.server.shed, True),
    Figure("connections_dealt_total", "Connections given to another worker.", _seated(lambda seat: seat.dealt), True),
    Figure("handed_over_total", "Messages given to their worker.", _seated(lambda seat: seat.handed), True),
    Figure("handover_lost_total", "Records for others that did not fit.", _seated(lambda seat: seat.lost), True),
)
"""In an order that all processes know."""
BYPASS = next(place for place, one in enumerate(FIGURES) if one.name == "bypass")


def declare(app: Wiring, journal: Journal | Clerk | None) -> None:
    """Make metrics of all of them, for one who is alone."""
    metrics = app.metrics
    for one in FIGURES:
        if one.total:
            metrics.total(one.name, one.help, lambda one=one: int(one.read(app)))  # type: ignore[misc]
        else:
            metrics.gauge(one.name, one.help, partial(one.read, app))
    metrics.gauge("list_entries", "Entries of the lists.", partial(list_sizes, app), "list")
    force.declare(metrics, app.settings.paths.state, app.clock.utc)
    duties.declare(metrics, lambda: app.settings, app.clock.utc)
    metrics.gauge("clock_error_seconds", CLOCK_ERROR, clock_errors, "kind")
    metrics.gauge("peer_up", PEER_UP, app.directory.usable, "peer")
    if journal is not None:
        journalled(metrics, journal)


def journalled(metrics: Metrics, journal: Journal | Clerk) -> None:
    """Make metrics of what the journal does, for whoever writes it."""
    metrics.total("journal_dropped_total", "Rows that the journal dropped.", lambda: journal.dropped)
    metrics.total("journal_written_total", "Rows that the journal kept.", lambda: journal.written)
    metrics.total("journal_rowless_total", "Ends of calls that found no row.", lambda: journal.rowless)


async def shown(app: Wiring, seat: Seat) -> None:
    """Write down what the desk is asked for, again and again."""
    cells = seat.shared.figures[seat.number]
    while True:
        for place, one in enumerate(FIGURES):
            cells[place] = int(one.read(app) * 1000)
        if seat.number == PINGS and app.hearsay is not None:
            seat.report(SHOWN, (app.hearsay.shown(), list_sizes(app)))
        await asyncio.sleep(SHOWN_SECONDS)


def list_sizes(app: Wiring) -> dict[str, float]:
    """Entries by list."""
    book = app.calls.world.book
    return {
        "allow": len(book.allow), "deny": len(book.deny), "dno": len(book.dno), "own": len(book.own),
        "campaigns": len(book.campaigns),
    }  # fmt: skip
