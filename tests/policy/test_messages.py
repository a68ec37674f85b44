"""Who may send text messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policy.messages import Messages, Registration, parse

TABLE = """number,campaign,use case,status
+12025550101,C1,delivery,Approved
2025550102,C2,marketing,pending
nonsense,C3,x,approved
+12025550103,C4,x,maybe
# a remark

+12025550102,C5,delivery,suspended
"""


def test_a_table_is_read_and_what_cannot_be_is_set_apart() -> None:
    rows, bad = parse(TABLE)
    assert [(row.number, row.status) for row in rows] == [
        ("12025550101", "approved"), ("12025550102", "pending"), ("12025550102", "suspended")
    ]  # fmt: skip
    assert [one.line for one in bad] == [4, 5]
    assert parse("a,b\n1,2\n")[1][0].why == "the heading lacks number, campaign, use_case, status"


def test_one_approved_campaign_is_enough() -> None:
    rows, _ = parse(TABLE)
    known = Messages(rows)
    assert len(known) == 2 and known.fault("12025550101") is None
    assert known.fault("12025550102") == "the sender's messaging campaign C5 is suspended"
    assert known.fault("12025550199") == known.fault(None) == "the sender is registered for no messaging campaign"
    both = Messages((Registration("1", "A", "", "active"), Registration("1", "B", "", "revoked")))
    assert both.fault("1") is None


@given(st.text())
def test_any_text_is_a_table_or_set_apart(text: str) -> None:
    rows, bad = parse(text)
    assert len(rows) + len(bad) <= text.count("\n") + text.count("\r") + 50 + len(text)
