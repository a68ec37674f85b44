"""The schema and the example say the same, and the defaults are those of the policy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from policy.rulebook import Velocity
from policy.weights import REJECT_AT, TAG_AT
from proxy.settings import ProfileSettings, VelocitySettings
from proxy.settings.schema import known_keys

NAMED = re.compile(r"^(profile|signing\.peers|policy\.checks|policy\.codes|policy\.weights)\.[^.]+")


def uncommented(text: str) -> str:
    """The example with the keys that it leaves out put in."""
    return re.sub(r"^# (?=[a-z_-]+ = |\[)", "", text, flags=re.MULTILINE)


def paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return {
            found for key, below in value.items() for found in paths(below, f"{path}.{key}" if path else key)
        }
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {found for item in value for found in paths(item, path)}
    return {NAMED.sub(r"\1.*", path)}


def test_every_known_key_stands_in_the_example_and_no_other(example: Path) -> None:
    assert paths(tomllib.loads(uncommented(example.read_text(encoding="utf-8")))) == set(known_keys())


def test_every_key_of_the_example_has_a_sentence(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    said: set[str] = set()
    for before, line in zip(lines, lines[1:], strict=False):
        if (match := re.match(r"(?:# )?([a-z_]+) = ", line)) is None or match[1] in said:
            continue
        said.add(match[1])
        # A key follows its sentence, or another key that shares it.
        assert before.startswith("#") or re.match(r"[a-z_-]+ = ", before), line


def test_the_defaults_are_those_of_the_policy() -> None:
    profile, velocity = ProfileSettings("default"), VelocitySettings()
    assert (profile.tag_at, profile.reject_at) == (TAG_AT, REJECT_AT)
    assert (velocity.limit, velocity.seconds) == (Velocity().limit, Velocity().seconds)
