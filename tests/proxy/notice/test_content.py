"""What a notice says, and that nothing a caller writes can change its form."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.notice.content import MAX_TEXT, Notice, clean, dialable

SCHEMA = {
    "version": int, "event": str, "key": str, "call_id": str, "time": str, "dialled": str, "caller": str, "name": str,
    "callback": str, "location": dict, "location_with_call": bool, "trunk": str, "source": str, "text": str,
}  # fmt: skip


@pytest.mark.req("EMG-006")
def test_the_notice_tells_of_the_call_a_number_to_call_back_and_the_location(notice: Notice) -> None:
    told = json.loads(notice.as_json())
    assert {name: type(value) for name, value in told.items()} == SCHEMA
    assert told["event"] == "911_call"
    assert told["time"] == "2026-11-18T11:06:40.250Z"
    assert told["callback"] == "+12025550177"
    assert told["location"] == {"text": "500 Example St, Floor 3", "by": "number"}
    assert told["text"] == (
        "EMERGENCY CALL to 911 from Room 3127 2177; 500 Example St, Floor 3; call back +12025550177"
    )


@pytest.mark.req("EMG-006")
def test_what_is_not_known_is_said_to_be_unknown(notice: Notice) -> None:
    told = json.loads(replace(notice, location="", location_by="", callback="", name="", caller="").as_json())
    assert told["location"] is None
    assert told["text"] == "EMERGENCY CALL to 911 from an unknown line; location not on file; no call-back number known"


@pytest.mark.req("EMG-018")
def test_a_test_says_that_it_is_one(notice: Notice) -> None:
    test = replace(notice, test=True, dialled="933")
    assert test.event == "911_test"
    assert test.sentence().startswith("TEST of the emergency service to 933")


@given(st.text())
def test_text_of_a_call_is_one_bounded_printable_line(text: str) -> None:
    assert len(clean(text)) <= MAX_TEXT
    assert clean(text).isprintable()


@pytest.mark.req("EMG-016")
@pytest.mark.parametrize(
    ("tn", "number"),
    [
        ("12025550177", "+12025550177"),
        ("442079460000", "+442079460000"),
        ("2177", ""),
        ("911", ""),
        ("10125550177", ""),
        ("*7777777", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_a_number_that_can_be_dialled_from_outside_is_one_to_call_back(tn: str | None, number: str) -> None:
    assert dialable(tn) == number
