from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.agreements import Agreements, OptOut
from policy.call import Call
from policy.checks.message import check
from policy.decide import decide, rejection
from policy.messages import GOOD, STATUSES, Messages, Registration
from policy.rulebook import Profile, Rulebook
from policy.verdict import Class

BOOK = Rulebook(messages=Messages((Registration("12025550101", "C1", "delivery", "approved"), Registration("12025550102", "C2", "x", "pending"))))
SENT = Call(side="pbx", caller="12025550101", callee="12025550166", method="MESSAGE", utc=1e9)


def test_a_sender_that_is_not_registered_gets_403_and_one_that_is_passes() -> None:
    assert decide(SENT, BOOK, Profile(), "enforce").action == "allow"
    for caller, why in (("12025550102", "C2 is pending"), ("12025550103", "registered for no"), (None, "registered for no")):
        verdict = decide(SENT._replace(caller=caller), BOOK, Profile(), "enforce")
        assert verdict.action == "reject" and verdict.deciding is not None and why in verdict.deciding.why
        assert rejection(verdict, BOOK).status == 403


@pytest.mark.parametrize(("status", "sends"), [(one, one in GOOD) for one in sorted(STATUSES)])
def test_only_a_registration_in_force_lets_a_number_send(status: str, sends: bool) -> None:
    book = Rulebook(messages=Messages((Registration("12025550104", "C3", "delivery", status),)))
    finding = check(SENT._replace(caller="12025550104"), book)
    assert (finding is None) is sends
    if finding is not None:
        assert (finding.slug, finding.kind) == ("message-unregistered", Class.DETERMINISTIC)


@given(st.lists(st.tuples(st.sampled_from(["12025550104", "12025550105"]), st.sampled_from(sorted(STATUSES)))))
def test_of_several_campaigns_one_in_force_is_enough_and_another_numbers_does_not_count(rows: list[tuple[str, str]]) -> None:
    book = Rulebook(messages=Messages(tuple(Registration(tn, "C", "x", status) for tn, status in rows)))
    sends = any(tn == "12025550104" and status in GOOD for tn, status in rows)
    assert (check(SENT._replace(caller="12025550104"), book) is None) is sends


def test_calls_and_books_without_a_table_are_not_asked() -> None:
    assert check(SENT._replace(caller="12025550103", method="INVITE"), BOOK) is None
    assert check(SENT._replace(caller="12025550103"), Rulebook()) is None
    assert "message" in Rulebook().off and "message" not in BOOK.off


def test_who_said_stop_gets_no_message_whatever_it_is_for() -> None:
    book = Rulebook(messages=BOOK.messages, agreements=Agreements([OptOut("*", "12025550166", 1e9 - 10, "any", "stop")]))
    verdict = decide(SENT, book, Profile(), "enforce")
    assert verdict.action == "reject" and verdict.reason == "opt-out" and "no more messages today" in verdict.findings[-1].why
    assert decide(SENT._replace(method="INVITE"), book, Profile(), "enforce").action == "allow"
