"""When more arrives than can be served, whoever gives up a call is heard: a CANCEL waits behind it, and never falls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.inbox import CANCELS, IN_TIME, MAX_WAITING, ROOM, STRANGERS, Waiting
from proxy.sip.flow import Flow
from tests.proxy.test_inbox import CANCEL, FLOW, INVITE, LINE_ENDS, STREAM, inbox, put


@pytest.mark.req("SIP-120")
@pytest.mark.parametrize("before", LINE_ENDS)
def test_who_gives_up_while_more_come_than_can_be_served_is_heard(before: bytes) -> None:
    refused: list[Waiting] = []
    box, now, taken = inbox(refused), 100.0, list[bytes]()

    def turn(*messages: bytes) -> None:
        """A hundred calls a second come, and fifty are served."""
        nonlocal now
        for data in (*messages, INVITE, INVITE):
            put(box, data, now)
        if (one := box.take(now + 0.01)) is not None:
            taken.append(one.data)
        now += 0.02

    for _ in range(200):
        turn()
    assert refused
    given_up = [before + CANCEL + b"%d" % number for number in range(24)]
    turn(*given_up)
    for _ in range(100):
        turn()
    assert [data for data in taken if CANCEL in data] == given_up
    assert not [one for one in refused if CANCEL in one.data]
    assert len(box) <= 50 * IN_TIME + 1 and taken[-1] == INVITE  # and it goes on as before


@pytest.mark.req("SIP-120")
def test_beyond_the_bound_who_comes_falls_where_the_oldest_gives_up() -> None:
    refused: list[Waiting] = []
    box = inbox(refused)
    put(box, INVITE)
    put(box, CANCEL)
    for number in range(MAX_WAITING + 8):
        put(box, INVITE + b"%d" % number)
    assert (len(box), box.shed) == (MAX_WAITING, 10)
    put(box, CANCEL + b"late", flow=STREAM)
    put(box, INVITE + b"late", flow=STREAM)
    assert (len(box), box.shed) == (MAX_WAITING, 12)
    assert [one.data for one in refused] == [INVITE + b"late"]  # a CANCEL is heard, or it is not
    found = box.take(100.0)
    assert found is not None and found.data == CANCEL


@pytest.mark.req("SIP-120")
@pytest.mark.parametrize(("host", "most"), [("198.51.100.9", STRANGERS), ("192.0.2.1", MAX_WAITING * ROOM + CANCELS)])
def test_a_flood_of_forged_cancels_is_bounded_and_keeps_no_caller_away(host: str, most: float) -> None:
    refused: list[Waiting] = []
    box, forged, calls, taken = inbox(refused), Flow(0, host, 5060), 1, list[bytes]()
    put(box, INVITE)
    for _ in range(20_000):
        put(box, CANCEL, flow=forged)
    assert len(box) <= most + 2
    for turn in range(600):  # ten thousand a second and a thousand calls, and two thousand are served
        now = 101.0 + turn / 100
        for number in range(100):
            put(box, CANCEL, now, forged)
            if number % 10 == 0:
                put(box, INVITE, now)
                calls += 1
        assert len(box) < MAX_WAITING / 2
        for number in range(20):
            if (one := box.take(now + number / 2000)) is not None:
                taken.append(one.data)
    assert len(box) <= 2000 * IN_TIME
    assert taken.count(INVITE) > 0.8 * calls
    assert {one.data for one in refused} <= {INVITE}


@given(st.lists(st.tuples(st.sampled_from("invite cancel take".split()), st.integers(0, 40), st.floats(0.0, 0.5)), max_size=80))
def test_whatever_comes_a_cancel_is_served_once_and_after_its_call(steps: list[tuple[str, int, float]]) -> None:
    refused: list[Waiting] = []
    box, now = inbox(refused), 100.0
    came, cancelled, waits, taken = 0, 0, list[bytes](), list[bytes]()
    box.take(now)
    for what, times, step in steps:
        now += step
        for _ in range(times):
            if what == "take":
                if (one := box.take(now)) is not None:
                    taken.append(one.data)
            elif what == "invite":
                put(box, INVITE + b"%d" % came, now)
                came += 1
            elif cancelled < came and cancelled < CANCELS:
                data = CANCEL + b"%d" % cancelled
                if box.urgent(data, FLOW, now):
                    assert not box.waiting()
                else:
                    put(box, data, now)
                    waits.append(data)
                cancelled += 1
        for data in waits:
            place = box.waiting().index(data) if data in box.waiting() else None
            assert place is None or data.replace(CANCEL, INVITE) not in box.waiting()[place:]
    while (one := box.take(now)) is not None:
        taken.append(one.data)
    assert [data for data in taken if data.startswith(CANCEL)] == waits
    assert not [one for one in refused if one.data.startswith(CANCEL)]
