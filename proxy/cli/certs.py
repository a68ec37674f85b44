"""`certs import|list|purge`: the folder of certificate files that a start begins with. Without the network."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from certs.chains import Kept
from certs.fetch import Limits
from certs.files import FileError
from certs.flights import host_of
from certs.shelf import Shelf, brought
from certs.trust import Trust
from proxy.cli import NEGATIVE, OK, complain
from proxy.settings import Settings
from proxy.trusting import sources
from shaken.credential import Anchors, Credential, validate
from shaken.errors import ShakenError
from shaken.revocation import REVOKED


class Row(NamedTuple):
    """One file, and what it is worth now."""

    url: str
    kept: Kept | None
    credential: Credential | None
    why: str
    """Why there is no credential."""


def certs(args: argparse.Namespace) -> int:
    """0: done, and every chain that was looked at holds; 1: one does not; 2: wrong use."""
    from proxy.cli.run import read

    settings = read(args.config)
    if settings is None:
        return complain("the configuration cannot be read")
    folder = settings.certificate_folder
    if folder is None:
        return complain(f"{args.config} has no place for certificates: set [certificates] cache, or [paths] state")
    shelf = Shelf(folder)
    try:
        trusted = Trust(sources(settings), time.time())
        if args.task == "import":
            return bring_in(shelf, trusted, settings, Path(args.path), args.url, args.json)
        if args.task == "list":
            return show(tuple(judged(((one.url, one.kept) for one in shelf.entries()), trusted)), args.json)
        return purge(shelf, trusted, args)
    except FileError as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"{folder}: {error.strerror or error}")


def judged(files: Iterable[tuple[str, Kept | str]], trusted: Trust) -> Iterator[Row]:
    """Each file as a call would meet it now."""
    utc, anchors = time.time(), trusted.anchors or Anchors()
    for url, kept in files:
        if isinstance(kept, str):
            yield Row(url, None, None, kept)
            continue
        try:
            credential = validate(url, kept.body, anchors, utc)
            if trusted.revocations.revoked(credential.path) is not None:
                yield Row(url, kept, None, f"{REVOKED}: it was taken back")
            else:
                yield Row(url, kept, credential, "")
        except ShakenError as error:
            yield Row(url, kept, None, f"{error.slug}: {error}")


def bring_in(shelf: Shelf, trusted: Trust, settings: Settings, path: Path, url: str | None, as_json: bool) -> int:
    identity = settings.identity
    hosts = frozenset(host.lower() for host in identity.hosts) or None
    limits = Limits(ports=identity.ports, hosts=hosts, lab=settings.lab.enabled)
    rows = tuple(judged(brought(path, url, time.time(), limits), trusted))
    for row in rows:
        if row.credential is not None and row.kept is not None:
            shelf.put(row.url, row.kept)
    code = show(rows, as_json)
    if not as_json:
        well = sum(row.credential is not None for row in rows)
        print(f"{well} of {len(rows)} kept; a running ringwarden takes them up with `ringwarden reload`")
    return code


def purge(shelf: Shelf, trusted: Trust, args: argparse.Namespace) -> int:
    if not (args.urls or args.host or args.bad or args.all):
        return complain("say what to take away: URLs, --host, --bad or --all")
    entries = {entry.url: entry.kept for entry in shelf.entries()}
    chosen = {url for url in entries if args.all or url in args.urls}
    if args.host:
        host = args.host.lower()
        chosen |= {url for url in entries if host in (host_of(url), host_of(url).rpartition(":")[0])}
    if args.bad:
        chosen |= {row.url for row in judged(entries.items(), trusted) if row.credential is None}
    gone = shelf.remove(chosen)
    if args.json:
        print(json.dumps({"purged": gone, "kept": len(entries) - gone}))
    else:
        left = len(entries) - gone
        print(f"{gone} taken away, {left} left; a running ringwarden forgets them with `ringwarden reload`")
    return OK


def show(rows: tuple[Row, ...], as_json: bool) -> int:
    now = time.time()
    if as_json:
        print(json.dumps({"certificates": [as_dict(row) for row in rows]}, indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("url", "spc", "subject", "ends", "fetched", "chain"):
            table.add_column(heading, overflow="fold")
        for url, kept, credential, why in rows:
            ends = day(credential.not_after) if credential is not None else ""
            age = f"{(now - kept.fetched) / 3600:.0f} h ago" if kept is not None else ""
            spc, subject = (credential.spc or "", credential.subject) if credential is not None else ("", "")
            # As text: a URL may hold what would be markup.
            state = Text("holds", "green") if credential is not None else Text(why, "red")
            table.add_row(*map(Text, (url, spc, subject, ends, age)), state)
        Console().print(table)
    return OK if all(row.credential is not None for row in rows) else NEGATIVE


def as_dict(row: Row) -> dict[str, object]:
    credential = row.credential
    return {
        "url": row.url,
        "fetched": row.kept.fetched if row.kept is not None else None,
        "holds": credential is not None,
        "why": row.why,
        "spc": credential.spc if credential is not None else None,
        "subject": credential.subject if credential is not None else None,
        "not_after": credential.not_after if credential is not None else None,
    }


def day(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).date().isoformat()
