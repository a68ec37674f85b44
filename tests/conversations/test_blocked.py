"""A refusal by analytics further on (603+) goes back as it came, and nobody else is tried."""

from __future__ import annotations

import pytest

from policy.refusal import recognised
from tests.conversations.wire import Wire

REASON = 'SIP;cause=603;text="v=analytics1;url=https://redress.example.com;tel=+12025550100";location=RLN'


@pytest.mark.req("STI-121", "STI-122", "TRAP-68", "TRAP-69", "TRAP-70")
def test_a_603_with_its_phrase_and_reason_is_passed_on_and_ends_the_call(fork: Wire) -> None:
    first, second = fork.callees
    fork.caller.invites()
    invite = first.gets("INVITE")
    first.answers(603, "Network Blocked", to=invite, lines=[f"Reason: {REASON}"])
    answer = fork.caller.hears(603)
    assert answer.phrase == b"Network Blocked" and answer.all("reason") == [REASON.encode()]
    found = recognised(answer.status, answer.phrase.decode(), [REASON])
    assert found is not None and found["url"] == "https://redress.example.com"
    fork.advance(40)
    second.hears_nothing()
