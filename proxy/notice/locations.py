"""Where a line is: the operator's own table, by number, extension or network of the caller (`locations.csv`).

Three columns with a head line: `match,location,callback`. `match` is a number (+12025550177), an extension (2177), an
address or a network (192.0.2.0/24); `location` is what a person at the front desk reads ("Floor 3, room 3127");
`callback` may be left out: the number that reaches an extension from outside. A number counts before a network, and a
narrow network before a wide one. A line that cannot be read is left out and remarked upon.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from certs.files import read
from proxy.notice.content import clean
from shaken.number import canonical

MAX_FILE = 16 * 1024 * 1024
"""Octets; a row has about 80, and a site has fewer lines than 200,000."""
SHOWN = 5
"""Lines that could not be read and are quoted."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the table says of a line."""

    text: str
    by: str
    """number | subnet"""
    callback: str = ""


Networks = Mapping[tuple[int, int], Mapping[int, Place]]
"""(version, host bits) -> network without its host bits -> place."""


@dataclass(frozen=True, slots=True)
class Locations:
    """The table, ready to be asked."""

    numbers: Mapping[str, Place] = field(default_factory=dict)
    networks: Networks = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers) + sum(map(len, self.networks.values()))

    def find(self, lines: Iterable[str], addresses: Iterable[str] = ()) -> Place | None:
        """The place of the first line (canonical number or extension) that is known, else of the first address."""
        for line in lines:
            if (place := self.numbers.get(line)) is not None:
                return place
        for address in addresses:
            if (place := self._network(address)) is not None:
                return place
        return None

    def _network(self, host: str) -> Place | None:
        try:
            address = ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return None
        address = getattr(address, "ipv4_mapped", None) or address
        for (version, shift), places in self.networks.items():
            if version == address.version and (place := places.get(int(address) >> shift)) is not None:
                return place
        return None


def load(path: Path) -> Locations:
    """Read a table. Raises FileError where the file cannot be read."""
    octets = read(path, limit=MAX_FILE)
    return parse(octets.decode("utf-8-sig", "replace"), str(path))


def parse(text: str, name: str = "locations") -> Locations:
    """The table from its text. Never raises: what cannot be read is in the remarks."""
    numbers: dict[str, Place] = {}
    networks: dict[tuple[int, int], dict[int, Place]] = {}
    bad: list[str] = []
    rows = csv.reader(text.splitlines())
    while True:
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            bad.append(f"{name}: line {rows.line_num} is no CSV ({error})")
            continue
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#") or row[0].strip() == "match":
            continue
        if (fault := _row(row, numbers, networks)) is not None:
            bad.append(f"{name}: line {rows.line_num} is left out: {fault}")
    remarks = bad[:SHOWN] + ([f"{name}: {len(bad) - SHOWN} more lines are left out"] if len(bad) > SHOWN else [])
    # Narrow networks first.
    return Locations(numbers, dict(sorted(networks.items(), key=lambda item: item[0][1])), tuple(remarks))


def _row(
    row: Sequence[str], numbers: dict[str, Place], networks: dict[tuple[int, int], dict[int, Place]]
) -> str | None:
    """Take one row in; or say what is wrong with it."""
    match, location, callback = (*(cell.strip() for cell in row), "", "")[:3]
    if not location:
        return "it has no location"
    reach = ""
    if callback:
        tn = canonical(callback)
        if tn is None or len(tn) < 7:
            return f"{callback!r} is no number to call back"
        reach = "+" + tn
    if any(char in match for char in ".:/"):
        try:
            network = ip_network(match)
        except ValueError:
            return f"{match!r} is no number, address or network"
        shift = network.max_prefixlen - network.prefixlen
        place = Place(clean(location), "subnet", reach)
        networks.setdefault((network.version, shift), {})[int(network.network_address) >> shift] = place
        return None
    line = canonical(match)
    if line is None:
        return f"{match!r} is no number, address or network"
    numbers[line] = Place(clean(location), "number", reach)
    return None
