"""How long rows are kept, by class, and what becomes of the numbers in them: the operator's rules, and their effect.

Numbers are masked (`1202555****`) or replaced by a keyed hash, which tells equal numbers from others and can be looked
for by whoever has the key. Both are for good. Each step is a link of the chain that names what it renewed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf, nextafter

from proxy.log import mask
from proxy.storage import chain
from proxy.storage.database import Transaction

DAY = 86_400.0
CLASSES = ("allowed", "blocked", "outbound", "emergency", "notes")
"""What rows are told apart by: an emergency call is nothing else, then what leaves, then what was done."""
AT_ONCE = 1000
"""Rows that one step looks at: some tens of milliseconds, in which no other row is written."""
NUMBERS = ("caller", "callee", "orig", "dest", "shown", "asserted", "display")
"""Columns that hold a number or a name."""
_SEVERAL = NUMBERS.index("dest")
"""The one that may hold several, with commas between them."""
TEXTS = ("detail", "findings")
"""Columns whose sentences may hold one."""
SHORTEST = 7
"""Digits of what is somebody's number; `911` is nobody's."""
HASHED = "h:"

MASKED = r"\+?[0-9]{3,9}\*{4}"
"""What `mask` makes of a number."""

# What a caller writes may look like much, so nothing but our own forms counts as done.
_ours = re.compile(rf"{HASHED}[0-9a-f]{{20}}|{MASKED}|\*").fullmatch
_plain = re.compile(r"\+?[0-9]{7,13}").fullmatch
_service = re.compile(r"[0-9+*#]+").fullmatch
_separators = str.maketrans("", "", "-.() ")
# In a sentence, which may be a string of JSON: there a number can stand behind an escape.
_number = re.compile(rf"(?:(?<!\w)|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{{4}}))(?:{MASKED}|\+?[0-9]{{7,15}}(?!\w))")
_RULE = "veiled"
"""Under which it is kept how far masking came. Its first name was `masked`: by that, whatever had a `*` in it was
passed over, so those rows are gone through again.
"""

_CLASS = {
    "emergency": "emergency",
    "outbound": "NOT emergency AND direction = 'outbound'",
    "blocked": "NOT emergency AND direction <> 'outbound' AND action IN ('reject', 'divert')",
    "allowed": "NOT emergency AND direction <> 'outbound' AND action NOT IN ('reject', 'divert')",
    "notes": "1",
}


@dataclass(frozen=True, slots=True)
class Care:
    """Days by class; 0: for ever."""

    keep_days: Mapping[str, int] = field(default_factory=dict)
    mask_days: int = 0
    hashed: bool = True
    """A keyed hash in the place of a number; else its last digits are hidden."""
    key: bytes = field(default=b"", repr=False)

    def __bool__(self) -> bool:
        return bool(self.mask_days or any(self.keep_days.values()))

    def once(self, link: sqlite3.Connection, utc: float) -> bool:
        """Do a part of what is due; True: there is more. Raises sqlite3.Error."""
        more = False
        for name, days in self.keep_days.items():
            if days:
                table = "notes" if name == "notes" else "calls"
                more |= _step(link, name, utc - days * DAY, utc, table, _CLASS[name], _remove(table))
        if self.mask_days:
            more |= _step(link, _RULE, utc - self.mask_days * DAY, utc, "calls", "1", self._veil)
        return more

    def veiled(self, number: str) -> str:
        """What stands in the place of a number, a name or an address."""
        if not number or _ours(number):
            return number
        digits = sum(char.isdigit() for char in number)
        if digits < SHORTEST and _service(number):
            return number  # a service, not a person
        bare = number.translate(_separators)
        plain = _plain(bare) is not None
        if self.hashed:
            return hashed(bare if plain else number, self.key)
        return mask(bare) if plain else "*"

    def _veil(self, link: sqlite3.Connection, ids: Sequence[int]) -> None:
        columns = (*NUMBERS, *TEXTS)
        query = f"SELECT {', '.join(columns)}, id FROM calls WHERE id = ?"
        change = f"UPDATE calls SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?"
        for number in ids:
            *values, _ = link.execute(query, (number,)).fetchone()
            told = [self.veiled(str(value or "")) for value in values[: len(NUMBERS)]]
            told[_SEVERAL] = ",".join(map(self.veiled, str(values[_SEVERAL] or "").split(",")))
            said = [_number.sub(lambda found: self.veiled(found[0]), value or "") for value in values[len(NUMBERS) :]]
            link.execute(change, (*told, *said, number))


def _remove(table: str) -> Callable[[sqlite3.Connection, Sequence[int]], None]:
    def work(link: sqlite3.Connection, ids: Sequence[int]) -> None:
        if table == "calls":
            link.executemany("DELETE FROM ends WHERE call = ?", [(one,) for one in ids])
        link.executemany(f"DELETE FROM {table} WHERE id = ?", [(one,) for one in ids])

    return work


def _step(
    link: sqlite3.Connection, rule: str, before: float, utc: float, table: str, where: str,
    work: Callable[[sqlite3.Connection, Sequence[int]], None],
) -> bool:  # fmt: skip
    """Do a part of one rule in one transaction; True: there is more."""
    with Transaction(link):
        found = link.execute("SELECT utc FROM cared WHERE rule = ?", (rule,)).fetchone()
        done = found[0] if found is not None else -inf
        if done >= before:
            return False
        due = f"FROM {table} WHERE utc >= ? AND utc < ?"
        edge = link.execute(f"SELECT utc {due} ORDER BY utc LIMIT 1 OFFSET ?", (done, before, AT_ONCE)).fetchone()
        until = nextafter(edge[0], inf) if edge is not None else before
        ids = [one for (one,) in link.execute(f"SELECT id {due} AND {where} ORDER BY id", (done, until))]
        if ids:
            ends: list[int] = []
            if table == "calls":
                for one in ids:
                    ends += [end for (end,) in link.execute("SELECT id FROM ends WHERE call = ?", (one,))]
            work(link, ids)
            last = chain.last(link)
            touched = {**_links(link, table, ids, last.seq), **_links(link, "ends", sorted(ends), last.seq)}
            seals = b"".join(chain.renewed(link, *touched[seq]) for seq in sorted(touched))
            counts = last.calls, last.ends, last.notes
            chain.add(link, last, chain.KEPT_LESS, utc, (), counts, 0, seals)
        link.execute("INSERT OR REPLACE INTO cared VALUES (?, ?)", (rule, until))
    return edge is not None


def _links(
    link: sqlite3.Connection, table: str, ids: Sequence[int], newest: int
) -> dict[int, tuple[chain.Link, chain.Link]]:
    """The links that cover these rows, by their number, each with the one before it."""
    found: dict[int, tuple[chain.Link, chain.Link]] = {}
    covered = 0
    for number in ids:
        if number <= covered:
            continue
        low, high = 1, newest
        while low < high:
            middle = (low + high) // 2
            reached = link.execute(f"SELECT {table} FROM chain WHERE seq = ?", (middle,)).fetchone()
            if reached is not None and reached[0] < number:
                low = middle + 1
            else:
                high = middle
        here = chain.at(link, low)
        found[low] = chain.at(link, low - 1), here
        covered = getattr(here, table)
    return found


def journal_key(secret: bytes) -> bytes:
    """What numbers are hashed with: made from the secret that all processes share."""
    return blake2b(secret, digest_size=32, person=b"journal").digest()


def hashed(number: str, key: bytes) -> str:
    """The keyed hash of a number; with or without a plus it is the same."""
    return HASHED + blake2b(number.lstrip("+").encode("utf-8", "replace"), key=key[:64], digest_size=10).hexdigest()

