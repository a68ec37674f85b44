"""Where callers come from and what they are called: the tables [[policy.country]] and [policy.names] into values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from policy.countries import WORDS
from proxy.settings import addresses, kinds
from proxy.settings.errors import Faults, Wrong, nearest
from proxy.settings.judgement import CountrySettings, NameSettings
from proxy.settings.network import Trunk
from proxy.settings.notice import private

Raw = dict[str, Any]


def country(value: object, folder: Path) -> str:
    """Two capitals, or one of the words for what is no country."""
    word = kinds.text(value, folder)
    if word in WORDS or re.fullmatch(r"[A-Z]{2}", word):
        return word
    raise Wrong(f"{kinds.said(value)} is no country", f'write "US" and so on, or {", ".join(sorted(WORDS))}')


def beginning(value: object, folder: Path) -> str:
    """What is put before a name that is shown: a telephone has room for little more than a name."""
    written = kinds.text(value, folder)
    if len(written) > 16:
        raise Wrong(f"{kinds.said(value)} leaves no room for the name", "write 16 characters at most")
    return written


def names_url(value: object, folder: Path) -> str:
    """https anywhere; http to this machine or a private network: it tells who calls you."""
    written = kinds.text(value, folder)
    if written.count("{number}") != 1:
        raise Wrong(f"{kinds.said(value)} has no place for the number", 'write "https://names.example.com/{number}"')
    addresses.webhook(written.replace("{number}", "12025550100"), folder)
    return written


def countries_of(tables: list[Raw], trunks: tuple[Trunk, ...], faults: Faults) -> tuple[CountrySettings, ...]:
    """Rules for countries, in their order; each names countries, and peers that there are."""
    names = {trunk.name for trunk in trunks}
    found: list[CountrySettings] = []
    for place, table in enumerate(tables, 1):
        path = f"policy.country[{place}]"
        if table["countries"] == ():
            faults.add(f"{path}.countries", "it is empty: the rule would never fit", 'list some, or "*"')
        for name in table["peers"]:
            if name not in names:
                faults.add(f"{path}.peers", f"there is no peer called {name}", nearest(name, [n for n in names if n]))
        if table["countries"] and table["action"]:
            found.append(
                CountrySettings(
                    table["countries"], table["action"], table["of"], table["side"], table["peers"], table["class"]
                )
            )
    return tuple(found)


def names_of(raw: Raw | None, faults: Faults) -> NameSettings | None:
    """Where names are looked up; what opens that door stands in a file of the owner's alone."""
    if raw is None or raw["url"] is None:
        return None
    path = raw["authorization_file"]
    key = private(path, "policy.names.authorization_file", faults) if path is not None else ""
    key = (key or "").strip()
    if not key.isprintable():
        faults.add("policy.names.authorization_file", "it has several lines", "write the value of the header alone")
    return NameSettings(raw["url"], raw["milliseconds"], raw["cache_hours"], raw["show"], key)
