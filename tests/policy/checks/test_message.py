from __future__ import annotations

from policy.agreements import Agreements, OptOut
from policy.call import Call
from policy.checks.message import check
from policy.decide import decide, rejection
from policy.messages import Messages, Registration
from policy.rulebook import Profile, Rulebook

BOOK = Rulebook(messages=Messages((Registration("12025550101", "C1", "delivery", "approved"), Registration("12025550102", "C2", "x", "pending"))))
SENT = Call(side="pbx", caller="12025550101", callee="12025550166", method="MESSAGE", utc=1e9)


def test_a_sender_that_is_not_registered_gets_403_and_one_that_is_passes() -> None:
    assert decide(SENT, BOOK, Profile(), "enforce").action == "allow"
    for caller, why in (("12025550102", "C2 is pending"), ("12025550103", "registered for no"), (None, "registered for no")):
        verdict = decide(SENT._replace(caller=caller), BOOK, Profile(), "enforce")
        assert verdict.action == "reject" and verdict.deciding is not None and why in verdict.deciding.why
        assert rejection(verdict, BOOK).status == 403


def test_calls_and_books_without_a_table_are_not_asked() -> None:
    assert check(SENT._replace(caller="12025550103", method="INVITE"), BOOK) is None
    assert check(SENT._replace(caller="12025550103"), Rulebook()) is None
    assert "message" in Rulebook().off and "message" not in BOOK.off


def test_who_said_stop_gets_no_message_whatever_it_is_for() -> None:
    book = Rulebook(messages=BOOK.messages, agreements=Agreements([OptOut("*", "12025550166", 1e9 - 10, "any", "stop")]))
    verdict = decide(SENT, book, Profile(), "enforce")
    assert verdict.action == "reject" and verdict.reason == "opt-out" and "no more messages today" in verdict.findings[-1].why
    assert decide(SENT._replace(method="INVITE"), book, Profile(), "enforce").action == "allow"
