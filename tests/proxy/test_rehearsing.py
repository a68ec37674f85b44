"""Calls at the time of their own clock."""

from __future__ import annotations

from types import MappingProxyType

from policy.call import Call
from policy.lists import NumberSet
from policy.profiles import Choice
from policy.rulebook import CHECKS, Profile, Rulebook, Velocity
from proxy.rehearsing import Screen

CALL = Call(caller="12025550123", callee="12025550199", trunk="carrier", utc=1000.0)
ENFORCED = MappingProxyType({**CHECKS, "answers": "enforce"})


def test_a_call_is_judged_by_what_came_before_it() -> None:
    screen = Screen(Rulebook(checks=ENFORCED))
    for at in range(12):
        action = screen.judged(CALL._replace(utc=1000.0 + 60 * at), None, 480, 20.0).action
        assert action == ("allow" if at < 10 else "tag")
    assert screen.judged(CALL._replace(utc=2000.0), None, 480).reason == "answers-caller"


def test_an_end_is_known_only_when_it_has_come() -> None:
    screen = Screen(Rulebook(checks=ENFORCED))
    for _ in range(30):
        screen.judged(CALL, 3600.0, 200)
    verdict = screen.judged(CALL._replace(utc=1100.0), None, 480)
    assert verdict.action == "allow"
    assert not screen.following.behaviour.facts(CALL, 1200.0).ended


def test_a_refused_call_has_no_end() -> None:
    screen = Screen(Rulebook(deny=NumberSet.of("12025550123")))
    for at in range(5):
        assert screen.judged(CALL._replace(utc=1000.0 + at), None, 480).action == "reject"
    assert screen.following.behaviour.facts(CALL, 2000.0).ended == 0


def test_emergency_calls_and_velocity_are_as_in_the_proxy() -> None:
    screen = Screen(Rulebook(velocity=Velocity(2, 60.0), deny=NumberSet.of("12025550123")))
    assert screen.judged(CALL._replace(side="pbx", callee="911"), 60.0, 200).emergency
    screen = Screen(Rulebook(velocity=Velocity(2, 60.0)))
    reasons = [{one.slug for one in screen.judged(CALL, 60.0, 200).findings} for _ in range(3)]
    assert reasons == [set(), set(), {"velocity-caller"}]


def test_a_line_with_a_profile_of_its_own_is_judged_by_it() -> None:
    strict = Profile("line", 10, 30)
    book = Rulebook(deny=NumberSet(), choice=Choice([(NumberSet.of("+12025550142"), strict)], {}, {}, lambda tn, utc: ""), velocity=Velocity(1, 60.0))
    screen = Screen(book)
    call = Call(caller="13015550101", callee="12025550142", utc=1000.0, call_id="a")
    screen.judged(call, None, 480)
    assert screen.judged(call._replace(utc=1001.0), None, 480).action == "tag"
    assert Screen(book).judged(call._replace(callee="12025550149", attempts=9), None, 480).action == "allow"
