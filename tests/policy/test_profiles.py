"""Lines and customers with profiles of their own."""

from __future__ import annotations

import pytest

from policy.call import Call
from policy.lists import NumberSet
from policy.profiles import Choice
from policy.rulebook import Profile, Rulebook

STRICT, LAX, LINE = Profile("strict", 20, 60), Profile("lax", 50, 200), Profile("line", 10, 20)
OWNERS = {"12025550140": "clinic", "12025550141": "shop", "12025550142": "shop"}
CHOICE = Choice(
    [(NumberSet.of("+12025550142"), LINE)], {"clinic": LAX, "shop": STRICT}, {"office": "clinic"}, lambda tn, utc: OWNERS.get(tn, "")
)
IN = Call(trunk="west", caller="13015550101", callee="12025550140")
OUT = Call(side="pbx", trunk="pbx", caller="12025550141", callee="13015550101")


@pytest.mark.parametrize(
    ("call", "profile"),
    [
        (IN, LAX),
        (IN._replace(callee="12025550141"), STRICT),
        (IN._replace(callee="12025550142"), LINE),
        (IN._replace(callee="12025550149"), None),
        (IN._replace(callee=None), None),
        (IN._replace(caller="12025550142"), LAX),
        (OUT, STRICT),
        (OUT._replace(caller="12025550142"), LINE),
        (OUT._replace(caller=None), None),
        (OUT._replace(trunk="office", caller=None), LAX),
        (OUT._replace(customer="clinic"), LAX),
        (IN._replace(trunk="office", callee="12025550149"), None),
    ],
)
def test_the_line_comes_before_the_customer(call: Call, profile: Profile | None) -> None:
    assert CHOICE.of(call) == profile
    assert Rulebook(choice=CHOICE).profile_of(call, Profile()) == (profile or Profile())


def test_without_any_the_trunks_is_everybodys() -> None:
    usual = Profile("usual")
    assert Rulebook().profile_of(IN, usual) is usual
    assert Choice([], {}, {}, lambda tn, utc: "x").of(IN) is None
