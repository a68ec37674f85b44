"""What is in force of everything that was brought in, for the rulebook, and what an operator sees of it.

A list that cannot be read, and has no good generation before, is absent and remarked upon: calls go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from policy.agreements import COLUMNS, Agreements
from policy.agreements import parse as parse_agreements
from policy.casebook import Casebook
from policy.complaints import Complaints
from policy.complaints import parse as parse_complaints
from policy.dnc import MAX_AGE_DAYS, Bitmap, too_old
from policy.dno import GIVEN_OUT, MAX_AREAS_AGE_DAYS, callers
from policy.dno import areas as dno_areas
from policy.lists import CampaignList, NumberSet, parse_numbers
from policy.reassigned import SERVES_DAYS, Reassigned
from policy.reassigned import parse as parse_reassigned
from policy.told import DAY
from policy.traits import parse as parse_traits
from proxy.lists import registry, traced
from proxy.lists.files import ListError, text
from proxy.lists.kinds import AREAS, COMPLAINTS, FOLDER, KINDS, NATIONAL, NUMBERS, REASSIGNED, TRACED, TRAITS
from proxy.lists.pardons import Pardon, cleared, excused, forgiven, kept, spared
from proxy.lists.shelf import Generation, Shelf, verify
from proxy.metrics import Metrics

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class InForce:
    """The imported lists, each of its present generation."""

    allow: NumberSet = field(default_factory=NumberSet)
    deny: NumberSet = field(default_factory=NumberSet)
    dno: NumberSet = field(default_factory=NumberSet)
    areas: frozenset[str] = GIVEN_OUT
    national: Bitmap | None = None
    agreements: Agreements = field(default_factory=Agreements)
    reassigned: Reassigned | None = None
    campaigns: CampaignList = field(default_factory=CampaignList)
    casebook: Casebook | None = None
    complaints: Complaints | None = None
    pardons: Mapping[str, Pardon] = field(default_factory=dict)
    """By their numbers; the lists above are without them already."""
    remarks: tuple[str, ...] = ()


def in_force(state: Path | None, utc: float) -> InForce:
    """Load what was brought in below a state folder. Never raises: what cannot be read is remarked upon."""
    if state is None or not (folder := state / FOLDER).is_dir():
        return InForce()
    remarks: list[str] = []

    def load(kind: str, read: Callable[[Path], Value], whole: bool = True) -> Value | None:
        try:
            found = Shelf(folder, kind).load(read, whole)
        except (ListError, OSError) as error:
            remarks.append(str(error))
            return None
        if found is None:
            return None
        remarks.extend(found[2])
        return found[0]

    try:
        pardons = kept(state)
    except OSError as error:
        pardons = {}
        remarks.append(f"{error.filename}: the pardons cannot be read ({error.strerror}); make it readable")
    numbers = {kind: load(kind, _numbers) or NumberSet() for kind in NUMBERS}
    areas = load(AREAS, lambda path: callers(dno_areas(text(path))[0]))
    if areas is not None and (made := Shelf(folder, AREAS).current()) is not None:
        if utc - made.as_of > MAX_AREAS_AGE_DAYS * DAY:
            areas = None
            remarks.append(f"list {AREAS}: older than {MAX_AREAS_AGE_DAYS} days, so it is not used; import it again")
    national = load(NATIONAL, registry.mapped, whole=False)
    if national is not None:
        remarks += _stale(national, utc)
    records = {kind: load(kind, lambda path, kind=kind: parse_agreements(kind, text(path))[0]) for kind in COLUMNS}  # type: ignore[misc]
    told = load(TRACED, traced.campaigns)
    return InForce(
        numbers["allow"], spared(numbers["deny"], pardons), spared(numbers["dno"], pardons), areas or GIVEN_OUT,
        national,
        Agreements(record for found in records.values() for record in found or ()),
        load(REASSIGNED, lambda path: Reassigned(parse_reassigned(text(path))[0])),
        forgiven(told or CampaignList(), pardons),
        load(TRAITS, lambda path: cleared(Casebook(parse_traits(text(path)).traits), pardons)),
        load(COMPLAINTS, lambda path: excused(Complaints(parse_complaints((text(path),)).told), pardons)),
        pardons, tuple(remarks),
    )  # fmt: skip


def _numbers(path: Path) -> NumberSet:
    return parse_numbers(text(path))[0]


def _stale(national: Bitmap, utc: float) -> list[str]:
    areas = sorted(area for area, day in national.days().items() if too_old(day, utc))
    if not areas:
        return []
    shown = ", ".join(map(str, areas[:5])) + (" and others" if len(areas) > 5 else "")
    return [
        f"list {NATIONAL}: older than {MAX_AGE_DAYS} days for {len(areas)} area code(s) ({shown}): its findings have no"
        " effect there; import it again"
    ]


OLDEST = {NATIONAL: MAX_AGE_DAYS, AREAS: MAX_AREAS_AGE_DAYS, REASSIGNED: SERVES_DAYS}
"""Days after which a list is not acted upon, or says nothing new."""


@dataclass(frozen=True, slots=True)
class Status:
    """One list, as an operator sees it."""

    kind: str
    generation: Generation
    kept: tuple[int, ...]
    """The generations that it can go back to."""
    age: float
    """Seconds since the time of which it is."""
    state: str
    """ok, stale, or damaged."""

    @property
    def days(self) -> int:
        return int(self.age // DAY)


def statuses(state: Path, utc: float, deep: bool = False) -> list[Status]:
    """All lists that were ever brought in. `deep`: read every octet of them."""
    found = []
    for kind in KINDS:
        shelf = Shelf(state / FOLDER, kind)
        one = shelf.current()
        if one is None:
            continue
        said = "ok"
        try:
            path = shelf.snapshot(one.number)
            if not path.exists() or path.stat().st_size != one.size:
                said = "damaged"
            elif deep:
                verify(path, one)
        except (ListError, OSError):
            said = "damaged"
        if said == "ok" and utc // DAY - one.as_of // DAY > OLDEST.get(kind, float("inf")):
            said = "stale"
        kept = tuple(other.number for other in shelf.generations() if other.number < one.number)
        found.append(Status(kind, one, kept, max(0.0, utc - one.as_of), said))
    return found


def declare(metrics: Metrics, state: Path | None, utc: Callable[[], float]) -> None:
    """Let Prometheus see the lists below a state folder."""
    if state is None:
        return

    def each(figure: Callable[[Status], float]) -> Callable[[], dict[str, float]]:
        return lambda: {one.kind: figure(one) for one in statuses(state, utc())}

    for name, help, figure in FIGURES:
        metrics.gauge(name, help, each(figure), "list")


FIGURES: tuple[tuple[str, str, Callable[[Status], float]], ...] = (
    ("list_generation", "The generation of an imported list that is in force.", lambda one: one.generation.number),
    ("list_age_seconds", "Time since the day of which an imported list is.", lambda one: one.age),
    ("list_imported_entries", "Entries of an imported list.", lambda one: one.generation.entries),
    ("list_stale", "1 where an imported list is too old to act upon.", lambda one: one.state == "stale"),
    ("list_damaged", "1 where an imported list cannot be read as it was written.", lambda one: one.state == "damaged"),
)
