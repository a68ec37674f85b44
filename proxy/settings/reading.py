"""A file beside the schema: every key is known, every value is of its kind. Then the file as a whole is
looked at.

`read` never raises anything but SettingsError, whatever TOML holds; all faults are reported together.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from proxy.settings.checks import Raw, settled
from proxy.settings.errors import Faults, SettingsError, Wrong, nearest
from proxy.settings.kinds import said
from proxy.settings.schema import WHOLE
from proxy.settings.shapes import REQUIRED, Entry, Key, Named, Table, Tables
from proxy.settings.values import Settings

MAX_FILE = 1024 * 1024
"""Octets. A configuration is written by hand; what is longer is some other file."""
MAX_TABLES = 1024
"""Listeners or trunks of one file."""
MAX_NAMES = 1024
"""Operator's names in one table (profiles, codes, weights)."""


def load(
    path: str | Path, reasons: Collection[str] = (), environ: Mapping[str, str] | None = None
) -> Settings:
    """Read a configuration file. Raises SettingsError with everything that is wrong with it.

    reasons: the reason slugs that `policy.codes` and `policy.weights` may name; empty: any.
    environ: where RINGWARDEN_SECRET is looked for; None: the process's environment.
    """
    path = Path(path)
    file = str(path)
    try:
        with path.open("rb") as stream:
            octets = stream.read(MAX_FILE + 1)
        if len(octets) > MAX_FILE:
            raise SettingsError(
                [f"{file}: more than {MAX_FILE} octets: this is not a configuration; name the right file"]
            )
        data = tomllib.loads(octets.decode("utf-8"))
    except OSError as error:
        cure = (
            "name an existing file"
            if isinstance(error, FileNotFoundError)
            else "make it readable, or name another file"
        )
        raise SettingsError([f"{file}: it cannot be read ({error.strerror}); {cure}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: it is not UTF-8 at octet {error.start}; save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: this is not TOML: {error}; correct that place"]) from error
    except (RecursionError, ValueError) as error:
        raise SettingsError(
            [f"{file}: this is not TOML that can be read; check brackets and numbers"]
        ) from error
    return read(data, file, path.absolute().parent, reasons, os.environ if environ is None else environ)


def problems(path: str | Path, reasons: Collection[str] = ()) -> list[str]:
    """What is wrong with a configuration file, as sentences; empty when it can be used."""
    try:
        load(path, reasons)
    except SettingsError as error:
        return list(error.problems)
    return []


def read(
    data: Mapping[str, Any],
    file: str = "settings",
    folder: Path = Path("."),
    reasons: Collection[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The same from a mapping, as `tomllib` gives one. Relative paths start at `folder`."""
    faults = Faults(file)
    walk = _Walk(faults, folder, {"reasons": reasons})
    raw: Raw = walk.table(WHOLE, data, "")
    settings = settled(raw, Path(file), faults, environ or {})
    if faults.found or settings is None:
        raise SettingsError(faults.found)
    return settings


class _Walk:
    """Goes down the schema and the data together. A value that is wrong counts as absent, so that reading
    goes on.
    """

    def __init__(self, faults: Faults, folder: Path, vocabularies: Mapping[str, Collection[str]]) -> None:
        self.faults = faults
        self.folder = folder
        self.vocabularies = vocabularies

    def entry(self, entry: Entry, value: object, path: str) -> Any:
        if isinstance(entry, Key):
            return self.value(entry, value, path)
        if isinstance(entry, Tables):
            return self.tables(entry, value, path)
        if not isinstance(value, dict):
            self.faults.add(
                path, f"a table is needed, not {said(value)}", f"write [{path}] and its keys below it"
            )
            value = {}
        if isinstance(entry, Named):
            return self.named(entry, value, path)
        return self.table(entry, value, path)

    def value(self, key: Key, value: object, path: str) -> Any:
        try:
            found = key.kind(value, self.folder)
            if known := self.vocabularies.get(key.names, ()):
                for word in found:
                    if word not in known:
                        raise Wrong(f"there is no reason called {word}", nearest(word, known))
            return found
        except Wrong as wrong:
            self.faults.add(path, wrong.what, wrong.cure)
            return None if key.default is REQUIRED else key.default

    def table(self, table: Table, data: Mapping[str, Any], path: str) -> Raw:
        prefix = f"{path}." if path else ""
        for key in data:
            if key not in table.keys:
                self.faults.add(prefix + shown(key), "there is no such key", nearest(str(key), table.keys))
        return {key: self.member(entry, data, key, prefix + key) for key, entry in table.keys.items()}

    def member(self, entry: Entry, data: Mapping[str, Any], key: str, path: str) -> Any:
        if key in data:
            return self.entry(entry, data[key], path)
        if isinstance(entry, Tables):
            return []
        if isinstance(entry, Named):
            return {}
        if isinstance(entry, Table):
            return None if entry.optional else self.table(entry, {}, path)
        if entry.default is REQUIRED:
            self.faults.add(path, "it is missing", "add it; deploy/ringwarden.example.toml shows how")
            return None
        return entry.default

    def tables(self, tables: Tables, value: object, path: str) -> list[Raw]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.faults.add(
                path, f"a list of tables is needed, not {said(value)}", f"write [[{path}]], once for each"
            )
            return []
        if len(value) > MAX_TABLES:
            self.faults.add(path, f"{len(value)} are too many", f"{MAX_TABLES} at most")
        below = Table(tables.keys)
        return [
            self.table(below, item, f"{path}[{place}]") for place, item in enumerate(value[:MAX_TABLES], 1)
        ]

    def named(self, named: Named, data: Mapping[str, Any], path: str) -> Raw:
        known = self.vocabularies.get(named.names, ())
        if len(data) > MAX_NAMES:
            self.faults.add(path, f"{len(data)} names are too many", f"{MAX_NAMES} at most")
        found = {}
        for key, value in list(data.items())[:MAX_NAMES]:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", key):
                self.faults.add(
                    f"{path}.{shown(key)}", "this cannot be a name", "use letters, digits, dots and dashes"
                )
            elif known and key not in known:
                self.faults.add(f"{path}.{key}", "there is no such reason", nearest(key, known))
            else:
                found[key] = self.entry(named.entry, value, f"{path}.{key}")
        return found


def shown(key: object) -> str:
    """A key as a message names it: short, printable."""
    word = str(key)
    return word if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", word) else said(word)
