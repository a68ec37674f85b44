"""`;name=value` lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.params import plain, quoted, unquoted


def test_names_are_lower_case_values_stay_and_the_first_of_two_counts() -> None:
    assert plain(";Tag=ABC;lr;tag=x;a==") == {"tag": "ABC", "lr": None, "a": "="}


@pytest.mark.parametrize("text", [";", ";;a", ";a;;b", ";=x", ";a;"])
def test_a_parameter_without_a_name_is_none(text: str) -> None:
    with pytest.raises(ParseError):
        plain(text)


def test_quotes_and_blanks_are_read() -> None:
    assert quoted(r' ; A = "x;tag=no\"" ; tag = 1 ; flag') == {"a": 'x;tag=no"', "tag": "1", "flag": None}


@pytest.mark.parametrize(("text", "bare"), [("x", "x"), ('"a b"', "a b"), (r'"a\\b\""', 'a\\b"'), (' "" ', ""), ("", "")])
def test_a_quoted_string_loses_its_quotes(text: str, bare: str) -> None:
    assert unquoted(text) == bare


@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[a-zA-Z0-9.]{1,8}", fullmatch=True))))
def test_both_readers_agree_on_plain_text(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f";{name}={value}" for name, value in pairs)
    if text:
        assert plain(text) == quoted(text)
