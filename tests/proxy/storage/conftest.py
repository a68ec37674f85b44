"""A journal that loses no time, and waiting that is no sleep: a condition with a deadline."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.storage.journal import Journal, Pace, Row
from tests.waiting import found

QUICK = Pace(beat=0.005, patience=0.02, pauses=(0.005, 0.01), care=0.01)


class Said(list[tuple[str, dict[str, Any]]]):
    """What the journal said in the log."""

    def __call__(self, event: str, **fields: Any) -> None:
        self.append((event, fields))

    def events(self) -> list[str]:
        return [event for event, _ in self if event != "journal-head"]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else has the file for himself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def lost_between(journal_at: Callable[..., Journal], wait: Callable[[Callable[[], bool]], None]) -> Callable[[Path], Journal]:
    """A journal that wrote `before`, lost `during` because its file was locked, and wrote `after`."""

    def make(path: Path) -> Journal:
        journal = journal_at(path)
        journal.put(Row(1.0, "before"))
        wait(lambda: journal.written == 1)
        with locked(path):
            journal.put(Row(1.0, "during"))
            wait(lambda: journal.dropped == 1)
            assert "locked" in journal.health().why
        journal.put(Row(1.0, "after"))
        wait(lambda: journal.written == 2)
        return journal

    return make


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def wait() -> Callable[[Callable[[], bool]], None]:
    return lambda holds: found(holds, "what the journal does beside us")


@pytest.fixture
def journal_at(said: Said) -> Iterator[Callable[..., Journal]]:
    made: list[Journal] = []

    def make(path: Path, **more: Any) -> Journal:
        made.append(Journal(path, said, **({"pace": QUICK} | more)))
        return made[-1]

    yield make
    for journal in made:
        journal.close(1.0)


@pytest.fixture
def whole() -> Row:
    """A row with every field set."""
    return Row(
        utc=1_694_088_000.5, call_id="a84b4c76@198.51.100.7", direction="inbound", trunk="carrier",
        source="198.51.100.7:5060", caller="12025550101", caller_kind="number",
        caller_field="P-Asserted-Identity", display="Alice", callee="12025550123", emergency=True, attest="A",
        verstat="TN-Validation-Passed", verify="identity-stale-iat", facts="parsed=pass fresh=fail",
        detail="61 s old", orig="12025550101", dest="12025550123",
        origid="de305d54-75b4-431b-adb2-eb6b9e546014", iat_age=61.0, x5u="https://a.example/b", spc="709J",
        signer="SHAKEN 709J, Example", cache="hit", mode="enforce", action="reject", would="reject",
        reason="campaign", score=100, campaign="Utility-SupplyCharges", list_age=3.5,
        findings=(("campaign", "analytics", 100, "on list of 3 days"), ("anonymous", "note", 0, "no name")),
        refusal="c-8842_1", signed="B", status=603, decision_us=81, forwarded_to="192.0.2.20:5060",
        method="INVITE", customer="clinic", shown="+12025550101", asserted="+12025550101", rehearsed="reject",
        shadows="brand-unproved", ceilings="campaign=tag", tag_at=30, reject_at=80,
    )  # fmt: skip
