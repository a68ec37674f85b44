"""Diversions as links: whom they name, and where they lead."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken import div
from shaken.div import Link
from shaken.errors import ParseError
from shaken.passport import Passport


def token(ppt: str = "div", **claims: Any) -> Passport:
    return Passport({}, b"", b"", "ES256", "passport", ppt, None, 0, "1", None, ("2",), ("sip:b@x",), None, None, (), claims)


@pytest.mark.req("STI-098", "STI-101")
@pytest.mark.parametrize(
    ("claim", "who"),
    [
        ({"tn": "12025550199"}, "12025550199"),
        ({"tn": "+1-202-555-0199"}, "12025550199"),
        ({"uri": "sip:a@x"}, "sip:a@x"),
        ({"tn": "1", "uri": "sip:a@x"}, None),
        ({"tn": None, "uri": "sip:a@x"}, "sip:a@x"),
        ({"tn": ["1"]}, None),
        ({"tn": ["1"], "uri": "sip:a@x"}, None),
        ({"uri": ["sip:a@x"]}, None),
        ({"uri": 7}, None),
        ({}, None),
        ("1", None),
        (None, None),
    ],
)
def test_a_diversion_names_exactly_one_target(claim: Any, who: str | None) -> None:
    one = token(div=claim)
    assert div.diverted(one) == who
    assert (div.fault(one) is None) == (who is not None)


@pytest.mark.req("STI-101")
@pytest.mark.parametrize("opt", [None, 7, "", "..c2ln", "a.b", "\u00e9.b.c"])
def test_a_div_o_holds_another_token_in_full_form(opt: Any) -> None:
    one = token("div-o", div={"tn": "1"}, opt=opt)
    assert (div.fault(one) is None) == isinstance(opt, str)
    with pytest.raises(ParseError):
        div.inner(one)
    assert div.fault(token("div-o", div={"tn": "1"})) is not None and div.fault(token("div", div={"tn": "1"})) is None


def test_destinations_are_numbers_and_uris() -> None:
    assert div.destinations(token()) == {"2", "sip:b@x"}


LINKS = [
    Link(0, "a", frozenset("b"), False),
    Link(1, "b", frozenset("c"), False),
    Link(2, "c", frozenset("d"), True),
]


@pytest.mark.req("STI-099")
@pytest.mark.parametrize("links", list(permutations(LINKS)))
def test_links_lead_back_in_whatever_order_they_stand(links: tuple[Link, ...]) -> None:
    assert div.followed(links, ["d"]) == (frozenset("abc"), (2, 1, 0))
    assert div.followed(links, ["c"]) == (frozenset(), ())  # the one that leads here is not fresh
    assert div.followed(links, ["x"]) == (frozenset(), ()) and div.followed((), ["d"]) == (frozenset(), ())
    assert div.followed(tuple(one for one in links if one.place != 1), ["d"]) == (frozenset("c"), (2,))


@given(st.lists(st.builds(Link, st.integers(0, 5), st.sampled_from("abcd"), st.frozensets(st.sampled_from("abcd"), min_size=1), st.booleans()), max_size=6, unique_by=lambda one: one.place))
def test_what_is_reached_is_the_closure(links: list[Link]) -> None:
    reached, order = div.followed(links, ["a"])
    by_place = {one.place: one for one in links}
    assert reached == {by_place[place].was for place in order} and len(set(order)) == len(order)
    for one in links:
        follows = ("a" in one.became and one.direct) or bool(one.became & reached)
        assert (one.place in order) == follows
