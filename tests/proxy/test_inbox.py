"""When more arrives than can be served, new calls wait, and what must not wait passes them by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.emergency import is_emergency_uri, strings
from proxy.inbox import (
    CALLBACKS,
    DIALOGS,
    IN_TIME,
    MAX_WAITING,
    REFUSALS,
    SAVED,
    STALE,
    STRANGERS,
    Inbox,
    Share,
    Waiting,
)
from proxy.sip.flow import Flow

HEAD = b" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
FLOW = Flow(0, "192.0.2.1", 5060)
STREAM = Flow(1, "192.0.2.1", 40_000, 7)
GOOD = b"Route: <sip:203.0.113.5;lr;rw=GOOD>\r\n"


def inbox(refused: list[Waiting] | None = None) -> Inbox:
    """Tokens that say GOOD are ours, lines that end in 0177 called 911, and 198.51.100.0/24 is nobody's."""
    emergency = strings(())
    return Inbox(
        lambda uri: is_emergency_uri(uri, emergency),
        (lambda data, flow: refused.append(waiting(data, flow=flow))) if refused is not None else lambda data, flow: None,
        lambda data: b"rw=GOOD" in data,
        lambda data, flow: b"0177@" in data,
        lambda flow: not flow.host.startswith("198.51.100."),
    )


def waiting(data: bytes, arrived: float = 100.0, flow: Flow = FLOW) -> Waiting:
    return Waiting(arrived, data, flow)


def put(box: Inbox, data: bytes, arrived: float = 100.0, flow: Flow = FLOW) -> None:
    box.put(data, flow, arrived)


INVITE = b"INVITE sip:+12025550199@pbx.example.com" + HEAD
BACK = b"INVITE sip:+12025550177@pbx.example.com" + HEAD
CANCEL = b"CANCEL sip:+12025550199@pbx.example.com" + HEAD
LINE_ENDS = [b"", b"\r\n", b"\r\n\r\n"]


@pytest.mark.req("SIP-120", "EMG-003", "EMG-012", "TRAP-63")
@pytest.mark.parametrize(
    ("data", "urgent"),
    [
        (INVITE, False),
        (b"INVITE sip:911@pbx.example.com" + HEAD, True),
        (b"INVITE tel:933" + HEAD, True),
        (b"INVITE urn:service:sos.fire" + HEAD, True),
        (b"INVITE sip:911@pbx.example.com" + HEAD + b"Route: <sip:203.0.113.5;lr;rw=FORGED>\r\n", True),
        (b"INVITE sip:bob@192.0.2.20" + HEAD + GOOD, True),
        (b"INVITE sip:bob@192.0.2.20" + HEAD + b"Route: <sip:203.0.113.5;lr;rw=FORGED>\r\n", False),
        (BACK, True),
        (CANCEL, False),
        (b"\r\n" + CANCEL, False),
        (b"ACK sip:bob@192.0.2.20" + HEAD, True),
        (b"BYE sip:bob@192.0.2.20" + HEAD, True),
        (b"SIP/2.0 200 OK\r\n", True),
        (b"INVITE ", False),
        (b"INVITE x", False),
        (b"\r\n\r\n" + INVITE, False),
        (b"\r\nINVITE sip:911@pbx.example.com" + HEAD, True),
        (b"", True),
    ],
)
def test_who_passes_those_that_wait(data: bytes, urgent: bool) -> None:
    box = inbox()
    put(box, INVITE)
    assert box.urgent(data, FLOW, 100.0) is urgent


@pytest.mark.parametrize(("data", "most"), [(INVITE + GOOD, DIALOGS), (BACK, CALLBACKS)])
def test_who_may_pass_the_others_may_bring_no_flood_with_him(data: bytes, most: float) -> None:
    box = inbox()
    put(box, INVITE)
    passed = [box.urgent(data, FLOW, 100.0) for _ in range(int(most) + 50)]
    assert passed == [True] * int(most) + [False] * 50
    assert [box.urgent(data, FLOW, 100.5) for _ in range(int(most))].count(True) == most // 2
    # Emergency calls are under no bound, and what a call in progress says beside its INVITEs is not either.
    for other in (b"INVITE sip:911@pbx.example.com" + HEAD, b"BYE sip:bob@192.0.2.20" + HEAD):
        assert all(box.urgent(other, FLOW, 100.5) for _ in range(2000))


def test_where_nobody_waits_no_proof_is_asked_for() -> None:
    asked: list[bytes] = []
    box = Inbox(lambda uri: False, lambda data, flow: None, lambda data: bool(asked.append(data)), lambda data, flow: bool(asked.append(data)))
    assert not box.urgent(INVITE + GOOD, FLOW, 100.0) and not asked


@pytest.mark.req("SIP-120")
def test_new_calls_are_served_in_their_order_and_fall_when_their_senders_repeat_them() -> None:
    box = inbox()
    for number in range(3):
        put(box, INVITE + b"%d" % number, 100.0 + number * STALE)
    now = 100.0 + 1.5 * STALE
    assert [one.data[-1:] for one in (box.take(now), box.take(now)) if one is not None] == [b"1", b"2"]
    assert box.take(now) is None and (box.shed, len(box)) == (1, 0)


@pytest.mark.req("SIP-120")
@pytest.mark.parametrize("before", LINE_ENDS)
def test_a_cancel_neither_overtakes_its_call_nor_falls(before: bytes) -> None:
    box, cancel = inbox(), before + CANCEL
    assert box.urgent(cancel, FLOW, 100.0)  # nobody waits
    put(box, INVITE)
    assert not box.urgent(cancel, FLOW, 100.0)
    put(box, cancel)
    found = box.take(200.0)
    assert found is not None and found.data == cancel and box.shed == 1


def test_beyond_the_bound_the_oldest_falls() -> None:
    box = inbox()
    for number in range(MAX_WAITING + 3):
        put(box, INVITE + b"%d" % number)
    first = box.take(100.0)
    assert first is not None and first.data.endswith(b"\r\n3") and (len(box), box.shed) == (MAX_WAITING - 1, 3)


@pytest.mark.req("SIP-120")
def test_who_comes_too_late_falls_and_is_refused_only_when_that_lasts() -> None:
    refused: list[Waiting] = []
    box = inbox(refused)
    assert box.take(100.0) is None  # nobody waits
    fallen = 0

    def late(now: float, calls: int) -> int:
        """So many calls, all of them too late; how many of them are refused."""
        nonlocal fallen
        before, fallen = len(refused), fallen + calls
        for first in range(0, calls, 200):
            for _ in range(min(200, calls - first)):
                put(box, INVITE, now - 2 * STALE)
            assert box.take(now) is None
        assert box.shed == fallen
        return len(refused) - before

    # A pause of ours: their senders repeat them.
    assert [late(100.5 + turn * 0.4, 400) for turn in range(4)] == [0] * 4
    # It goes on: what is saved up, and then so many for each that is served.
    saved = int(SAVED)
    assert [late(102.2, saved + 400), late(102.6, 400)] == [saved, 0]
    for _ in range(10):
        put(box, INVITE, 102.6)
    assert all(box.take(102.6 + STALE * 0.9) for _ in range(10))
    assert late(102.8, 400) == 10 * REFUSALS
    # One is served in time: that was it.
    put(box, INVITE, 105.0)
    assert box.take(105.0) is not None and late(105.5, 400) == 0


@pytest.mark.req("SIP-120")
def test_where_it_lasts_no_more_wait_than_are_served_in_time() -> None:
    refused: list[Waiting] = []
    box = inbox(refused)
    assert box.take(100.0) is None
    for turn in range(40):  # a hundred a second are served, and a thousand come
        now = 100.0 + turn / 10
        for _ in range(100):
            put(box, INVITE, now)
        for place in range(10):
            assert box.take(now + place / 100) is not None
    assert len(box) <= 100 * IN_TIME + 1
    for _ in range(30):
        put(box, INVITE, 104.0)
    assert len(box) == int(100 * IN_TIME) + 1
    before = len(refused)
    put(box, INVITE, 104.0)
    put(box, CANCEL, 104.0)
    assert (len(refused) - before, len(box)) == (1, int(100 * IN_TIME) + 2)


@pytest.mark.req("SIP-120", "EMG-003", "EMG-012")
def test_where_not_even_a_refusal_is_left_new_calls_fall_unheard_and_nobody_else_does() -> None:
    refused: list[Waiting] = []
    box = inbox(refused)
    assert box.take(100.0) is None and not box.overfull
    put(box, INVITE)
    for turn in range(90):
        box.take(100.0 + turn / 10)
        for _ in range(100):
            put(box, INVITE, 100.0 + turn / 10)
    assert len(refused) > SAVED and box.overfull
    shed = box.shed
    assert box.unheard(INVITE, FLOW) and box.shed == shed + 1
    for data in (b"INVITE sip:911@pbx.example.com" + HEAD, BACK, INVITE + GOOD, b"BYE sip:bob@192.0.2.20" + HEAD, b"CANCEL x", b""):
        assert not box.unheard(data, FLOW)
    assert box.shed == shed + 1
    # Over: they are served as before.
    while box.take(109.1):
        pass
    put(box, INVITE, 110.0)
    assert box.take(110.0) and not box.overfull


def heard(box: Inbox, now: float) -> int:
    """Of three new calls that arrive together, how many are served, as the pump does it."""
    for _ in range(3):
        if not (box.overfull and box.unheard(INVITE, FLOW)):
            put(box, INVITE, now)
    served = 0
    while box.take(now):
        served += 1
    return served


@pytest.mark.req("SIP-120")
def test_where_all_that_waited_has_fallen_new_calls_are_heard_again() -> None:
    box = inbox()
    assert box.take(100.0) is None
    put(box, INVITE)
    for turn in range(90):
        box.take(100.0 + turn / 10)
        for _ in range(100):
            put(box, INVITE, 100.0 + turn / 10)
    assert box.overfull
    assert box.take(120.0) is None and not box.overfull  # nothing of it was served
    assert heard(box, 130.0) == 3


@pytest.mark.req("SIP-120")
@pytest.mark.parametrize("quiet", [0.3, 3.0, 60.0, 86_400.0])
def test_calls_that_arrive_together_after_a_quiet_time_are_all_served(quiet: float) -> None:
    box = inbox()
    box.take(100.0)
    for number in range(1, 4):
        assert heard(box, 100.0 + number * quiet) == 3
    assert box.shed == 0


@given(
    st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 300), st.integers(0, 300)), max_size=60),
    st.floats(2 * STALE, 100.0),
)
def test_whatever_came_before_who_comes_after_a_pause_is_served(turns: list[tuple[float, int, int]], pause: float) -> None:
    box, now = inbox(), 100.0
    for step, come, served in turns:
        now += step
        for _ in range(come):
            if not (box.overfull and box.unheard(INVITE, FLOW)):
                put(box, INVITE, now)
        for _ in range(served):
            if box.take(now) is None:
                break
    now += pause
    while len(box):  # whoever finds nobody waiting need not ask whose turn it is
        box.take(now)
    assert not box.overfull
    now += pause
    assert heard(box, now) == 3


@pytest.mark.req("SIP-120")
def test_who_falls_on_a_stream_is_refused_at_once_because_nothing_is_sent_again_there() -> None:
    refused: list[Waiting] = []
    box = inbox(refused)
    assert box.take(100.0) is None
    put(box, INVITE, 100.0)
    put(box, INVITE, 100.0, STREAM)
    assert box.take(100.5) is None
    assert [one.flow for one in refused] == [STREAM]


@pytest.mark.req("SIP-120")
def test_while_others_wait_strangers_are_heard_now_and_then_and_get_no_answer() -> None:
    refused: list[Waiting] = []
    box = inbox(refused)
    stranger = Flow(0, "198.51.100.9", 5060)
    put(box, INVITE, 100.0, stranger)  # nobody waits: as any other
    assert len(box) == 1
    for _ in range(500):
        put(box, INVITE, 100.0, stranger)
    assert (len(box), box.shed, refused) == (1 + STRANGERS, 500 - STRANGERS, [])
    put(box, INVITE, 100.0)
    assert len(box) == 2 + STRANGERS


@given(st.lists(st.floats(0.0, 0.3), min_size=1, max_size=300), st.floats(1.0, 50.0))
def test_no_pace_takes_more_than_a_share_has(pauses: list[float], rate: float) -> None:
    share, now, taken = Share(rate), 1000.0, 0
    for pause in pauses:
        now += pause
        taken += share.take(now)
    assert taken <= rate + (now - 1000.0) * rate + 1e-6


@given(st.binary(max_size=60))
def test_any_octets_have_a_place(data: bytes) -> None:
    box = inbox()
    put(box, INVITE)
    for octets in (data, b"INVITE " + data, b"CANCEL " + data, b"\r\n" + data):
        assert box.urgent(octets, FLOW, 100.0) in (True, False)
