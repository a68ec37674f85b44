"""What a value may look like: tables of what is taken and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.settings import kinds
from proxy.settings.errors import Wrong
from proxy.settings.kinds import REJECTIONS, Kind, rejection

HERE = Path(__file__).parent

TAKEN: list[tuple[Kind, object, Any]] = [
    (kinds.flag, True, True),
    (kinds.integer(1, 9), 9, 9),
    (kinds.many(kinds.text), ["a", "b"], ("a", "b")),
    (kinds.number, "+1 (202) 555-0100", "+1 (202) 555-0100"),
    (kinds.number, "1202555*", "1202555*"),
    (kinds.number, "12025550100-12025550199", "12025550100-12025550199"),
    (kinds.emergency_string, "*8911", "*8911"),
    (kinds.digits(0, 3), "", ""),
    (kinds.country_code, "44", "44"),
    (kinds.country_code, "none", "none"),
    (kinds.telephone, "+12025550100", "+12025550100"),
    (kinds.origid, "DE305D54-75B4-431B-ADB2-EB6B9E546014", "de305d54-75b4-431b-adb2-eb6b9e546014"),
    (kinds.header_prefix, "X-Screen-", "X-Screen"),
    (kinds.clock, "2023-09-07T12:00:00Z", "2023-09-07T12:00:00Z"),
    (kinds.clock, "-1d12h", "-1d12h"),
    (kinds.existing, "conftest.py", HERE / "conftest.py"),
    (kinds.pathname, "/var/lib/ringwarden", Path("/var/lib/ringwarden")),
    (kinds.secret, "sixteen octets!!\n", b"sixteen octets!!"),
    (rejection, 603, 603),
]

REFUSED: list[tuple[Kind, object]] = [
    (kinds.text, 3),
    (kinds.text, " "),
    (kinds.text, "a\nb"),
    (kinds.text, "x" * 2000),
    (kinds.flag, 1),
    (kinds.flag, "true"),
    (kinds.integer(1, 9), 0),
    (kinds.integer(1, 9), True),
    (kinds.integer(1, 9), 2.0),
    (kinds.integer(1, 9), "3"),
    (kinds.many(kinds.text), "a"),
    (kinds.many(kinds.text), ["a"] * 10_001),
    (kinds.name, "my trunk"),
    (kinds.number, "none"),
    (kinds.number, "12025550199-12025550100"),
    (kinds.number, "202*"),
    (kinds.emergency_string, "1"),
    (kinds.digits(1, 3), 1),
    (kinds.digits(1, 3), "1234"),
    (kinds.country_code, ""),
    (kinds.country_code, 44),
    (kinds.country_code, "+44"),
    (kinds.country_code, "044"),
    (kinds.telephone, "2025550100"),
    (kinds.origid, "one"),
    (kinds.header_prefix, "Content"),
    (kinds.header_prefix, "P-Asserted"),
    (kinds.header_prefix, "X-"),
    (kinds.clock, "2023-09-07T12:00:00"),
    (kinds.clock, "+2w"),
    (kinds.clock, "2023-99-07T12:00:00Z"),
    (kinds.existing, "not-here.pem"),
    (kinds.existing, "a\x00b"),
    (kinds.pathname, "~nobody-of-this-name/x"),
    (kinds.secret, "short"),
    (rejection, 200),
    (rejection, 603.0),
    (rejection, True),
    (rejection, [403]),
]


@pytest.mark.parametrize(("kind", "value", "expected"), TAKEN)
def test_a_good_value_is_taken(kind: Kind, value: object, expected: Any) -> None:
    assert kind(value, HERE) == expected


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_bad_value_is_refused_with_a_cure(kind: Kind, value: object) -> None:
    with pytest.raises(Wrong) as caught:
        kind(value, HERE)
    assert caught.value.what and caught.value.cure


def test_the_secret_is_never_repeated() -> None:
    with pytest.raises(Wrong) as caught:
        kinds.secret("too short", HERE)
    assert "too short" not in caught.value.what + caught.value.cure


def test_the_codes_are_those_that_a_refusal_has_a_phrase_for() -> None:
    from policy.refusal import PHRASES

    assert set(REJECTIONS) == set(PHRASES)
