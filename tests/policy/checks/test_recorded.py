"""Recorded messages need an agreement in writing, and nothing else will do."""

from __future__ import annotations

import pytest

from policy.agreements import Agreements, Consent, OptOut, Relation, parse
from policy.call import Call
from policy.checks.recorded import check
from policy.decide import decide
from policy.grounds import CITATIONS, ground
from policy.lists import NumberSet
from policy.rulebook import Profile, Rulebook
from policy.told import DAY
from policy.verdict import Class

UTC = 20_000 * DAY
CALL = Call(side="pbx", caller="12025550100", callee="12125550147", utc=UTC, purpose="prerecorded")


def agreed(**more: object) -> Consent:
    return Consent("12025550100", "12125550147", UTC - DAY, scope="recorded")._replace(**more)  # type: ignore[arg-type]


@pytest.mark.req("REG-053")
@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([], True),
        ([agreed()], False),
        ([agreed(caller="*")], False),
        ([agreed(scope="calls")], True),  # an agent may call, a recording may not
        ([agreed(scope="any")], True),
        ([agreed(caller="12025550101")], True),
        ([agreed(obtained=UTC)], False),
        ([agreed(obtained=UTC + 1)], True),
        ([agreed(revoked=UTC)], True),
        ([agreed(revoked=UTC + 1)], False),
        ([Relation("*", "12125550147", UTC - DAY)], True),  # a business relation does not excuse it
        ([agreed(), OptOut("*", "12125550147", UTC - 3600)], True),
        ([OptOut("*", "12125550147", UTC - 2 * DAY), agreed()], False),
    ],
)
def test_only_a_written_agreement_that_still_holds_excuses_a_recording(records: list[object], found: bool) -> None:
    finding = check(CALL, Rulebook(agreements=Agreements(records)))  # type: ignore[arg-type]
    assert (finding is not None) is found
    if finding is not None:
        assert (finding.slug, finding.kind, finding.weight) == ("recorded-unagreed", Class.DUTY, 50)


@pytest.mark.req("REG-053")
def test_it_stands_on_the_paragraph_of_the_recorded_message_and_begins_in_shadow() -> None:
    assert ground("recorded-unagreed").startswith("16 CFR 310.4(b)(1)(v):")
    assert "recorded" in CITATIONS["16 CFR 310.4(b)(1)(v)"] and "abandoned" in CITATIONS["16 CFR 310.4(b)(1)(iv)"]
    assert CALL.caller is not None
    verdict = decide(CALL, Rulebook(own=NumberSet.of(CALL.caller)), Profile(), "enforce")
    assert (verdict.action, verdict.rehearsed) == ("allow", "tag")
    enforced = Rulebook(checks={"recorded": "enforce"}, weights={"recorded-unagreed": 80})
    assert decide(CALL, enforced, Profile(), "enforce").action == "reject"


def test_other_calls_are_left_alone_and_a_recording_owes_what_telemarketing_owes() -> None:
    for call in (CALL._replace(purpose=""), CALL._replace(purpose="telemarketing"), CALL._replace(callee=None)):
        assert check(call, Rulebook()) is None
    assert Rulebook().owes(CALL) and not Rulebook().owes(CALL._replace(purpose="reminder"))


def test_the_scope_is_one_of_consent_and_no_request_has_it() -> None:
    found, bad = parse("consent", "callee,obtained,scope\n+12125550147,2024-01-01,recorded\n")
    assert [one.scope for one in found] == ["recorded"] and not bad  # type: ignore[union-attr]
    assert Agreements(found).consented("12025550100", "12125550147", UTC)  # whoever agreed to a recording agreed to be called
    found, bad = parse("optout", "callee,at,scope\n+12125550147,2024-01-01,recorded\n")
    assert not found and "scope is one of" in bad[0].why
