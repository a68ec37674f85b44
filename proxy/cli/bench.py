"""`ringwarden bench`: a load of signed calls against any SIP target, or against a ringwarden of its own on loopback."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proxy.cli import NEGATIVE, OK, USAGE, complain
from proxy.lab.load.fleet import Callees, LoadError, place
from proxy.lab.load.plan import Address, Outcome, Plan, Signing
from proxy.lab.load.saturation import search
from proxy.lab.load.sippfeed import Feed
from proxy.lab.load.stand import Stand
from proxy.lab.load.trust import Trust
from proxy.lab.ports import free_port
from shaken.errors import SigningError

FAST = 100_000.0
"""Calls a second: the pace of a closed loop, where nothing but their end holds calls back."""
SETTLE = 0.5
"""Seconds between two runs."""


def rates(text: str) -> list[float]:
    """`100`, `100,200,400` or `100:1000:100` (from, to, step). Raises ValueError."""
    if ":" in text:
        low, high, step = (float(part) for part in text.split(":"))
        if step <= 0 or high < low:
            raise ValueError(f"{text!r} is no from:to:step")
        found = [low + step * number for number in range(int((high - low) / step + 1e-9) + 1)]
    else:
        found = [float(part) for part in text.split(",")]
    if min(found) <= 0:
        raise ValueError("a rate is more than 0")
    return found


def bench(args: argparse.Namespace) -> int:
    """Run the command; returns its exit code: 1 where a rate was not carried."""
    try:
        steps = rates(args.rate)
        if (args.key is None) != (args.url is None):
            raise ValueError("--key and --url belong together")
        if args.callers < 1 or args.seconds <= 0 or args.workers < 1 or not 1 <= args.connections <= 256:
            raise ValueError("--callers, --seconds, --workers and --connections are at least 1")
        with ExitStack() as stack:
            if args.sipp_feed is not None:
                return _feed(args, max(steps), stack)
            plan, callees = _prepared(args, stack)
            runs = _run(args, plan, callees, steps)
            outcomes = _shown(runs, args.json)
    except (ValueError, SigningError) as error:
        return complain(str(error))
    except (OSError, LoadError) as error:
        print(f"ringwarden: {error}", file=sys.stderr)
        return USAGE
    if args.json:
        print(json.dumps({"target": str(plan.target), "runs": [one.summary() for one in outcomes]}, indent=2))
    if args.saturation:
        return OK if any(one.carried for one in outcomes) else NEGATIVE
    return OK if all(one.carried for one in outcomes) else NEGATIVE


def _signing(args: argparse.Namespace, stack: ExitStack) -> tuple[Signing | None, Trust | None]:
    """With what the calls are signed, if at all."""
    if args.key is not None:
        return Signing(Path(args.key).read_bytes(), (args.url,), attest=args.attest), None
    if args.target is not None and args.lab is None and args.sipp_feed is None:
        return None, None
    folder = Path(args.lab or stack.enter_context(tempfile.TemporaryDirectory(prefix="ringwarden-bench-")))
    trust = stack.enter_context(Trust(folder))
    _say(f"signed by a lab authority: anchors {trust.anchors}, CA of its repository {trust.web_ca}")
    return replace(trust.signing, attest=args.attest), trust


def _prepared(args: argparse.Namespace, stack: ExitStack) -> tuple[Plan, Callees | None]:
    signing, trust = _signing(args, stack)
    callees = None
    if args.callee is not None or args.target is None:
        at = Address.parse(args.callee or "127.0.0.1:0")
        callees = stack.enter_context(Callees(at, transport=args.transport, processes=args.callees, rings=args.rings))
        _say(f"callee at {callees.me}")
    me = Address.parse(args.source, 0)
    if args.target is not None:
        target = Address.parse(args.target)
        if signing is None:
            _say("calls are not signed: --lab DIR or --key and --url sign them")
    elif args.direct:
        assert callees is not None
        target = callees.me
    else:
        assert trust is not None and callees is not None, "there is a trust where there is no target"
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringwarden-bench-")))
        # Its callers have an address of their own, so that it knows the two sides apart.
        me = Address("127.0.0.2", free_port())
        stand = Stand(folder, trust, me, callees.me, transport=args.transport, workers=args.workers)
        stack.enter_context(stand)
        target = stand.me
        _say(f"ringwarden of our own at {target}, {args.workers} worker(s)")
    plan = Plan(
        target, callers=args.callers, me=me, one_port=not args.ports, transport=args.transport,
        connections=max(args.connections, args.callers), talk=args.talk, expect=args.expect, patience=args.patience,
        signing=None if args.unsigned else signing, callee=args.to.lstrip("+"), exact=args.exact,
    )  # fmt: skip
    return plan, callees


def _run(args: argparse.Namespace, plan: Plan, callees: Callees | None, steps: list[float]) -> Iterator[Outcome]:
    """The runs, one after the other."""
    first = 0

    def at(rate: float, limit: int = 0) -> Outcome:
        nonlocal first
        calls = max(int(rate * args.seconds), args.callers)
        pace = rate if not limit else FAST
        outcome = place(replace(plan, rate=pace, calls=calls, limit=limit, first=first), callees)
        first += calls
        time.sleep(SETTLE)
        return outcome

    if callees is None or args.target is None:
        # Certificates are fetched, caches are filled.
        at(min(min(steps), 100.0) / max(args.seconds, 1.0))
    if args.saturation:
        found = search(at, min(steps))
        yield from sorted(found.runs, key=lambda one: one.plan.rate)
    elif args.closed:
        yield at(max(steps), args.closed)
    else:
        for rate in steps:
            yield at(rate)


def _shown(runs: Iterator[Outcome], quiet: bool) -> list[Outcome]:
    """Each run as a line of a table."""
    table = Table(box=None, header_style="bold")
    table.add_column("calls/s")
    for name in (
        "calls",
        "done/s",
        "failed",
        "twice",
        "p50 ms",
        "p90",
        "p99",
        "longest",
        "late p99",
        "us/call",
        "carried",
    ):
        table.add_column(name, justify="right")
    outcomes = []
    for one in runs:
        outcomes.append(one)
        delays, late = one.caller.ringing.summary(), one.caller.late.summary()["p99"]
        offered = f"{one.plan.limit} open" if one.plan.limit else f"{one.plan.rate:,.0f}"
        faults = ", ".join(f"{count} {what}" for what, count in one.caller.failed.most_common(2)) or "0"
        table.add_row(
            offered, f"{one.caller.placed:,}", f"{one.rate:,.0f}", faults, str(one.again),
            *(f"{delays[name]:.2f}" for name in ("p50", "p90", "p99", "max")), f"{late:.2f}", f"{one.cpu_us:.0f}",
            "yes" if one.carried else "no",
        )  # fmt: skip
        if not quiet:
            _say(f"{offered} calls/s: {one.rate:,.0f} completed a second, p99 {delays['p99']:.2f} ms")
    if not quiet:
        console = Console(width=None if sys.stdout.isatty() else 120)
        console.print(table)
        carried = [one for one in outcomes if one.carried]
        if carried and len(outcomes) > 1:
            best = max(carried, key=lambda one: one.plan.rate)
            console.print(f"\nThe highest rate that was carried: {best.plan.rate:,.0f} calls a second.")
    return outcomes


def _feed(args: argparse.Namespace, rate: float, stack: ExitStack) -> int:
    """Keep an injection file for sipp fresh until somebody says stop, or --seconds are over where they were given."""
    how, _ = _signing(args, stack)
    assert how is not None, "a feed is always signed"
    feed = Feed(Path(args.sipp_feed), how, rate)
    stack.callback(feed.remove)
    target = args.target or "HOST:PORT"
    print(f"sipp -sf {feed.scenario} -inf {feed.path} -r {rate:g} {target}", flush=True)
    _say(f"{len(feed.slots)} slots, each signed again every {len(feed.slots) / rate / 1.5:.1f} s; Ctrl-C ends")
    stopped: list[int] = []
    before = [
        (number, signal.signal(number, lambda got, _: stopped.append(got)))
        for number in (signal.SIGINT, signal.SIGTERM)
    ]
    until = time.monotonic() + args.feed_seconds if args.feed_seconds else float("inf")
    try:
        made = feed.keep(lambda: bool(stopped) or time.monotonic() > until)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    _say(f"{made:,} tokens were signed")
    return OK


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
