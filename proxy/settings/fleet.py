"""Several machines as one: `[fleet]` into values.

Addresses may hold passwords, so each may stand in a file of the owner's alone, and none is ever shown.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from proxy.settings import kinds
from proxy.settings.errors import Faults, Wrong
from proxy.settings.notice import private
from proxy.settings.values import FleetSettings

Raw = dict[str, Any]
REDIS = ("redis", "rediss", "unix")
POSTGRES = ("postgresql", "postgres")


def redis(value: object, folder: Path) -> str:
    return _address(value, folder, REDIS, "redis://127.0.0.1:6379/0")


def postgres(value: object, folder: Path) -> str:
    return _address(value, folder, POSTGRES, "postgresql://ringwarden@127.0.0.1/ringwarden")


def _address(value: object, folder: Path, schemes: tuple[str, ...], example: str) -> str:
    written = kinds.text(value, folder)
    try:
        parts = urlsplit(written)
        known = parts.scheme in schemes and bool(parts.netloc or parts.path) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise Wrong("this is no address of the engine", f'write it as "{example}"')  # it may hold a password
    return written


def fleet_of(raw: Raw | None, secret: bytes | None, journal: bool, faults: Faults) -> FleetSettings | None:
    """The engines; None where there is no [fleet]."""
    if raw is None:
        return None
    found = {name: _told(raw, name, faults) for name in ("redis", "postgres")}
    if not any(found.values()) and not faults.about("fleet"):
        faults.add("fleet", "it names neither redis nor postgres", "name one of them, or remove the table")
    if found["redis"] and secret is None:
        faults.add("fleet.redis", "all machines must have one secret", "set secret or secret_file, the same on each")
    if found["postgres"] and not journal:
        faults.add("fleet.postgres", "records are copied from the journal, and there is none", "set paths.journal")
    return FleetSettings(raw["machine"] or socket.gethostname()[:64] or "?", **found)


def _told(raw: Raw, name: str, faults: Faults) -> str:
    here, path = raw[name], raw[f"{name}_file"]
    if here is not None and path is not None:
        faults.add(f"fleet.{name}", f"it stands in {name}_file too", "remove one of the two")
    if path is None:
        return here or ""
    written = private(path, f"fleet.{name}_file", faults)
    try:
        kind = redis if name == "redis" else postgres
        return kind(written.strip(), Path()) if written is not None else ""
    except Wrong as wrong:
        faults.add(f"fleet.{name}_file", wrong.what, wrong.cure)
        return ""
