"""The command `ringwarden`. Exit codes: 0 well, 1 a negative verdict, 2 wrong use or a bad configuration."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from proxy.cli import benchoptions

OK, NEGATIVE, USAGE = 0, 1, 2


def _dialled(command: argparse.ArgumentParser) -> None:
    """How the numbers of a capture are read; a configuration says it by itself."""
    command.add_argument(
        "--country", default="1", metavar="CODE|none", help="whose national numbers they are; none: all in full (E.164)"
    )
    command.add_argument("--area", default="", metavar="CODE", help="the area code of numbers of seven digits")


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Every command and its options. argv: what was written, as the flags of secsipidx are many."""
    top = argparse.ArgumentParser(prog="ringwarden", description="A call-screening SIP and STIR/SHAKEN proxy.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="stand in front of a PBX and screen its calls")
    run.add_argument("--config", required=True, metavar="FILE", help="the TOML configuration")
    run.add_argument(
        "--workers",
        default="1",
        metavar="N|auto",
        help="processes on one address, at most 36 (default: 1; auto: one for each core)",
    )

    again = commands.add_parser("reload", help="let a running ringwarden read its configuration again")
    again.add_argument("--config", required=True, metavar="FILE")

    newer = commands.add_parser(
        "upgrade", help="let this version take over from the one that runs, with no call lost; 1 if it could not"
    )
    newer.add_argument("--config", required=True, metavar="FILE")

    brake = commands.add_parser("bypass", help="let a running ringwarden screen nothing: every call goes on untouched")
    brake.add_argument("state", choices=("on", "off"))
    brake.add_argument("--config", required=True, metavar="FILE")

    check = commands.add_parser("check-config", help="read a configuration and say what is wrong with it")
    check.add_argument("config", metavar="FILE")

    demo = commands.add_parser("demo", help="a whole telephone world on loopback, with calls of every kind")
    demo.add_argument("--keep", action="store_true", help="leave the world running until Ctrl-C")
    demo.add_argument(
        "--folder", metavar="DIR", help="where keys, certificates and the journal go (default: a new one)"
    )

    explain = commands.add_parser("explain", help="why a call was passed, tagged or rejected")
    explain.add_argument("call", metavar="CALL", help="a Call-ID, or the number of a row")
    explain.add_argument(
        "--journal", metavar="FILE", help="the journal (default: the one of --config, or of the last demo)"
    )
    explain.add_argument("--config", metavar="FILE")
    explain.add_argument("--json", action="store_true")

    passport = commands.add_parser("passport", help="sign, check and decode single PASSporTs")
    kinds = passport.add_subparsers(dest="kind", required=True, metavar="sign|check|decode")
    sign = kinds.add_parser("sign", help="print an Identity header value")
    sign.add_argument("--key", required=True, metavar="FILE", help="P-256 private key, PEM")
    sign.add_argument("--x5u", required=True, metavar="URL", help="where the certificate chain can be fetched")
    sign.add_argument("--orig", required=True, metavar="NUMBER")
    sign.add_argument("--dest", required=True, metavar="NUMBER", action="append")
    sign.add_argument("--attest", choices="ABC", default="A")
    sign.add_argument("--origid", metavar="UUID", help="default: a new one")
    sign.add_argument("--iat", type=int, metavar="SECONDS", help="Unix time (default: now)")
    verify = kinds.add_parser("check", help="check an Identity header value read from a file or standard input")
    verify.add_argument("file", metavar="FILE", help="- for standard input")
    verify.add_argument("--anchors", metavar="PATH", help="trust anchors: a PEM file or a folder of them")
    verify.add_argument("--cert", metavar="FILE", help="the certificate chain, instead of fetching it")
    verify.add_argument("--tls-ca", metavar="FILE", help="CA of the repository's HTTPS (default: the system's)")
    verify.add_argument("--lab", action="store_true", help="allow repositories on loopback")
    verify.add_argument("--orig", metavar="NUMBER", help="the caller that the call shows (default: the token's)")
    verify.add_argument("--dest", metavar="NUMBER", help="the number that was called (default: the token's)")
    verify.add_argument(
        "--time", metavar="SECONDS|iat", help="Unix time of the check; `iat`: the token's own (default: now)"
    )
    verify.add_argument("--json", action="store_true")

    said = kinds.add_parser("decode", help="what a header value or a token says, true or not; 1 if it is none")
    said.add_argument("file", metavar="FILE", help="- for standard input")
    said.add_argument("--json", action="store_true")

    drop = commands.add_parser(
        "secsipidx", help="sign and check with the flags of secsipidx: -sign-full, -check and so on", allow_abbrev=False
    )
    if argv[:1] == ["secsipidx"]:
        from proxy.cli import secsipidx

        secsipidx.flags(drop.add_argument)

    look = commands.add_parser("inspect", help="what the Identity headers of captured or pasted calls are worth")
    look.add_argument("file", metavar="FILE", help="pcap or pcapng with SIP over UDP or TCP; - for one request as text")
    look.add_argument("--anchors", metavar="PATH", help="trust anchors: a PEM file or a folder of them")
    look.add_argument("--cert", metavar="FILE", help="the certificate chain, instead of fetching it")
    look.add_argument("--tls-ca", metavar="FILE", help="CA of the repository's HTTPS (default: the system's)")
    look.add_argument("--lab", action="store_true", help="allow repositories on loopback")
    look.add_argument(
        "--time", metavar="SECONDS|iat", help="Unix time of the check; `iat`: the token's (default: the capture's)"
    )
    _dialled(look)
    look.add_argument("--json", action="store_true")

    card = commands.add_parser("card", help="check the signed card of a 608 that refused a call of ours")
    card.add_argument("file", metavar="FILE|URL", help="the card, or where it is; - for standard input")
    card.add_argument("--anchors", metavar="PATH", help="trust anchors: a PEM file or a folder of them")
    card.add_argument("--cert", metavar="FILE", help="the certificate chain, instead of fetching it")
    card.add_argument("--tls-ca", metavar="FILE", help="CA of the web servers (default: the system's)")
    card.add_argument("--lab", action="store_true", help="allow web servers on loopback")
    card.add_argument("--time", type=float, metavar="SECONDS", help="Unix time of the check (default: now)")

    lists = commands.add_parser("lists", aliases=["list"], help="bring lists in, look at them, go back")
    tasks = lists.add_subparsers(dest="task", required=True, metavar="import|status|rollback|share|pull|why|pardon|...")
    load = tasks.add_parser(
        "import",
        help="read a list, check it and put it into force; without a LIST, only read a table of traced calls",
    )
    load.add_argument(
        "names",
        metavar="[LIST] FILE",
        nargs="*",
        help="LIST: dnc, dno, areas, allow, deny, optout, consent, relations, reassigned, campaigns, traits, "
        "complaints",
    )
    load.add_argument("--as-of", metavar="DATE", help="of when the files are (default: when they were last written)")
    load.add_argument("--force", action="store_true", help="take what a check would refuse")
    load.add_argument("--expect", type=int, metavar="N", help="how many rows a table must have")
    load.add_argument("--out", metavar="FILE", help="write a table of traced calls here")
    load.add_argument(
        "--against", metavar="FILE", nargs="?", const="", help="compare with a table that is right (the letter)"
    )
    shown = tasks.add_parser("status", help="what is in force, of when, what can be gone back to; 1 if not all well")
    shown.add_argument("--deep", action="store_true", help="read every octet")
    undo = tasks.add_parser("rollback", help="put the generation before the present one into force")
    undo.add_argument("kind", metavar="LIST")
    share = tasks.add_parser("share", help="offer lists of this machine to the others, through the Redis of [fleet]")
    share.add_argument("kinds", metavar="LIST", nargs="*", help="default: all but dnc, which is too large")
    pull = tasks.add_parser("pull", help="put into force what other machines shared; 1 if nothing is newer")
    why = tasks.add_parser("why", help="what the lists and the journal say of a number, for the one who asks why")
    pardon = tasks.add_parser("pardon", help="take a number off every list, whatever is imported afterwards")
    objects = tasks.add_parser("complain", help="write down that somebody complains of being blocked: the clock begins")
    told = tasks.add_parser("answer", help="write down what a complaint was answered with: the clock ends")
    waits = tasks.add_parser("open", help="complaints that wait for an answer; 1 if one has for more than 24 hours")
    for one in (why, pardon, objects, told):
        one.add_argument("number", metavar="NUMBER")
        one.add_argument("--by", default="", metavar="NAME", help="who asks, or decides: kept in the journal")
    for one in (pardon, objects, told):
        one.add_argument("--because", required=True, metavar="TEXT", help="kept with it")
    for one in (load, shown, undo, share, pull, why, pardon, objects, told, waits):
        one.add_argument("--config", metavar="FILE", help="whose state folder holds the lists")
        one.add_argument("--state", metavar="DIR", help="the state folder itself")
        one.add_argument("--json", action="store_true")

    judged = commands.add_parser("evaluate", help="what the checks do to a made-up month of calls whose truth is known")
    judged.add_argument("--seed", type=int, default=1, metavar="N", help="the first seed (default: 1)")
    judged.add_argument("--seeds", type=int, default=1, metavar="N", help="how many, one after the other (default: 1)")
    judged.add_argument("--calls", type=int, default=125_000, metavar="N", help="of each seed (default: 125000)")
    judged.add_argument(
        "--check", action="append", default=[], metavar="NAME=MODE", help="off, shadow or enforce (default: enforce)"
    )
    judged.add_argument("--workers", type=int, default=1, metavar="N", help="that share the calls (default: 1)")
    judged.add_argument(
        "--restart-days", type=float, default=0.0, metavar="D", help="all workers are started anew so often (0: never)"
    )
    judged.add_argument("--json", action="store_true")
    judged.add_argument(
        "--letter", action="store_true", help="instead: the 125 calls of the bundled letter with and without each check"
    )
    judged.add_argument("--out", metavar="FILE", help="only write the month of --seed as JSON lines")

    again = commands.add_parser("backtest", help="what a candidate policy would have changed about past calls")
    again.add_argument("--calls", required=True, metavar="FILE", help="a journal, JSON lines, CSV, or a pcap")
    again.add_argument(
        "--policy", required=True, metavar="FILE", help="the candidate: a configuration, or the part that is to change"
    )
    again.add_argument("--config", metavar="FILE", help="the present policy (default: as it is shipped)")
    _dialled(again)
    again.add_argument("--json", action="store_true")

    certs = commands.add_parser("certs", help="certificate files that a start begins with")
    steps = certs.add_subparsers(dest="task", required=True, metavar="import|list|purge")
    bring = steps.add_parser("import", help="put certificate files where the next start or reload finds them")
    bring.add_argument("path", metavar="PATH", help="a file, or a folder as `wget -x` leaves it: HOST[:PORT]/PATH.pem")
    bring.add_argument("--url", metavar="URL", help="where the file PATH comes from")
    steps.add_parser("list", help="what is kept, and whether each chain holds now; 1 if one does not")
    purge = steps.add_parser("purge", help="take files away: at the next reload they are forgotten")
    purge.add_argument("urls", metavar="URL", nargs="*")
    purge.add_argument("--host", metavar="HOST", help="all of this host")
    purge.add_argument("--bad", action="store_true", help="all whose chain does not hold now")
    purge.add_argument("--all", action="store_true")
    for step in steps.choices.values():
        step.add_argument("--config", required=True, metavar="FILE")
        step.add_argument("--json", action="store_true")

    owed = commands.add_parser("duties", help="what the rules ask of this role, and what is open; 1 if anything is")
    owed.add_argument("--config", required=True, metavar="FILE")
    owed.add_argument("--json", action="store_true")

    attest = commands.add_parser("attest", help="which attestation calls that leave would get")
    reports = attest.add_subparsers(dest="task", required=True, metavar="report")
    told = reports.add_parser("report", help="over a journal or a table of calls: how many A, B, C, and why")
    told.add_argument("--config", metavar="FILE", help="trunks, customers and inventory")
    told.add_argument("--numbers", metavar="FILE", help="another inventory than that of --config")
    told.add_argument("--journal", metavar="FILE", help="the calls (default: the journal of --config)")
    told.add_argument("--csv", metavar="FILE", help="the calls as a table with the columns caller and time")
    told.add_argument("--json", action="store_true")

    journal = commands.add_parser("journal", help="the decision journal itself")
    looks = journal.add_subparsers(dest="task", required=True, metavar="verify")
    look = looks.add_parser("verify", help="whether its chain holds, and where rows are missing; 1 if it does not")
    look.add_argument("--journal", metavar="FILE")
    look.add_argument("--config", metavar="FILE", help="whose journal")
    look.add_argument("--head", default="", metavar="HASH", help="a hash noted earlier, which must be in it")
    look.add_argument("--json", action="store_true")

    kept = commands.add_parser("records", help="the calls of a time, one record each")
    kept.add_argument("--since", metavar="TIME", help="2025-11-20 or 2025-11-20T14:03Z (default: a day before --until)")
    kept.add_argument("--until", metavar="TIME", help="default: now")
    kept.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")

    trace = commands.add_parser("trace", help="answer a traceback request; 1 if the call is not found")
    trace.add_argument("--from", dest="caller", required=True, metavar="NUMBER")
    trace.add_argument("--to", dest="callee", required=True, metavar="NUMBER")
    trace.add_argument("--at", required=True, metavar="TIME", help="2025-11-20T14:03 (UTC), or with +hh:mm")
    trace.add_argument("--window", default="15m", metavar="TIME", help="either side of it (default: 15m)")
    trace.add_argument("--received", metavar="TIME", help="when the request came: 24 hours are allowed")
    trace.add_argument("--request", default="", metavar="ID", help="the number of the request, kept with the answer")
    trace.add_argument("--format", choices=("text", "json", "csv"), default="text")
    report = commands.add_parser("report", help="the journal over a time, counted")
    report.add_argument("kind", choices=("campaign", "period", "dnc", "e911", "blocked", "signing", "notices"))
    report.add_argument("--line", metavar="NUMBER", help="blocked: whose calls")
    rehearsal = commands.add_parser("shadow", help="what the checks in shadow would have done")
    rehearsed = rehearsal.add_subparsers(dest="task", required=True, metavar="report").add_parser("report")
    rehearsed.set_defaults(kind="shadow")
    for one in (report, rehearsed):
        one.add_argument("--since", metavar="TIME")
        one.add_argument("--until", metavar="TIME", help="default: now")
        one.add_argument("--days", type=int, default=28, metavar="N", help="where no --since is given (default: 28)")
        one.add_argument("--format", choices=("text", "json", "csv"), default="text")
    for one in (kept, trace, report, rehearsed):
        one.add_argument("--journal", metavar="FILE")
        one.add_argument("--config", metavar="FILE", help="whose journal")

    benchoptions.options(commands)

    peer = commands.add_parser("peer", help="where calls go: the hops, their state, and orders to them")
    orders = peer.add_subparsers(dest="task", required=True, metavar="list|drain|enable|force")
    for task, text in (
        ("list", "every hop, its state, and whether calls use it; 1 if a peer has none that they can"),
        ("drain", "no new calls to a peer, but emergency calls and those that have no other way"),
        ("enable", "take back what was ordered for a peer"),
        ("force", "let a peer count as up or down, whatever is seen"),
    ):
        order = orders.add_parser(task, help=text)
        if task != "list":
            order.add_argument("name", metavar="PEER")
        if task == "force":
            order.add_argument("state", choices=("up", "down"))
        order.add_argument("--config", metavar="FILE", help="whose [admin] address to ask")
        order.add_argument("--admin", metavar="ADDRESS", help="the admin address itself (default: 127.0.0.1:9495)")
        order.add_argument("--json", action="store_true")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    written = list(sys.argv[1:] if argv is None else argv)
    args = parser(written).parse_args(written)
    # Each command is imported when it is asked for: `run` loads no lab, `passport` no server.
    if args.command == "run":
        from proxy.cli import run

        return run.run(args.config, args.workers)
    if args.command in ("reload", "bypass"):
        from signal import SIGHUP, SIGUSR1, SIGUSR2

        from proxy.cli import run

        chosen = SIGHUP if args.command == "reload" else SIGUSR2 if args.state == "on" else SIGUSR1
        return run.signalled(args.config, chosen)
    if args.command == "upgrade":
        from proxy.cli import run

        return run.upgrade(args.config)
    if args.command == "check-config":
        from proxy.cli import run

        return run.check(args.config)
    if args.command == "demo":
        from proxy.cli import show

        return show.demo(args.keep, args.folder)
    if args.command == "explain":
        from proxy.cli import explain

        return explain.explain(args.call, args.journal, args.config, args.json)
    if args.command == "passport":
        from proxy.cli import passport

        kinds = {"sign": passport.sign, "check": passport.check, "decode": passport.decode}
        return kinds[args.kind](args)
    if args.command == "secsipidx":
        from proxy.cli import secsipidx

        return secsipidx.secsipidx(args)
    if args.command == "evaluate":
        from proxy.cli import evaluate

        if args.letter:
            return evaluate.letter()
        if args.out is not None:
            return evaluate.write(args.seed, args.calls, args.out)
        return evaluate.run(
            args.seed, args.seeds, args.calls, args.check, args.json, args.workers, args.restart_days
        )
    if args.command == "backtest":
        from proxy.cli import backtest

        return backtest.run(args.calls, args.policy, args.config, args.json, (args.country, args.area))
    if args.command == "inspect":
        from proxy.cli import inspect

        return inspect.inspect(args)
    if args.command == "certs":
        from proxy.cli import certs

        return certs.certs(args)
    if args.command == "card":
        from proxy.cli import card

        return card.check(args)
    if args.command == "bench":
        from proxy.cli import bench

        return bench.bench(args)
    if args.command == "peer":
        from proxy.cli import peer

        name, state = getattr(args, "name", None), getattr(args, "state", None)
        return peer.peer(args.task, name, state, args.config, args.admin, args.json)
    if args.command in ("records", "trace"):
        from proxy.cli import records

        return records.records(args) if args.command == "records" else records.trace(args)
    if args.command in ("report", "shadow"):
        from proxy.cli import report

        return report.report(args)
    if args.command == "journal":
        from proxy.cli import journal

        return journal.verify(args.journal, args.config, args.head, args.json)
    if args.command == "duties":
        from proxy.cli import duties

        return duties.duties(args.config, args.json)
    if args.command == "attest":
        from proxy.cli import attest

        return attest.report(args.config, args.numbers, args.journal, args.csv, args.json)
    from proxy.cli import lists

    return lists.run(args)


def complain(text: str) -> int:
    """One plain line on standard error, and the exit code for wrong use."""
    print(f"ringwarden: {text}", file=sys.stderr)
    return USAGE
