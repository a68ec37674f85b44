"""The sealed token: it opens for its own dialog, in both directions, and for nothing else."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.seal import ACTIONS, MAX_TOKEN, Sealer

SECRET = b"a secret of the test suite"
CALL = b"4a1d7e90@198.51.100.10"


def test_a_token_opens_for_the_dialog_it_was_made_for_in_both_directions() -> None:
    sealer = Sealer(SECRET, worker=3)
    token = sealer.close(CALL, "9f2c", 1_767_225_600.4, "tag").decode()
    for tags in (("9f2c", "callee"), ("callee", "9f2c"), ("9f2c", None)):
        seal = sealer.open(token, CALL, tags)
        assert seal is not None
        assert (seal.worker, seal.started, seal.action) == (3, 1_767_225_600.4, "tag")


@pytest.mark.req("TRAP-63")
def test_a_token_of_one_call_opens_no_other() -> None:
    token = Sealer(SECRET).close(CALL, "9f2c", 1_767_225_600.0, "allow").decode()
    assert Sealer(SECRET).open(token, b"another@call", ("9f2c", "x")) is None
    assert Sealer(SECRET).open(token, CALL, ("another", "x")) is None
    assert Sealer(b"another secret altogether").open(token, CALL, ("9f2c", "x")) is None


def test_every_changed_character_breaks_the_token() -> None:
    sealer = Sealer(SECRET)
    token = sealer.close(CALL, "9f2c", 1_767_225_600.0, "allow").decode()
    for place, was in enumerate(token):
        other = "A" if was != "A" else "B"
        assert sealer.open(token[:place] + other + token[place + 1 :], CALL, ("9f2c", None)) is None


def test_a_token_has_only_characters_that_a_uri_parameter_may_have() -> None:
    allowed = set((string.ascii_letters + string.digits + "-_").encode())
    for action in ACTIONS:
        token = Sealer(SECRET).close(CALL, "9f2c", 1_767_225_600.0, action)
        assert set(token) <= allowed and len(token) <= MAX_TOKEN


@given(st.text(max_size=100))
def test_any_text_is_a_token_of_ours_or_nothing(token: str) -> None:
    assert Sealer(SECRET).open(token, CALL, ("9f2c", None)) is None


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        Sealer(b"short")


def test_an_opened_token_says_which_side_sent_it() -> None:
    sealer = Sealer(b"k" * 32)
    token = sealer.close(b"call", "his", 1.0, "allow").decode()
    from_caller, from_callee = sealer.open(token, b"call", ("his", "hers")), sealer.open(token, b"call", ("hers", "his"))
    assert from_caller is not None and from_caller.caller
    assert from_callee is not None and not from_callee.caller
