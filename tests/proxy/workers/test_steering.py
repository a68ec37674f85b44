"""The kernel's guess and the truth: they agree on what peers send, and where they do not, a hand-over follows."""

from __future__ import annotations

import ctypes
import select
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.matching import server_key
from proxy.sip.parser import parse
from proxy.workers import steering
from proxy.workers.links import DATAGRAM, Line, wrapped
from proxy.workers.seat import Seat
from proxy.workers.steering import DIGITS, HASHED, REACH, interpreted, named, owner, packed, program, share

BRANCH = st.text(st.sampled_from("abcXYZ019-._~"), min_size=1, max_size=40)


def request(branch: str, *, method: str = "INVITE", via: str = "Via", before: str = "", after: str = "") -> bytes:
    return (
        f"{method} sip:+12025550123@pbx.example.com;user=phone SIP/2.0\r\n{before}"
        f"{via}: SIP/2.0/UDP 198.51.100.7:5060;branch={branch}{after}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        f"Call-ID: some-call\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@settings(deadline=None)  # the program is interpreted in Python, step by step
@given(BRANCH, st.integers(1, 36), st.sampled_from(["", ";rport", ";x=y;rport"]))
def test_kernel_and_truth_agree_on_an_ordinary_request(branch: str, workers: int, after: str) -> None:
    data = request("z9hG4bK" + branch, after=after)
    assert interpreted(program(workers), data) == owner(data, workers) == share(branch.encode(), workers)


HEADER = st.builds("{}: {}\r\n".format, st.sampled_from(["Subject", "P-Note", "Route", "x"]), st.text("ab:;= ", max_size=200))
FORMS = {
    "late": (st.lists(HEADER, min_size=1, max_size=6).map("".join), "Via: SIP/2.0/UDP ", "z9hG4bK"),
    "compact": (st.just(""), "v:SIP/2.0/UDP ", "z9hG4bK"),
    "folded": (st.just(""), "Via: SIP/2.0/UDP\r\n  ", "z9hG4bK"),
    "upper-case cookie": (st.just(""), "VIA : SIP/2.0/UDP ", "Z9HG4BK"),
    "no cookie": (st.just(""), "Via: SIP/2.0/UDP ", ""),
    "no cookie, and one below": (st.just(""), "Via: SIP/2.0/UDP ", ""),
}
"""What stands before Via, how Via begins, and what the branch begins with."""


class Kept(Line):
    """A line that nobody reads."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes]] = []

    def send(self, kind: bytes, value: bytes) -> bool:
        self.sent.append((kind, value))
        return True


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=60)  # the program is interpreted in Python, step by step
@given(st.data(), BRANCH, st.text("abc-019@", min_size=1, max_size=40), st.integers(2, 36))
def test_where_the_kernel_is_wrong_the_owner_is_handed_the_message(
    form: str, data: st.DataObject, branch: str, call_id: str, workers: int
) -> None:
    before, via, cookie = FORMS[form]
    method = data.draw(st.sampled_from(["INVITE", "ACK", "CANCEL", "BYE"]))
    sent = (
        f"{method} sip:+12025550123@pbx.example.com SIP/2.0\r\n{data.draw(before)}{via}198.51.100.7;branch={cookie}{branch}"
        f"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    if form == "no cookie, and one below" and method in ("INVITE", "BYE"):  # the others have one Via
        sent = sent.replace(b"\r\nFrom:", b"\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK%b\r\nFrom:" % data.draw(BRANCH).encode())
    truth = share((branch if cookie else call_id).encode(), workers)
    assert owner(sent, workers) == truth
    kernel = interpreted(program(workers), sent)
    assert form != "compact" or kernel == truth
    lines = [Kept() for _ in range(workers)]
    seat = Seat(kernel, workers, [], SimpleNamespace(), lines, Kept())  # type: ignore[arg-type]  # nothing is counted here
    flow = Flow(0, "198.51.100.7", 5060)
    assert seat.elsewhere(sent, flow) == (kernel != truth) == bool(seat.handed)
    for number, line in enumerate(lines):
        assert line.sent == ([(DATAGRAM, wrapped(sent, flow))] if number == truth != kernel else [])


PART = st.sampled_from(["rport", "rport=5060", "received=192.0.2.1", "branchy=z9hG4bKno", "alias", 'x="y"', "ttl=1"])


@given(st.sampled_from(["INVITE sip:x@y SIP/2.0", "SIP/2.0 180 Ringing"]), st.lists(PART, max_size=3), st.lists(PART, max_size=3),
       st.sampled_from(["Via", "via", "v", "VIA "]), st.sampled_from(["branch", "Branch"]), BRANCH, st.integers(1, 36))  # fmt: skip
def test_wherever_the_branch_stands_the_owner_is_the_parsers(
    start: str, before: list[str], after: list[str], via: str, name: str, branch: str, workers: int
) -> None:
    parameters = ";".join([*before, f"{name}=z9hG4bK{branch}", *after])
    data = f"{start}\r\n{via}: SIP/2.0/TCP [2001:db8::1]:5060;{parameters}\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n".encode()
    assert owner(data, workers) == steering._parsed(data, workers)


LINE = st.builds(
    "{}{}: SIP/2.0/{} {};{}".format, st.sampled_from(["Via", "via", "v", "VIA ", "v\t"]), st.sampled_from(["", "\r\n "]).map(str),
    st.sampled_from(["UDP", "TCP", "UDP\r\n "]), st.sampled_from(["198.51.100.7", "[2001:db8::1]:5060", "h"]),
    st.lists(
        st.one_of(
            PART,
            BRANCH.map("branch=z9hG4bK{}".format), BRANCH.map("Branch=z9hG4bK{}".format), BRANCH.map("branch=Z9HG4BK{}".format),
            BRANCH.map("branch={}".format), BRANCH.map("branch = z9hG4bK{}".format),
            st.sampled_from(["branch=z9hG4bK", "branch", 'x="a,b"', 'x=";branch=z9hG4bKno"', 'x=";branch=z9hG4bKno']),
        ),
        max_size=4,
    ).map(";".join),
)  # fmt: skip
"""A Via as anybody may write it."""


@settings(max_examples=400)
@given(st.sampled_from(["", "\r\n", "\r\n\r\n"]), st.sampled_from(["INVITE sip:x@y SIP/2.0", "CANCEL sip:x@y SIP/2.0", "SIP/2.0 180 Ringing"]),
       st.lists(st.one_of(HEADER.map(str.strip), LINE), max_size=2), st.lists(LINE, min_size=1, max_size=4),
       st.sampled_from(["\r\n", ", "]), st.integers(1, 36))  # fmt: skip
def test_whatever_vias_stand_above_each_other_the_owner_is_the_parsers(
    ends: str, start: str, before: list[str], vias: list[str], joined: str, workers: int
) -> None:
    stack = vias[0] + "".join(joined + (one if joined != ", " else one.partition(": ")[2]) for one in vias[1:])
    lines = "".join(f"{line}\r\n" for line in (*before, stack))
    data = f"{ends}{start}\r\n{lines}From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: some-call\r\nCSeq: 1 INVITE\r\n\r\n".encode()
    try:
        via = parse(data).via
    except ParseError:
        return  # anybody may refuse it
    assert owner(data, workers) == steering._parsed(data, workers)
    answers = start.startswith("SIP")
    key = via.branch.encode()[7:] if via.cookie else b"" if answers else b"some-call"
    assert named(data) == ((answers, key) if key else None)


@given(st.integers(0, 40), st.sampled_from(["uri", "header"]), st.integers(2, 36))
def test_a_branch_at_the_end_of_what_is_looked_at_is_read_whole(cut: int, where: str, workers: int) -> None:
    branch = "abcdefghijklmnopqrstuvwxyz0123456789"
    made = request("z9hG4bK" + branch, before="X: \r\n" if where == "header" else "")
    fill = b"x" * (REACH * 4 - made.index(b"z9hG4bK") - 7 - cut)
    data = made.replace(b"X: ", b"X: " + fill) if where == "header" else made.replace(b";user=phone", b";user=phone;x=" + fill[3:])
    assert owner(data, workers) == share(branch.encode(), workers)


@pytest.mark.req("SIP-086")
@pytest.mark.parametrize("workers", range(2, 9))
@pytest.mark.parametrize("top", ["1", "z9hG4bK"])
def test_a_neighbour_without_the_cookie_above_one_with_it_has_one_owner_for_invite_ack_and_cancel(top: str, workers: int) -> None:
    """RFC 3261 sections 9.2 and 17.2.3: CANCEL and ACK have the topmost Via only."""
    first = request(top, after="\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKabcdef")
    for method in ("CANCEL", "ACK"):
        other = request(top, method=method)
        assert owner(first, workers) == owner(other, workers) and named(first) == named(other)
        assert server_key(parse(first), "INVITE") == server_key(parse(other), "INVITE")


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


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 36))
def test_any_bytes_go_to_some_worker(data: bytes, workers: int) -> None:
    assert owner(data, workers) in (None, *range(workers))
    interpreted(program(workers), data)


@settings(deadline=None)
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


@pytest.mark.parametrize("top", ["", ";branch=old", ";branch = z9hG4bKfirst", ';x="a,b";branch=z9hG4bKfirst', ";rport,SIP/2.0/UDP h;branch=z9hG4bKx"])
def test_the_branch_of_a_via_below_the_topmost_names_no_owner(top: str) -> None:
    """A CANCEL has the topmost one alone."""
    below = "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKbelow"
    for workers in range(2, 8):
        call = request("", after=below).replace(b";branch=\r", top.encode() + b"\r")
        cancel = request("", method="CANCEL").replace(b";branch=\r", top.encode() + b"\r")
        assert owner(call, workers) == owner(cancel, workers) == steering._parsed(call, workers)
        assert steering.named(call) == steering.named(cancel)


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
