"""Signed calls: each token of its own and right, handed over in blocks."""

from __future__ import annotations

import multiprocessing
import threading
import time

from certs.lab import Authority
from proxy.lab.load.plan import Address, Plan, Signing
from proxy.lab.load.supply import BLOCK, Supply, calls, sign
from shaken.identity import parse as identity
from shaken.passport import parse
from tests.waiting import SECONDS

LEAF = Authority(seed="load").leaf("709J")
URLS = ("https://127.0.0.1:1/a.pem", "https://127.0.0.1:1/b.pem")


def plan(count: int = 10, callers: int = 1, **more: object) -> Plan:
    return Plan(Address("127.0.0.1", 5060), calls=count, callers=callers, signing=Signing(LEAF.key_pem(), URLS, **more))  # type: ignore[arg-type]


def test_each_token_is_new_of_now_and_speaks_for_its_call() -> None:
    made = list(calls(plan(), 0))
    assert len({one.identity for one in made}) == 10
    for number, one in enumerate(made):
        token = parse(identity(one.identity[10:-2]).token)
        assert (token.orig_tn, token.dest_tns) == (one.caller.decode(), (one.callee.decode(),))
        assert abs(token.iat - time.time()) < 5
        assert URLS[number % 2].encode() in one.identity


def test_callers_share_the_calls_of_a_plan() -> None:
    both = [one.caller for number in (0, 1) for one in calls(plan(11, 2), number)]
    assert len(set(both)) == 11


def test_a_caller_is_given_what_the_process_beside_it_signs() -> None:
    inlet, outlet = multiprocessing.Pipe(duplex=False)
    count = 2 * BLOCK + 5
    beside = threading.Thread(target=sign, args=(plan(count), 0, outlet))
    beside.start()
    supply = Supply(plan(count), 0, inlet)
    supply.fill()
    taken = []
    while len(taken) < count:
        supply.more()
        if (call := supply.take()) is not None:
            taken.append(call)
    beside.join(SECONDS)
    assert len({call.identity for call in taken}) == count and taken[0].identity.endswith(b"ppt=shaken\r\n")


def test_without_a_key_nothing_is_signed() -> None:
    unsigned = Plan(Address("127.0.0.1", 5060), calls=1, callee="12025550199")
    assert Supply(unsigned, 0, None).take() == (b"12015550100", b"12025550199", b"")


def test_a_forged_one_differs_in_its_signature_only() -> None:
    good, bad = next(calls(plan(), 0)).identity, next(calls(plan(forged=True), 0)).identity
    assert good.split(b".")[0] == bad.split(b".")[0] and good != bad
