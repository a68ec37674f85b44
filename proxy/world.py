"""Everything that a call may ask for, in one value: what `proxy.app` builds and `proxy.calls` is handed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from certs.store import Store
from policy.attest import Terms
from policy.inventory import Inventory
from policy.rulebook import Rulebook
from policy.tally import Tally
from proxy.aftermath import Aftermath
from proxy.cnam import NameService
from proxy.fleet.counts import Counts
from proxy.following import Following
from proxy.hep import Tap
from proxy.hook import DecisionHook
from proxy.lists.promises import Promises
from proxy.metrics import Metrics
from proxy.quality import Quality
from proxy.rates import Rates
from proxy.registration import Bindings
from proxy.resolver import Resolver
from proxy.routes import Routes
from proxy.screening.case import Lane
from proxy.screening.shown import Shows
from proxy.seal import Sealer
from proxy.settings import Settings, TrunkTable
from proxy.signer import SigningService
from proxy.sip.message import Response
from proxy.storage.rows import End, Note, Row
from proxy.verifier import VerificationService
from shaken.sign import Signer


class Keeper(Protocol):
    """Whoever keeps the rows of calls: the journal, or the way to it."""

    def put(self, row: Row | End | Note, /) -> None:
        """Never waits, never raises."""


@dataclass(slots=True)
class World:
    """Everything a call may ask for, built by `proxy.app`. `book` and `lanes` are swapped whole."""

    settings: Settings
    trunks: TrunkTable
    book: Rulebook
    lanes: Mapping[str, Lane]
    routes: Routes
    """Next hops by the side that they lead to, the best first."""
    inventory: Inventory
    """Whose numbers are whose."""
    signers: Mapping[str, tuple[Signer, Terms]]
    """Trunk -> signer and what its calls may get, for the trunks whose calls leave signed; and "", with what is signed
    that is of none of them."""
    store: Store | None
    tally: Tally
    sealer: Sealer
    bindings: Bindings
    resolver: Resolver
    metrics: Metrics
    journal: Keeper | None
    utc: Callable[[], float]
    now: Callable[[], float]
    spawn: Callable[[Coroutine[Any, Any, None], str], None]
    say: Callable[..., None]
    """A log line: say(event, **fields)."""
    aftermath: Aftermath | None = None
    """Told of emergency calls, and asked whether a call goes back to one."""
    following: Following | None = None
    promises: Promises | None = None
    """Told of text messages from outside and of answered calls of our own people."""
    tap: Tap | None = None
    """Told the verdict of each call that is judged, and what is done with every other."""
    hook: DecisionHook | None = None
    naming: NameService | None = None
    """Who is asked for the names of callers."""
    shows: Shows | None = None
    """How the shown name of a call is changed; None: never."""
    services: Mapping[str, tuple[SigningService, Terms]] = field(default_factory=dict)
    """The same for the trunks whose calls somebody else signs."""
    verifier: VerificationService | None = None
    """Who is asked what Identity headers are worth, in the place of certificates."""
    ended_elsewhere: Callable[[list[tuple[int, bytes, *tuple[float, ...]]]], None] | None = None
    """Tells other workers that calls of their own are over: of each its worker (`ongoing.ANY`: all others), and what
    `Calls.over` is told.
    """
    fleet: Counts | None = None
    """What other machines know of callers; None: we are alone."""
    quality: Quality | None = None
    """Reads reports of how calls sounded; None: nobody does."""
    rates: Rates = field(default_factory=Rates)
    """How many calls a peer may place."""
    worker: int = 0
    bypass: bool = False
    """The operator's emergency brake: nothing is screened, nothing is changed, every call goes on as it came."""
    emergency: frozenset[str] = field(default_factory=frozenset)
    heard: Callable[[Response, float], bool] = lambda response, now: False
    """Told a response that belongs to no call: whether it was the answer to a ping."""
