"""`evaluate`: what the checks do to a made-up month whose truth is known."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from policy.verdict import CheckMode
from proxy.cli import NEGATIVE, OK, complain
from proxy.lab import letterchecks
from proxy.lab.corpus import corpus
from proxy.lab.evaluation import CHECKS, Figures, Tracked, evaluate, together
from proxy.pastcalls import PastCall, written

MOST_CALLS = 2_000_000
"""Of one seed: a call takes about a kilobyte."""
MOST_WORKERS = 32
WIDTH = 120
"""Columns where no terminal says how many there are."""


def modes(settings: Sequence[str]) -> dict[str, CheckMode]:
    """`--check NAME=MODE` as a table. Raises ValueError."""
    found: dict[str, CheckMode] = {}
    for text in settings:
        name, _, mode = text.partition("=")
        if name not in CHECKS or mode not in get_args(CheckMode):
            raise ValueError(f"{text}: NAME=off, shadow or enforce, with NAME one of {', '.join(CHECKS)}")
        found[name] = mode  # type: ignore[assignment]  # just looked at
    return found


def run(
    seed: int,
    seeds: int,
    calls: int,
    settings: Sequence[str],
    as_json: bool,
    workers: int = 1,
    restart_days: float = 0.0,
) -> int:
    """Make, run, print; 1 if a goal is missed."""
    if not 1 <= workers <= MOST_WORKERS or not 0 <= restart_days < float("inf"):
        return complain(f"1 to {MOST_WORKERS} workers, and days that are not less than 0")
    if seeds < 1 or not 1000 <= calls <= MOST_CALLS:
        return complain(f"one seed at least, and 1,000 to {MOST_CALLS:,} calls of each")
    try:
        checks = modes(settings)
    except ValueError as error:
        return complain(str(error))
    began = perf_counter()
    parts = []
    # A fresh interpreter for each: a fork would bring along the threads of the progress bar.
    with ProcessPoolExecutor(min(seeds, os.cpu_count() or 1), get_context("spawn")) as pool, Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        waiting = [
            pool.submit(evaluate, one, calls, checks, workers, restart_days) for one in range(seed, seed + seeds)
        ]
        for one in progress.track(waiting, description="seeds"):
            parts.append(one.result())
    figures = together(parts)
    if as_json:
        print(json.dumps(plain(figures), indent=2))
    else:
        told(figures, perf_counter() - began, shown(), workers, restart_days)
    return OK if all(met for *_, met in figures.goals()) else NEGATIVE


def write(seed: int, calls: int, path: str) -> int:
    """Write one month as JSON lines."""
    try:
        made = corpus(seed, calls)
        with open(path, "w", encoding="utf-8") as stream:
            for one in made.placed:
                past = PastCall(one.call, one.duration, one.status, one.rings, one.kind == "911")
                stream.write(json.dumps(written(past)) + "\n")
    except (OSError, ValueError) as error:
        return complain(str(error))
    print(f"{len(made.placed):,} calls of seed {seed} in {path}")
    return OK


def letter() -> int:
    """The letter's calls with and without each check."""
    letterchecks.told(shown())
    return OK


def shown() -> Console:
    """Standard output, wide enough for the tables."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def plain(figures: Figures) -> dict[str, Any]:
    """All figures, as JSON has them."""
    return {
        "seeds": list(figures.seeds),
        "goals": [
            {"goal": name, "figure": figure, "limit": limit, "met": met} for name, figure, limit, met in figures.goals()
        ],
        "kinds": {
            kind: {
                "campaign": kind in figures.shapes, "calls": count, "flagged": figures.flagged[kind],
                "rejected": figures.rejected[kind],
            }
            for kind, count in sorted(figures.calls.items())
        },
        "checks": {
            check: {
                "found_campaign": figures.found[check, True], "found_good": figures.found[check, False],
                "decided_campaign": figures.decided[check, True], "decided_good": figures.decided[check, False],
            }
            for check in CHECKS
        },
        "campaigns": [one._asdict() for one in figures.campaigns],
        "notices": figures.notices,
        "touched": figures.touched,
    }  # fmt: skip


def told(figures: Figures, seconds: float, out: Console, workers: int = 1, restart_days: float = 0.0) -> None:
    """The tables."""
    (flagged, bad), (rejected, _) = figures.share(figures.flagged, True), figures.share(figures.rejected, True)
    (wrong, good), (refused, _) = figures.share(figures.flagged, False), figures.share(figures.rejected, False)
    seeds = ", ".join(map(str, figures.seeds))
    many = len(figures.campaigns)
    out.print(f"{bad + good:,} calls of seeds {seeds}: {good:,} good ones, {bad:,} of {many} campaigns")
    out.print("every check as said, in enforce; a call that is refused teaches nothing more")
    if workers > 1 or restart_days:
        anew = f", started anew every {restart_days:g} days" if restart_days else ""
        out.print(f"{workers} workers{anew}")
    out.print()
    kinds = Table("who calls", "calls", "flagged", "", "rejected", "", box=None, pad_edge=False)
    for column in kinds.columns[1:]:
        column.justify = "right"
    for kind in sorted(figures.calls, key=lambda kind: (kind in figures.shapes, kind)):
        count = figures.calls[kind]
        row = [kind, f"{count:,}"]
        for counter in (figures.flagged, figures.rejected):
            row += [f"{counter[kind]:,}", f"{counter[kind] / count:.2%}"]
        kinds.add_row(*row)
    kinds.add_row("[b]good", f"{good:,}", f"{wrong:,}", f"{wrong / good:.2%}", f"{refused:,}", f"{refused / good:.4%}")
    shares = (f"{flagged:,}", f"{flagged / bad:.1%}", f"{rejected:,}", f"{rejected / bad:.1%}")
    kinds.add_row("[b]campaigns", f"{bad:,}", *shares)
    out.print(kinds)
    out.print()
    checks = Table(
        "check", "campaign calls", "good calls", "campaign calls decided", "good calls decided", box=None,
        pad_edge=False,
    )  # fmt: skip
    for check in CHECKS:
        cells = [counter[check, side] for counter in (figures.found, figures.decided) for side in (True, False)]
        if any(cells):
            checks.add_row(check, *(f"{cell:,}" for cell in cells))
    for column in checks.columns[1:]:
        column.justify = "right"
    out.print(checks)
    out.print()
    caught(figures.campaigns, out)
    out.print()
    for name, figure, limit, met in figures.goals():
        shown = (f"{value:,.0f}" if "touched" in name else f"{value:.4%}" for value in (figure, limit))
        out.print(f"{'kept  ' if met else '[red]MISSED[/] '}{name} {' : '.join(reversed(list(shown)))}")
    spared = "calls to and from emergency centres and emergency notices"
    out.print(f"of {figures.notices:,} {spared} {figures.touched} were touched")
    out.print(f"bounds: 95 %, one-sided; {seconds:.0f} s", style="dim")


def caught(campaigns: Sequence[Tracked], out: Console) -> None:
    """How long campaigns of each shape go on before they are noticed."""
    table = Table(
        "campaigns", "", "first flagged after", "of its calls", "never", "first rejected after", "of its calls",
        "never",
        box=None, pad_edge=False,
    )  # fmt: skip
    for shape in sorted({one.shape for one in campaigns}):
        mine = [one for one in campaigns if one.shape == shape]
        row = [shape, str(len(mine))]
        for afters in ([one.flagged_after for one in mine], [one.rejected_after for one in mine]):
            known = [after for after in afters if after is not None]
            if known:
                row += [span(median(seconds for seconds, _ in known)), f"{median(count for _, count in known):.0f}"]
            else:
                row += ["-", "-"]
            row.append(str(len(afters) - len(known)))
        table.add_row(*row)
    for column in table.columns[1:]:
        column.justify = "right"
    out.print(table)
    out.print("(medians; its calls: how many it had placed by then)", style="dim")


def span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
