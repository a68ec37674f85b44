"""Which final response is the best, and what goes out with a branch. The rest of it is told in tests/conversations."""

from __future__ import annotations

import pytest

from tests.conversations.wire import Wire


@pytest.mark.req("SIP-041")
def test_each_branch_is_unique_and_bears_the_mark_of_its_request(fork: Wire) -> None:
    fork.caller.invites()
    fork.advance(2.1)
    one, other = (callee.gets("INVITE").via.branch for callee in fork.callees)
    assert one != other and one.partition(".")[2] == other.partition(".")[2] != ""


def test_a_request_of_a_dialog_with_one_way_to_go_bears_no_mark(wire: Wire) -> None:
    wire.caller.asks("BYE", to_tag="x")
    assert "." not in wire.callee.gets("BYE").via.branch
