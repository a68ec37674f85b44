"""What only some ringwardens have is made where the settings ask for it, runs beside the calls and is closed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from proxy.guests import Guests
from proxy.log import Log
from proxy.metrics import Metrics
from proxy.parts import Parts, prepare
from proxy.settings import Settings, read
from proxy.settings.judgement import NameSettings
from proxy.settings.values import FleetSettings, JournalSettings, MarkingSettings
from proxy.storage.rows import End, Note, Row
from tests.proxy.settings.conftest import SMALL


class Rows:
    """A journal that keeps them."""

    def put(self, row: Row | End | Note, /) -> None:
        raise AssertionError("nothing happened that is to be written down")


class Around:
    def __init__(self) -> None:
        self.closing: list[Callable[[], Any]] = []
        self.beside: list[str] = []
        self.guests = Guests(cast(Log, None), Metrics(), self.spawn, self.closing)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        work.close()
        self.beside.append(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read(copy.deepcopy(SMALL), "ringwarden.toml", tmp_path)


@pytest.fixture
def parts(settings: Settings) -> Parts:
    return prepare(settings)


def test_a_plain_ringwarden_has_no_guests(settings: Settings, parts: Parts) -> None:
    around = Around()
    assert around.guests.fleet(settings, parts, None) is None
    assert around.guests.quality(settings, Rows()) is None
    assert around.guests.shows(settings) is None
    assert not around.closing and not around.beside


def test_reports_are_read_only_where_they_can_be_kept(settings: Settings) -> None:
    wanted = replace(settings, journal=JournalSettings(quality=True))
    assert Around().guests.quality(wanted, None) is None
    assert Around().guests.quality(wanted, Rows()) is not None


def test_names_are_changed_where_a_mark_a_header_or_a_looked_up_name_is_wanted(settings: Settings) -> None:
    guests = Around().guests
    for marking in (MarkingSettings(name_tagged="?"), MarkingSettings(name_proved="!"), MarkingSettings(trunk=True)):
        assert guests.shows(replace(settings, marking=marking)) is not None
    header = guests.shows(replace(settings, marking=MarkingSettings(prefix="X-Ours", trunk=True)))
    assert header is not None and header.trunk == b"X-Ours-Trunk"
    for show, changes in (("never", False), ("missing", True), ("always", True)):
        policy = replace(settings.policy, names=NameSettings("http://127.0.0.1:9/{number}", show=show))
        assert (guests.shows(replace(settings, policy=policy)) is not None) is changes


def test_counts_go_through_redis_beside_the_calls_and_records_need_a_journal(settings: Settings, parts: Parts) -> None:
    pytest.importorskip("redis")
    around = Around()
    fleet = FleetSettings("one", "redis://127.0.0.1:9/", "postgresql://127.0.0.1:9/")
    counts = around.guests.fleet(replace(settings, fleet=fleet), parts, None)
    assert counts is not None
    assert around.beside == ["fleet"] and around.closing == [counts.close]
