"""Real processes on loopback, with no proxy between them."""

from __future__ import annotations

import pytest

from certs.lab import Authority
from proxy.lab.load.fleet import Callees, Callers, LoadError, place
from proxy.lab.load.plan import Address, Plan, Signing

KEY = Authority(seed="load").leaf("709J").key_pem()


@pytest.mark.parametrize(("transport", "processes"), [("udp", 2), ("tcp", 1)])
def test_signed_calls_complete_between_several_processes(transport: str, processes: int) -> None:
    with Callees(transport=transport, processes=processes) as callees:
        plan = Plan(
            callees.me, rate=400.0, calls=200, callers=2, transport=transport, connections=4, patience=10.0,
            signing=Signing(KEY, ("https://127.0.0.1:1/x.pem",)),
        )  # fmt: skip
        outcome = place(plan, callees)
    assert outcome.caller.completed == 200 and outcome.failures == 0 and outcome.nobody == 0
    assert outcome.callee is not None and outcome.callee.ended == 200
    assert outcome.caller.ringing.total == 200 and outcome.summary()["calls"] == 200


def test_a_closed_loop_keeps_no_more_open_than_is_asked() -> None:
    with Callees(rings=0.05) as callees:
        outcome = place(Plan(callees.me, rate=1e5, calls=60, limit=10, patience=10.0), callees)
    assert outcome.caller.completed == 60
    assert outcome.rate <= 10 / 0.05 * 1.1


def test_what_is_held_rings_until_it_is_let_go() -> None:
    with Callees() as callees, Callers(Plan(callees.me, rate=1000.0, calls=50, hold="ring")) as held:
        held.begin()
        assert callees.settled(lambda seen: seen.calls == 50, 10).calls == 50
        held.release()
        assert held.seen(10).held == 50


def test_nobody_there_is_a_failure_of_each_call() -> None:
    outcome = place(Plan(Address("127.0.0.1", 9), rate=100.0, calls=5, patience=0.2))
    assert outcome.caller.failed == {"silence": 5} and not outcome.carried


def test_a_connection_that_is_refused_is_said() -> None:
    with pytest.raises(LoadError, match="caller 0"):
        place(Plan(Address("127.0.0.1", 9), transport="tcp", calls=1))
