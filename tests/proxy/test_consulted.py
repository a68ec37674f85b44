"""Whom the settings want asked is made, kept over a reload where it is the same, and closed with the rest."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.consulted import Consulted
from proxy.metrics import Metrics
from proxy.settings import Settings, read
from proxy.settings.identity import ServiceSettings
from proxy.settings.judgement import HookSettings, NameSettings
from tests.proxy.settings.conftest import SMALL

WHERE = "http://127.0.0.1:9/"


class Around:
    """What a ringwarden lends: who is closed, and what runs beside the calls."""

    def __init__(self) -> None:
        self.closing: list[Callable[[], Any]] = []
        self.beside: list[tuple[str, Coroutine[Any, Any, None]]] = []
        self.consulted = Consulted(lambda: 0.0, Metrics(), lambda work, name: self.beside.append((name, work)), self.closing)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read(copy.deepcopy(SMALL), "ringwarden.toml", tmp_path)


@pytest.fixture
def around() -> Around:
    return Around()


def test_nobody_is_asked_unless_the_settings_say_so(settings: Settings, around: Around) -> None:
    asked = around.consulted
    assert asked.hook(settings) is None and asked.verifier(settings) is None and asked.names(settings) is None
    assert asked.signers(settings) == {}
    assert not around.closing and not around.beside


def test_the_decision_service_has_its_limit_and_is_closed(settings: Settings, around: Around) -> None:
    hook = around.consulted.hook(replace(settings, policy=replace(settings.policy, hook=HookSettings(WHERE, 40))))
    assert hook is not None
    assert around.closing == [hook.close]


def test_one_signing_service_serves_the_trunks_that_sign_until_another_is_set(settings: Settings, around: Around) -> None:
    trunks = tuple(replace(one, sign=one.side == "pbx") for one in settings.trunks)
    one = replace(settings, trunks=trunks, service=ServiceSettings(WHERE, "origid"))
    first = around.consulted.signers(one)
    assert set(first) == {"pbx"}
    assert around.consulted.signers(replace(one))["pbx"][0] is first["pbx"][0]
    other = around.consulted.signers(replace(one, service=ServiceSettings(WHERE, "origid", milliseconds=100)))
    assert other["pbx"][0] is not first["pbx"][0]
    assert len(around.closing) == 2


def test_the_verification_service_is_kept_until_where_how_or_how_long_it_is_asked_changes(
    settings: Settings, around: Around
) -> None:
    one = replace(settings, identity=replace(settings.identity, service=WHERE))
    first = around.consulted.verifier(one)
    assert first is not None and around.consulted.verifier(replace(one)) is first
    for changed in ({"service_ms": 200}, {"dialect": "3gpp"}, {"service": "http://127.0.0.2:9/"}):
        assert around.consulted.verifier(replace(one, identity=replace(one.identity, **changed))) is not first
    assert around.consulted.verifier(settings) is None


async def test_another_service_of_names_takes_the_place_of_the_former_which_is_closed_beside_the_calls(
    settings: Settings, around: Around
) -> None:
    def naming(url: str) -> Settings:
        return replace(settings, policy=replace(settings.policy, names=NameSettings(url)))

    first = around.consulted.names(naming(WHERE + "{number}"))
    assert first is not None and around.consulted.names(naming(WHERE + "{number}")) is first
    assert not around.beside
    second = around.consulted.names(naming(WHERE + "cnam/{number}"))
    assert second is not None and second is not first
    assert around.consulted.names(settings) is None
    assert [name for name, _ in around.beside] == ["names", "names"]
    await asyncio.gather(*(work for _, work in around.beside))
    assert around.closing == [second.close, first.close]
