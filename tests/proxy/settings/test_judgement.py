"""What is made of who is calling: the defaults are those of the policy, and a contact is a contact."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from policy import rulebook
from proxy.settings import SettingsError, read
from proxy.settings.judgement import (
    CHECK_MODES,
    ListSettings,
    NameSettings,
    ProfileSettings,
    RedressSettings,
    VelocitySettings,
)


def test_the_defaults_are_those_of_the_policy() -> None:
    ours, theirs = ProfileSettings("default"), rulebook.Profile()
    assert (ours.tag_at, ours.reject_at, ours.divert_at) == (theirs.tag_at, theirs.reject_at, theirs.divert_at)
    assert (ours.divert_to, ours.divert_by, ours.tags) == (theirs.divert_to, theirs.divert_by, tuple(theirs.tags))
    velocity = rulebook.Velocity()
    assert VelocitySettings() == VelocitySettings(velocity.limit, int(velocity.seconds))
    assert set(rulebook.CHECKS.values()) <= set(CHECK_MODES)


def test_each_limit_of_the_policy_is_a_setting(small: dict[str, Any]) -> None:
    names = {one.name for one in fields(rulebook.Thresholds)} - {"unknown_zone_is_open"}
    limits = {one: getattr(rulebook.Thresholds(), one) for one in names}
    assert read(small | {"policy": {"limits": limits}}).policy.limits == limits
    assert not read(small).policy.limits
    for wrong in ({"names": 251}, {"wasted": 1.1}, {"talked": "0.1"}, {"blind": 0}, {"callers": 3}, {"bad": True}):
        with pytest.raises(SettingsError, match=rf"policy\.limits\.{next(iter(wrong))}"):
            read(small | {"policy": {"limits": wrong}})


def test_only_calls_are_judged_unless_more_is_wanted(small: dict[str, Any]) -> None:
    assert read(small).policy.methods == ("INVITE",)


@pytest.mark.parametrize("way", ["url", "tel", "email"])
def test_each_way_to_us_is_redress(way: str) -> None:
    assert RedressSettings(**{way: "somewhere"})


def test_a_name_or_a_card_alone_is_no_redress() -> None:
    assert not RedressSettings(name="Somebody", card="https://a.example/card")


def test_the_files_of_lists_are_those_that_are_looked_up_by_number() -> None:
    lists = ListSettings(
        campaigns=(Path("a"),), allow=(Path("b"),), deny=(Path("c"),), dno=(Path("d"),), dnc=(Path("e"),),
        messages=(Path("f"),), rmd=(Path("g"),), countries=(Path("h"),),
    )  # fmt: skip
    assert [path.name for path in lists.files] == ["a", "b", "c", "d", "e"]


def test_what_opens_a_service_of_names_is_never_shown() -> None:
    assert "token" not in repr(NameSettings("https://a.example/{number}", authorization="Bearer token"))
