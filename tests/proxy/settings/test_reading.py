"""A whole file: what may be left out, what is said of it, and that nothing else is ever raised."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.settings import Settings, SettingsError, load, problems, read
from proxy.settings.schema import WHOLE
from proxy.settings.shapes import Entry, Key, Named, Tables

MINIMAL = """
[[listen]]
address = "192.0.2.10"
[[trunk]]
name = "carrier"
side = "carrier"
sources = ["198.51.100.7"]
[next_hop]
pbx = ["192.0.2.20"]
"""

Complaints = Callable[..., list[str]]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "ringwarden.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_eight_lines_are_a_transparent_proxy_in_observe(tmp_path: Path) -> None:
    found = load(written(tmp_path, MINIMAL), environ={})
    (trunk,) = found.trunks
    assert (trunk.mode, trunk.trust, trunk.profile, trunk.sign) == ("observe", "identity", "default", False)
    assert found.listeners[0].port == found.listeners[0].advertised_port == 5060
    assert found.identity.anchors is None and found.signing is None and found.admin is None
    assert (found.identity.freshness_seconds, found.identity.deadline_ms) == (60, 300)
    assert found.health.silence_ms < 2000  # a call whose first hop is dead reaches the second within two seconds
    assert found.paths.journal is None and found.secret is None and not found.lab.enabled
    with pytest.raises(FrozenInstanceError):
        found.role = "gateway"  # type: ignore[misc]


def test_the_example_can_be_used_as_it_is(example: Path) -> None:
    assert problems(example) == []


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'rule = "x"\n[[listen]]\naddress = "0.0.0.0"\ntransport = "ws"\n'
        '[[trunk]]\nname = "a"\nside = "carier"\nsources = ["198.51.100.7/24"]\n[lab]\nclock = "+2d"\n',
    )
    found = problems(path)
    for key, cure in {
        "rule": "did you mean `role`?",
        "listen[1].transport": 'use "udp", "tcp" or "tls"',
        "listen[1].advertise": 'add advertise = "203.0.113.5"',
        "trunk[1].side": "did you mean `carrier`?",
        "trunk[1].sources": "did you mean 198.51.100.0/24?",
        "lab.clock": "set lab.enabled = true",
    }.items():
        (line,) = [line for line in found if f": {key}: " in line]
        assert line.startswith(f"{path}: {key}: ") and cure in line
    assert len(found) == 6


@pytest.mark.parametrize(
    ("where", "key", "meant"),
    [
        ((), "trunks", "trunk"),
        (("trunk", 0), "mod", "mode"),
        (("trunk", 0), "source", "sources"),
        (("next_hop",), "silence", "silence_ms"),
        (("policy",), "redres", "redress"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(
    small: dict[str, Any], complaints: Complaints, where: tuple[Any, ...], key: str, meant: str
) -> None:
    table = small
    small.setdefault("policy", {})
    for step in where:
        table = table[step]
    table[key] = "x"
    (line,) = complaints(small)
    assert f"did you mean `{meant}`?" in line


def test_a_reason_that_nobody_gives_is_an_error(small: dict[str, Any], complaints: Complaints) -> None:
    small["policy"] = {"codes": {"identity-stale": 403}, "weights": {"campain": 3}}
    small["profile"] = {"strict": {"tags": ["anonymos"]}}
    reasons = ("identity-stale-iat", "campaign", "anonymous")
    found = "\n".join(complaints(small, reasons=reasons))
    assert "`identity-stale-iat`" in found and "`campaign`" in found and "`anonymous`" in found
    assert complaints(small) == []  # without the vocabulary, any reason may be named


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a = ", "not TOML"),
        (b"a = 1\na = 2", "not TOML"),
        (b"[" * 50_000, "not TOML"),
        (b"# " + b"x" * 1024 * 1024, "more than"),
        (b"listen = 3\ntrunk = [1]\nidentity = []\nprofile = 1", "a list of tables is needed"),
        (b"[policy.codes]\n" + b"".join(b"a%d=403\n" % n for n in range(1100)), "1100 names are too many"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_none(tmp_path: Path, octets: bytes, said: str) -> None:
    assert said in "\n".join(problems(written(tmp_path, octets)))


def test_a_file_that_is_not_there_and_a_folder_are_said(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "no.toml")[0]
    assert "cannot be read" in problems(tmp_path)[0]


def test_relative_paths_start_at_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    path = written(tmp_path, MINIMAL + '[identity]\nanchors = "roots"\n[paths]\njournal = "j/calls.db"\n')
    found = load(path, environ={})
    assert found.identity.anchors == tmp_path / "roots"
    assert found.paths.journal == tmp_path / "j" / "calls.db"


def words(entry: Entry) -> set[str]:
    if isinstance(entry, Key):
        return set()
    if isinstance(entry, Named):
        return words(entry.entry)
    return {*entry.keys, *(word for below in entry.keys.values() for word in words(below))}


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(), st.just(math.nan),
    st.sampled_from([
        "udp", "tls", "carrier", "pbx", "observe", "192.0.2.1", "[::1]:5060", "0.0.0.0", "10.0.0.0/8", "::/0",
        "+2d", "enforce", "https://a.example/b", "12025550100", "~nobody-here/x", "\x00", "fe80::1%1",
        "224.0.0.1", "a/\x00b", "+9999999999d", "1*",
    ]),
)  # fmt: skip
KEYS = st.one_of(st.sampled_from(sorted(words(WHOLE))), st.text(max_size=8))
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(KEYS, below, max_size=6)),
    max_leaves=25,
)


def shaped(entry: Entry) -> st.SearchStrategy[Any]:
    """Data of the schema's shape, with anything at its leaves."""
    if isinstance(entry, Key):
        return st.one_of(LEAVES, st.lists(LEAVES, max_size=3), TREES)
    if isinstance(entry, Named):
        return st.dictionaries(KEYS, shaped(entry.entry), max_size=3)
    below = st.fixed_dictionaries({}, optional={key: shaped(value) for key, value in entry.keys.items()})
    return st.lists(below, max_size=3) if isinstance(entry, Tables) else below


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.one_of(shaped(WHOLE), st.dictionaries(KEYS, TREES, max_size=8)))
def test_whatever_toml_holds_gives_settings_or_a_settings_error(data: dict[str, Any]) -> None:
    try:
        found = read(data, folder=Path("/nonexistent"))
    except SettingsError as error:
        assert error.problems
        assert all("\n" not in line and len(line) < 2500 for line in error.problems)
    else:
        assert isinstance(found, Settings)


@settings(max_examples=100, deadline=None)
@given(octets=st.binary(max_size=200))
def test_any_octets_give_settings_or_a_settings_error(
    octets: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(octets)
    assert problems(path)
