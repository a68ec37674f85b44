"""The kernel's guess and the truth: they agree on what peers send, and where they do not, a hand-over follows."""

from __future__ import annotations

import ctypes
import select
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.parser import parse
from proxy.workers.steering import DIGITS, HASHED, interpreted, owner, packed, program, share

BRANCH = st.text(st.sampled_from("abcXYZ019-._~"), min_size=1, max_size=40)


def request(branch: str, *, method: str = "INVITE", via: str = "Via", before: str = "", after: str = "") -> bytes:
    return (
        f"{method} sip:+12025550123@pbx.example.com;user=phone SIP/2.0\r\n{before}"
        f"{via}: SIP/2.0/UDP 198.51.100.7:5060;branch={branch}{after}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        f"Call-ID: some-call\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@given(BRANCH, st.integers(1, 36), st.sampled_from(["", ";rport", ";x=y;rport"]))
def test_kernel_and_truth_agree_on_an_ordinary_request(branch: str, workers: int, after: str) -> None:
    data = request("z9hG4bK" + branch, after=after)
    assert interpreted(program(workers), data) == owner(data, workers) == share(branch.encode(), workers)


@given(BRANCH, st.integers(2, 36))
def test_invite_ack_and_cancel_of_a_transaction_have_one_owner(branch: str, workers: int) -> None:
    first = request("z9hG4bK" + branch)
    others = [
        request("z9hG4bK" + branch.upper(), method="CANCEL"),
        request("Z9HG4BK" + branch, method="ACK"),
        request("z9hG4bK" + branch, via="v", before="Route: <sip:x;lr>\r\nSubject: a\r\n b\r\n", method="ACK"),
        request("z9hG4bK" + branch, via="VIA ", method="CANCEL"),
        request("z9hG4bK" + branch + ", SIP/2.0/UDP h;branch=z9hG4bKother"),
    ]
    assert {owner(one, workers) for one in others} == {owner(first, workers)}


@given(st.binary(max_size=300), st.integers(1, 36))
def test_any_bytes_go_to_some_worker(data: bytes, workers: int) -> None:
    assert owner(data, workers) in (None, *range(workers))
    interpreted(program(workers), data)


@given(st.integers(1, 36), st.data())
def test_a_response_goes_to_the_worker_that_wrote_the_branch(workers: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, workers - 1))
    answer = (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK{DIGITS[number]}0f3c.12345678\r\n"
        "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    assert interpreted(program(workers), answer) == owner(answer, workers) == number


def test_without_a_cookie_the_call_id_decides() -> None:
    data = request("old")
    assert owner(data, 7) == share(parse(data).call_id, 7)


def test_counting_branches_spread_evenly() -> None:
    counts = [0] * 4
    for call in range(4000):
        counts[share(f"-17893-{call}-0".encode(), 4)] += 1
    assert min(counts) > 800


def test_the_kernel_takes_the_program_and_says_the_same() -> None:
    workers = 3
    sockets = []
    for _ in range(workers):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("127.0.0.1", sockets[0].getsockname()[1] if sockets else 0))
        sockets.append(one)
    code = packed(program(workers))
    buffer = ctypes.create_string_buffer(code)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    try:
        sockets[0].setsockopt(socket.SOL_SOCKET, 51, bytes(Program(len(code) // 8, ctypes.addressof(buffer))))
    except OSError as error:
        pytest.skip(f"this kernel takes no program: {error}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(sockets[0].getsockname())
        for number in range(60):
            data = request(f"z9hG4bK{'a' * (number % HASHED)}{number}")
            sender.send(data)
            ready, _, _ = select.select(sockets, [], [], 5)
            assert [sockets.index(one) for one in ready] == [owner(data, workers)]
            assert ready[0].recv(4096) == data
    for one in sockets:
        one.close()
