"""The mark by which a call says that an emergency centre calls back: it comes off unless it is proved."""

from __future__ import annotations

import pytest

from proxy.screening.marks import strip
from proxy.sip.message import Request
from proxy.sip.parser import parse


def stripped(*lines: str, proved: bool = False) -> list[bytes]:
    head = [
        "INVITE sip:+12025550177@pbx.example.com SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa",
        "From: <sip:+12025550123@carrier.example.net>;tag=a", "To: <sip:+12025550177@pbx.example.com>", "Call-ID: c",
        "CSeq: 1 INVITE", *lines, "", "",
    ]  # fmt: skip
    request = parse("\r\n".join(head).encode())
    assert isinstance(request, Request)
    marks = strip(request, prefix="x-screen-", keep_verdicts=False, keep_asserted=True, keep_callback=proved)
    assert marks.stripped == len(marks.edits.drop)
    return [request.lines[place] for place in sorted(marks.edits.drop)]


@pytest.mark.req("EMG-013")
@pytest.mark.parametrize(
    "line", ["Priority: psap-callback", "priority:PSAP-Callback", "Priority:\r\n psap-callback", "PRIORITY: psap%2Dcallback;x"]
)
def test_an_unproved_mark_comes_off_however_it_is_written(line: str) -> None:
    assert stripped("Subject: x", line) == [line.encode()]
    assert stripped("Subject: x", line, proved=True) == []


@pytest.mark.req("EMG-013", "EMG-014")
def test_other_priorities_stay() -> None:
    assert stripped("Priority: emergency", "Resource-Priority: esnet.1", "Resource-Priority: ets.0, wps.2") == []


@pytest.mark.req("EMG-013")
def test_of_two_marks_both_come_off() -> None:
    assert len(stripped("Priority: psap-callback", "Priority: urgent", "Priority: psap-callback")) == 2
