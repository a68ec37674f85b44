"""The duties of this operator, from its settings: for `ringwarden duties`, for the remarks of a start, and as a metric.

What each duty is stands in `policy.duties`; here its facts are brought together. It is asked now and then, never for a
call.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from policy.agreements import Agreements, parse
from policy.duties import NAMES, Answer, Facts, answers
from policy.rulebook import PROVIDERS
from policy.upstreams import recertify_by
from proxy.lists.files import ListError, text
from proxy.lists.kinds import FOLDER, REASSIGNED
from proxy.lists.promises import Promises
from proxy.lists.shelf import Shelf
from proxy.metrics import Metrics
from proxy.settings import Settings


def facts(settings: Settings, utc: float) -> Facts:
    """What the settings and the files that they name say at this moment. A file that cannot be read is not there."""
    ours = [one for one in settings.trunks if one.side == "pbx"]
    theirs = [one for one in settings.trunks if one.side == "carrier"]
    service = settings.service
    return Facts(
        role=settings.role,  # type: ignore[arg-type]  # settings allow the roles of policy and no others
        utc=utc,
        verifies=any((settings.identity.anchors, settings.identity.service, settings.certificates.trust_list)),
        unsigned=tuple(one.name for one in ours if not one.sign),
        signs=settings.signing is not None or service is not None,
        third=service is not None,
        third_named=service is not None and bool(service.certificate_url),
        upstreams=tuple(one.name for one in theirs if not one.rmd),
        rmd_age=_copied(settings, utc),
        certified=settings.provider.certified,
        journal=settings.paths.journal is not None,
        keep_days=MappingProxyType(dict(settings.journal.keep_days)),
        redress=bool(settings.policy.redress),
        network_level=settings.policy.network_level,
        blocked=tuple(f"{one.name} ({one.blocked})" for one in theirs if one.blocked),
        telemarketing=settings.policy.telemarketing,
        unsold=_unsold(settings),
        lenient=_lenient(settings),
        reassigned_age=_asked(settings, utc),
    )


def _lenient(settings: Settings) -> tuple[str, ...]:
    """Peers of ours whose calls to people who asked for none are not all refused, and the check where it only looks."""
    check = ("policy.checks.optout",) if settings.policy.checks.get("optout", "enforce") != "enforce" else ()
    ours = (one for one in settings.trunks if one.side == "pbx")
    return check + tuple(one.name for one in ours if one.mode != "enforce" or one.enforce_percent < 100)


def requests(settings: Settings, utc: float) -> tuple[float, ...]:
    """When people asked for no more calls, of both the list that was brought in and what came up since. It reads whole
    files: for a command, not for a metric. What cannot be read is not there."""
    if (state := settings.paths.state) is None:
        return ()
    learned = Promises(state, None, lambda *_, **__: None)
    learned.restore()
    known = Agreements(learned.live.opt_outs(utc))
    try:
        brought = Shelf(state / FOLDER, OPTED).load(lambda path: parse(OPTED, text(path))[0])
    except (ListError, OSError):
        brought = None
    for one in brought[0] if brought is not None else ():
        known.add(one)
    return tuple(one.at for one in known.opt_outs(utc))


OPTED = "optout"


def _unsold(settings: Settings) -> tuple[str, ...]:
    """Customers without a seller or an offer; a peer of ours that names no customer, where there are none at all."""
    known = {one.name: bool(one.seller and one.offers) for one in settings.customers}
    ours = (one for one in settings.trunks if one.side == "pbx")
    named = [one.customer or ("" if known else one.name) for one in ours]
    return tuple(name for name in dict.fromkeys((*known, *named)) if name and not known.get(name, False))


def _copied(settings: Settings, utc: float) -> float | None:
    """The age of the oldest copy of the Robocall Mitigation Database."""
    try:
        return max((utc - path.stat().st_mtime for path in settings.lists.rmd), default=None)
    except OSError:
        return None


def _asked(settings: Settings, utc: float) -> float | None:
    """The age of the answers of the Reassigned Numbers Database."""
    if settings.paths.state is None:
        return None
    found = Shelf(settings.paths.state / FOLDER, REASSIGNED).current()
    return None if found is None else max(0.0, utc - found.as_of)


def remarks(settings: Settings, utc: float) -> list[str]:
    """A sentence for each open duty of a provider, or of who telemarkets."""
    owed = (one for one in answers(facts(settings, utc)) if one.state == "open")
    return [f"duty {one.name} ({one.ground}): {one.said}" for one in owed]


def declare(metrics: Metrics, settings: Callable[[], Settings], utc: Callable[[], float]) -> None:
    """Let Prometheus see what is open, and when the yearly certification is due."""

    def open_now() -> dict[str, float]:
        told: list[Answer] = answers(facts(settings(), utc()))
        return {one.name: float(one.state == "open") for one in told if one.name in NAMES}

    def due() -> dict[str, float]:
        certified = settings().provider.certified
        if certified is None or settings().role not in PROVIDERS:
            return {}
        return {"certification": recertify_by(certified) - utc()}

    metrics.gauge("duty_open", "1 where a duty of this role is open (`ringwarden duties`).", open_now, "duty")
    metrics.gauge("filing_due_seconds", "Time until a filing is due; below 0: it is late.", due, "filing")
