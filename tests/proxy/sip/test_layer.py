"""The transaction layer by itself: bytes kept as long as they are sent again, timers with the RFC's seconds."""

from __future__ import annotations

import pytest

from proxy.sip import transactions as t
from proxy.sip.flow import Flow
from proxy.sip.layer import Layer, Transaction
from proxy.sip.options import Listener, Options

FLOW = Flow(0, "192.0.2.1", 5060)
OPTIONS = Options((Listener("UDP", "203.0.113.5", 5060, "203.0.113.5", 5060),))


def opened(layer: Layer, table: t.Table, state: str) -> Transaction:
    one = layer.servers["key"] = Transaction(table, state, "key", layer.servers, FLOW)
    return one


@pytest.mark.req("SIP-077")
def test_a_rejection_is_repeated_with_growing_intervals() -> None:
    layer = Layer(OPTIONS)
    one = opened(layer, t.INVITE_SERVER, t.PROCEEDING)
    assert layer.feed(one, t.SEND_3XX_6XX, 0.0, b"603") == (t.SEND, "+G", "+H")
    sent = []
    while (due := layer.timers.soonest) is not None:
        for owner, name in layer.timers.expired(due):
            if t.RESEND in layer.feed(owner, name, due):
                sent.append(due)
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert {data for data, _ in layer.out} == {b"603"} and len(layer) == 0 and len(layer.timers) == 0


def test_an_accepted_transaction_keeps_its_key_and_not_its_bytes() -> None:
    layer = Layer(OPTIONS)
    one = opened(layer, t.INVITE_SERVER, t.PROCEEDING)
    layer.feed(one, t.SEND_1XX, 0.0, b"180")
    assert one.last == b"180"
    layer.feed(one, t.SEND_2XX, 0.0, b"200")
    assert one.last is None and len(layer) == 1
    assert layer.feed(one, t.REQUEST, 1.0) == ()
    assert [data for data, _ in layer.out] == [b"180", b"200"]


def test_a_final_of_another_request_is_kept_for_its_retransmissions() -> None:
    layer = Layer(OPTIONS)
    one = opened(layer, t.SERVER, t.TRYING)
    layer.feed(one, t.SEND_2XX, 0.0, b"200")
    layer.feed(one, t.REQUEST, 1.0)
    assert [data for data, _ in layer.out] == [b"200", b"200"] and one.state == t.COMPLETED


def test_ending_stops_all_timers_and_twice_does_no_harm() -> None:
    layer = Layer(OPTIONS)
    one = opened(layer, t.INVITE_SERVER, t.PROCEEDING)
    layer.feed(one, t.SEND_3XX_6XX, 0.0, b"603")
    layer.end(one)
    layer.end(one)
    assert len(layer) == 0 and len(layer.timers) == 0 and one.state == t.TERMINATED
    assert repr(one) == "<INVITE_SERVER terminated>"


@pytest.mark.req("SIP-082")
@pytest.mark.parametrize(("t1", "d"), [(0.5, 32.0), (0.1, 32.0), (1.0, 64.0)])
def test_timer_d_is_never_shorter_than_32_seconds(t1: float, d: float) -> None:
    layer = Layer(Options(OPTIONS.listeners, t1=t1))
    one = opened(layer, t.INVITE_CLIENT, t.CALLING)
    layer.feed(one, t.R3XX_6XX, 0.0)
    assert layer.timers.soonest == d
