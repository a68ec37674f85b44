"""When more arrives than can be served, new calls wait, and what must not wait passes them by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.emergency import is_emergency_uri, strings
from proxy.inbox import MAX_WAITING, REFUSALS, STALE, Inbox, Waiting

HEAD = b" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"


def inbox() -> Inbox:
    emergency = strings(())
    return Inbox(lambda uri: is_emergency_uri(uri, emergency))


def waiting(data: bytes, arrived: float = 100.0) -> Waiting:
    return Waiting(arrived, data, 0, "192.0.2.1", 5060)


INVITE = b"INVITE sip:+12025550199@pbx.example.com" + HEAD


@pytest.mark.req("SIP-120", "EMG-003")
@pytest.mark.parametrize(
    ("data", "urgent"),
    [
        (INVITE, False),
        (b"INVITE sip:911@pbx.example.com" + HEAD, True),
        (b"INVITE tel:933" + HEAD, True),
        (b"INVITE urn:service:sos.fire" + HEAD, True),
        (b"INVITE sip:bob@192.0.2.20" + HEAD + b"Route: <sip:203.0.113.5;lr;rw=TOKEN>\r\n", True),
        (b"CANCEL sip:+12025550199@pbx.example.com" + HEAD, False),
        (b"ACK sip:bob@192.0.2.20" + HEAD, True),
        (b"BYE sip:bob@192.0.2.20" + HEAD, True),
        (b"SIP/2.0 200 OK\r\n", True),
        (b"INVITE ", False),
        (b"INVITE x", False),
        (b"", True),
    ],
)
def test_who_passes_those_that_wait(data: bytes, urgent: bool) -> None:
    box = inbox()
    box.put(waiting(INVITE))
    assert box.urgent(data) is urgent


@pytest.mark.req("SIP-120")
def test_new_calls_are_served_in_their_order_and_fall_when_their_senders_repeat_them() -> None:
    box = inbox()
    for number in range(3):
        box.put(waiting(INVITE + b"%d" % number, 100.0 + number * STALE))
    now = 100.0 + 1.5 * STALE
    assert [one.data[-1:] for one in (box.take(now), box.take(now)) if one is not None] == [b"1", b"2"]
    assert box.take(now) is None and (box.shed, len(box)) == (1, 0)


def test_a_cancel_neither_overtakes_its_call_nor_falls() -> None:
    box = inbox()
    cancel = b"CANCEL sip:+12025550199@pbx.example.com" + HEAD
    assert box.urgent(cancel)  # nobody waits
    box.put(waiting(INVITE))
    assert not box.urgent(cancel)
    box.put(waiting(cancel))
    found = box.take(200.0)
    assert found is not None and found.data == cancel and box.shed == 1


def test_beyond_the_bound_the_oldest_falls() -> None:
    box = inbox()
    for number in range(MAX_WAITING + 3):
        box.put(waiting(INVITE + b"%d" % number))
    first = box.take(100.0)
    assert first is not None and first.data.endswith(b"\r\n3") and (len(box), box.shed) == (MAX_WAITING - 1, 3)


@pytest.mark.req("SIP-120")
def test_who_comes_too_late_falls_and_is_refused_only_when_that_lasts() -> None:
    refused: list[Waiting] = []
    box = Inbox(lambda uri: False, refused.append)
    assert box.take(100.0) is None  # nobody waits
    fallen = 0

    def late(now: float, calls: int) -> int:
        """So many calls, all of them too late; how many of them are refused."""
        nonlocal fallen
        before, fallen = len(refused), fallen + calls
        for _ in range(calls):
            box.put(waiting(INVITE, now - 2 * STALE))
        assert box.take(now) is None and box.shed == fallen
        return len(refused) - before

    # A pause of ours: their senders repeat them.
    assert [late(100.5, 400), late(101.5, 400)] == [0, 0]
    # It goes on: so many refusals at once, and then so many a second.
    assert [late(103.0, 400), late(104.0, 400)] == [2 * REFUSALS, REFUSALS]
    # One is served in time: that was it.
    box.put(waiting(INVITE, 105.0))
    assert box.take(105.0) is not None and late(105.5, 400) == 0


@given(st.binary(max_size=60))
def test_any_octets_have_a_place(data: bytes) -> None:
    for octets in (data, b"INVITE " + data, b"CANCEL " + data):
        assert inbox().urgent(octets) in (True, False)
