"""What a configuration is made of: keys with values, tables, lists of tables, tables with the operator's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.settings.kinds import Kind

REQUIRED: Any = object()
"""Stands where there is no default."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that holds a value."""

    kind: Kind
    default: Any = None
    names: str = ""
    """Which handed-in vocabulary the entries of a list must come from; empty: any."""


@dataclass(frozen=True, slots=True)
class Table:
    """A key that holds a table. `optional`: its absence means something else than an empty one."""

    keys: Mapping[str, Entry]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """A key that holds a list of tables, `[[key]]`."""

    keys: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Named:
    """A table whose keys are the operator's own names, each holding a value or a table of one shape."""

    entry: Key | Table
    names: str = ""
    """Which handed-in vocabulary the names must come from; empty: any name."""


Entry = Key | Table | Tables | Named
