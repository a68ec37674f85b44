"""Two policies over one month: what differs, and who would be missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from policy.call import Call
from policy.lists import NumberSet
from policy.rulebook import CHECKS, Profile, Rulebook
from policy.verdict import CheckMode
from policy.weights import WEIGHTS
from proxy.backtest import Difference, Policy, compared
from proxy.lab.corpus import corpus
from proxy.pastcalls import PastCall

PRESENT = Policy(Rulebook(), {})
MONTH = tuple(
    PastCall(one.call, one.duration, one.status, one.rings, one.kind == "911") for one in corpus(62, 8000).placed
)


def hospital() -> str:
    numbers = Counter(one.call.caller for one in MONTH if one.call.display_name == "CITY HOSPITAL")
    return str(numbers.most_common(1)[0][0])


def test_the_same_policy_differs_in_nothing() -> None:
    found = compared(MONTH[:2000], PRESENT, PRESENT)
    assert not found.changes and not found.harmful and found.calls == 2000


def test_a_policy_that_would_block_a_hospital_is_found() -> None:
    found = compared(MONTH, PRESENT, Policy(Rulebook(deny=NumberSet.of(hospital())), {}))
    assert found.harmful
    assert ("newly blocked", "subscriber") in found.changes
    assert [(number, name) for number, name, *_ in found.missed] == [(hospital(), "CITY HOSPITAL")]
    assert found.examples["newly blocked", "subscriber"][0].call.caller == hospital()


def test_a_policy_that_would_divert_a_hospital_is_as_harmful() -> None:
    call = Call(caller=hospital(), display_name="MEDICARE", trunk="west", utc=1000.0)
    month = [PastCall(call._replace(utc=1000.0 + 60 * at, call_id=str(at)), 60.0, 200, 3.0, False) for at in range(40)]
    checks: Mapping[str, CheckMode] = MappingProxyType({**CHECKS, "brand": "enforce"})
    book = Rulebook(checks=checks, weights={**WEIGHTS, "brand-unproved": 70})
    machine = Policy(book, {"west": Profile(divert_at=60, divert_to="sip:ask@192.0.2.1")})
    found = compared(month, PRESENT, machine)
    assert (found.blocked, found.diverted, found.away, found.lost) == ([0, 0], [0, 40], 40, 40)
    assert found.count("newly diverted") == 40 and found.harmful
    assert found.missed == [(hospital(), "MEDICARE", 40, 40)]
    refused = Policy(Rulebook(deny=NumberSet.of(hospital())), {})
    assert compared(month, refused, machine).away == 0  # they were away before
    assert compared(month, machine, PRESENT).regained == 40


def test_a_policy_that_blocks_campaigns_is_not() -> None:
    checks = MappingProxyType({**CHECKS, "answers": "enforce", "brand": "enforce", "pattern": "enforce"})
    found = compared(MONTH, PRESENT, Policy(Rulebook(checks=checks), {}))  # type: ignore[arg-type]
    assert found.count("newly blocked") > 20 and not found.harmful
    assert found.count("newly allowed") == 0 and found.emergencies > 0


def test_the_way_back_is_newly_allowed() -> None:
    strict = Policy(Rulebook(deny=NumberSet.of(hospital())), {})
    found = compared(MONTH, strict, PRESENT)
    assert found.count("newly allowed") == found.blocked[0] > 0 == found.blocked[1]
    assert found.regained > 0 and not found.harmful


@pytest.mark.parametrize(("talks", "harmful"), [(5, False), (6, True)])
def test_a_caller_is_missed_if_a_fifth_of_its_calls_were_talks(talks: int, harmful: bool) -> None:
    call = Call(caller="12025550123", utc=1000.0)
    calls = [PastCall(call, 100.0 if at < talks else None, 200 if at < talks else 480, 0.0, False) for at in range(30)]
    quiet = [PastCall(call._replace(caller="12025550124"), None, 480, 0.0, False)] * 100
    found: Difference = compared(
        [*calls, *quiet], PRESENT, Policy(Rulebook(deny=NumberSet.of("1202555012*")), {})
    )
    assert found.harmful is harmful and found.lost == talks
