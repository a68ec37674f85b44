"""What the journal says over a time, counted: campaigns, upstreams, do-not-call, emergency calls, one line's blocked
calls, and what the checks in shadow would have done.

A report counts and quotes; it never says that a call was unlawful (REG-064), and a tag is not a block (REG-017).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from policy.casebook import DOCUMENT
from policy.decide import CHECK_OF
from policy.grounds import ground
from policy.verdict import STRICTNESS
from proxy.storage.rows import Record
from proxy.storage.telling import told

BLOCKED = ("reject", "divert")
SHORT_SECONDS = 6.0
"""An answered call that is over within this was hung up on."""
TALK_SECONDS = 60.0
"""Whoever talks as long as this seems to have wanted the call."""
DUTIES = frozenset(("opt-out", "dnc-listed", "dnc-unknown", "hours-closed", "hours-unknown"))
MOST_NUMBERS = 100_000
"""Different numbers that are counted exactly in one row; beyond it the figure stays."""


class Report(NamedTuple):
    """A table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    remarks: tuple[str, ...] = ()


def share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def blocked(records: Iterable[Record]) -> Report:
    """The calls to one line that were blocked: date, time, calling number, and why (47 CFR 64.1200(k)(10))."""
    rows = tuple(
        (told(one.row.utc, one.utc_offset), one.row.caller or "withheld", one.row.action, one.row.reason,
         one.row.status, one.row.refusal)
        for one in records
    )  # fmt: skip
    return Report(("time", "caller", "action", "reason", "answer", "id"), rows)


def campaign(records: Iterable[Record]) -> Report:
    """Each campaign that was recognised: how often, what became of it, by how many numbers, signers and upstreams."""
    calls: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    names: dict[str, tuple[set[str], set[str], set[str]]] = defaultdict(lambda: (set(), set(), set()))
    first: dict[str, Record] = {}
    last: dict[str, Record] = {}
    for one in records:
        row = one.row
        if not row.campaign:
            continue
        figures = calls[row.campaign]
        figures[0] += 1
        figures[1] += row.action in BLOCKED
        figures[2] += row.action == "tag"
        for kind, name in zip(names[row.campaign], (row.caller, row.spc, row.trunk), strict=True):
            if name and len(kind) < MOST_NUMBERS:
                kind.add(name)
        first.setdefault(row.campaign, one)
        last[row.campaign] = one
    rows = [
        (name, *figures, len(names[name][0]), " ".join(sorted(names[name][1])), " ".join(sorted(names[name][2])),
         told(first[name].row.utc), told(last[name].row.utc))
        for name, figures in sorted(calls.items(), key=lambda item: (-item[1][0], item[0]))
    ]  # fmt: skip
    heads = ("campaign", "calls", "blocked", "tagged", "numbers", "signers", "upstreams", "first", "last")
    return Report(heads, tuple(rows))


def period(records: Iterable[Record]) -> Report:
    """Each upstream: what came, what became of it, and the shares by which an upstream is known (REG-023)."""
    figures: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    campaigns: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in records:
        row = one.row
        key = (row.direction, row.trunk or "unknown")
        count = figures[key]
        count["calls"] += 1
        count[row.action] += 1
        if row.action in BLOCKED:
            count["blocked"] += 1
            reasons[row.reason] += 1
        if row.emergency or row.action == "refused":
            continue
        count["judged"] += 1
        count["unsigned"] += row.verify == "unsigned"
        count["C"] += row.attest == "C"
        if row.status == 200:
            count["answered"] += 1
            count["short"] += (talked := one.talked) is not None and talked < SHORT_SECONDS
        if row.campaign:
            campaigns[key].add(row.campaign)
    rows = tuple(
        (*key, count["calls"], count["blocked"], count["tag"], count["emergency"], count["refused"],
         share(count["blocked"], count["calls"]), share(count["unsigned"], count["judged"]),
         share(count["C"], count["judged"]), share(count["answered"], count["judged"]),
         share(count["short"], count["answered"]), len(campaigns[key]))
        for key, count in sorted(figures.items())
    )  # fmt: skip
    heads = (
        "direction", "upstream", "calls", "blocked", "tagged", "emergency", "refused", "blocked share",
        "unsigned share", "C share", "answered share", "short share", "campaigns",
    )  # fmt: skip
    return Report(heads, rows, tuple(f"blocked for {slug}: {calls}" for slug, calls in reasons.most_common(20)))


def dnc(records: Iterable[Record]) -> Report:
    """What our own calls owed: each customer, each duty, and what became of the calls."""
    figures: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    calls = 0
    for one in records:
        row = one.row
        if row.direction != "outbound" or row.emergency:
            continue
        calls += 1
        shadows = row.shadows.split()
        for slug in {finding[0] for finding in row.findings} & DUTIES:
            count = figures[row.customer or row.trunk, slug]
            count["calls"] += 1
            count["stopped"] += row.action in BLOCKED
            count["tagged"] += row.action == "tag"
            count["shadow"] += slug in shadows
    rows = tuple(
        (*key, count["calls"], count["stopped"], count["tagged"], count["shadow"], ground(key[1]))
        for key, count in sorted(figures.items())
    )
    heads = ("customer", "finding", "calls", "stopped", "tagged", "in shadow", "stands on")
    return Report(heads, rows, (f"{calls} call(s) left in this time",))


def signing(records: Iterable[Record]) -> Report:
    """What our own calls left with: each customer and trunk, the levels, and how many left unsigned (47 CFR
    64.6301)."""
    figures: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in records:
        row = one.row
        if row.direction == "outbound" and not row.emergency and row.action not in ("reject", "refused"):
            level = row.signed or ("own" if row.orig else "unsigned")
            figures[row.customer or "not known", row.trunk][level] += 1
    rows = []
    for key, count in sorted(figures.items()):
        calls, bare = count.total(), count["unsigned"]
        rows.append((*key, calls, count["A"], count["B"], count["C"], count["own"], bare, share(bare, calls)))
    heads = ("customer", "trunk", "calls", "A", "B", "C", "its own", "unsigned", "unsigned share")
    left = sum(count["unsigned"] for count in figures.values())
    return Report(heads, tuple(rows), (f"{left} call(s) left unsigned",))


def notices(records: Iterable[Record]) -> Report:
    """What was done on notices of the FCC: calls that a document of it is named for, by upstream (47 CFR
    64.1200(n)(2)).

    It is named in the reason of a blocked upstream, or is the name of an imported campaign.
    """
    figures: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    first: dict[tuple[str, str], Record] = {}
    last: dict[tuple[str, str], Record] = {}
    for one in records:
        row = one.row
        texts = (row.campaign, *(said for slug, _, _, said in row.findings if slug == "upstream-blocked"))
        for document in {found[0] for text in texts for found in DOCUMENT.finditer(text)}:
            key = document, row.trunk or "unknown"
            figures[key]["calls"] += 1
            figures[key]["blocked"] += row.action in BLOCKED
            first.setdefault(key, one)
            last[key] = one
    rows = tuple(
        (*key, count["calls"], count["blocked"], count["calls"] - count["blocked"],
         told(first[key].row.utc, first[key].utc_offset), told(last[key].row.utc, last[key].utc_offset))
        for key, count in sorted(figures.items())
    )  # fmt: skip
    return Report(("notice", "upstream", "calls", "blocked", "let through", "first", "last"), rows)


def e911(records: Iterable[Record]) -> Report:
    """Every emergency call and every call back to its line, and whether it was answered."""
    rows, failed = [], 0
    for one in records:
        row = one.row
        if not row.emergency and row.action != "callback":
            continue
        failed += row.status >= 300
        kind = "emergency" if row.emergency else "callback"
        rows.append((
            told(row.utc, one.utc_offset), kind, row.callee, row.trunk, row.source, row.status, row.forwarded_to,
            one.duration, row.call_id,
        ))  # fmt: skip
    heads = ("time", "kind", "dialled", "trunk", "source", "answer", "went to", "seconds", "call_id")
    return Report(heads, tuple(rows), (f"{len(rows)} call(s), {failed} of them not answered with success",))


def shadow(records: Iterable[Record]) -> Report:
    """Each finding in shadow: on how many calls, what they would have become with all shadows enforced, and how many of
    those seem to have been wanted (people talked)."""
    figures: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, str] = {}
    calls = changed = 0
    for one in records:
        row = one.row
        calls += 1
        if not row.shadows:
            continue
        stricter = STRICTNESS.get(row.rehearsed, 0) > STRICTNESS.get(row.would, 0)  # type: ignore[call-overload]
        changed += row.rehearsed != row.would
        talked = one.talked is not None and one.talked >= TALK_SECONDS
        for slug in row.shadows.split():
            count = figures[slug]
            count["calls"] += 1
            count["milder"] += row.rehearsed != row.would and not stricter
            if stricter:
                count[row.rehearsed] += 1
                count["talked"] += talked
                examples.setdefault(slug, row.call_id)
    rows = tuple(
        (CHECK_OF.get(slug, "-"), slug, count["calls"], count["tag"], count["divert"], count["reject"], count["milder"],
         count["talked"], examples.get(slug, ""))
        for slug, count in sorted(figures.items(), key=lambda item: (-item[1]["reject"], -item[1]["calls"], item[0]))
    )  # fmt: skip
    heads = (
        "check", "finding", "calls", "would tag", "would divert", "would reject", "would allow", "talked", "example",
    )  # fmt: skip
    return Report(heads, rows, (f"{changed} of {calls} call(s) would have ended otherwise",))


REPORTS: Mapping[str, Callable[[Iterable[Record]], Report]] = {
    "blocked": blocked, "campaign": campaign, "period": period, "dnc": dnc, "e911": e911,
    "signing": signing, "notices": notices,
}  # fmt: skip


def as_objects(report: Report) -> list[dict[str, Any]]:
    """The rows by the names of their columns."""
    return [dict(zip(report.columns, row, strict=True)) for row in report.rows]


