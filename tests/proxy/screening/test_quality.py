"""Reports of how a call sounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.screening.quality import Heard, report, stat
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.sip.parser import parse

# The shape of RFC 6035 section 4.7.1, with our own numbers and measures.
SESSION = """VQSessionReport: CallTerm
CallID: 7f3a@192.0.2.30
LocalID: Ann <sip:+12025550123@pbx.example.com>
RemoteID: <sip:+13015550101@carrier.example.net>
OrigID: Ann <sip:+12025550123@pbx.example.com>
LocalAddr: IP=192.0.2.30 PORT=5000 SSRC=1a3b5c7d
RemoteAddr: IP=192.0.2.20 PORT=5002 SSRC=2468abcd
LocalMetrics:
Timestamps:START=2026-11-01T18:23:43Z STOP=2026-11-01T18:26:02Z
SessionDesc:PT=0 PD=PCMU SR=8000 FD=20 FO=20 FPP=2 PPS=50 PLC=3 SSUP=on
JitterBuffer:JBA=3 JBR=2 JBN=40 JBM=80 JBX=120
PacketLoss:NLR=5.0 JDR=2.0
Delay:RTD=200 ESD=140 SOWD=100 IAJ=2 MAJ=10
Signal:SL=-21 NL=-50 RERL=55
QualityEst:RLQ=90 RCQ=85 EXTRI=90 MOSLQ=4.2 MOSCQ=4.1 QoEEstAlg=P.564
RemoteMetrics:
PacketLoss:NLR=9.0
QualityEst:MOSCQ=1.2
"""


def request(body: str = "", *lines: str, method: str = "PUBLISH") -> Request:
    head = (f"{method} sip:collector@example.com SIP/2.0", "Call-ID: own", *lines)
    message = parse("\r\n".join((*head, "", body.replace("\n", "\r\n"))).encode("utf-8", "replace"))
    assert isinstance(message, Request)
    return message


def rtcpxr(body: str) -> Request:
    return request(body, "Event: vq-rtcpxr", "Content-Type: application/vq-rtcpxr")


def test_a_report_tells_what_its_sender_heard_and_not_what_the_other_end_says() -> None:
    assert report(rtcpxr(SESSION)) == Heard("7f3a@192.0.2.30", 4.1, 7.0, 2.0, 200.0, "PCMU")


def test_what_was_not_measured_is_not_told() -> None:
    body = "CallID: a\nLocalMetrics:\nQualityEst:MOSLQ=4.0 MOSCQ=12.7\nDelay:RTD=x\nSessionDesc:PD=<script>\n"
    assert report(rtcpxr(body)) == Heard("a", 4.0)
    assert not report(rtcpxr("CallID: a\n")).tells


@pytest.mark.parametrize("body", ["", "nothing", "LocalMetrics:\nDelay:RTD=1\n", "CallID: a\n" * 200, "CallID: " + "a" * 9000])
def test_what_is_no_report_is_said(body: str) -> None:
    with pytest.raises(ParseError):
        report(rtcpxr(body))
    with pytest.raises(ParseError):
        report(request(SESSION, "Content-Type: text/plain"))


@pytest.mark.parametrize(
    ("line", "heard"),
    [
        ("X-RTP-Stat: CS=0;PS=1200;ES=1240;OS=192000;PR=990;ER=1000;OR=158400;PL=10,4;EN=PCMA;DE=PCMU;JI=12,40;DL=35,60,90;IP=192.0.2.30", Heard("c", None, 1.0, 12.0, 35.0, "PCMU", "stat")),
        ("P-RTP-Stat: PS=1200,OS=192000,PR=1000,OR=160000,PL=0,JI=2,LA=40,EN=G711,DE=G711", Heard("c", None, 0.0, 2.0, 40.0, "G711", "stat")),
        ("P-RTP-Stat: PS=1200, PR=1000, PL=0, JI=2, LA=40, DE=G711", Heard("c", None, 0.0, 2.0, 40.0, "G711", "stat")),
        ("X-RTP-Stat: PR=0;PL=0", None),
        ("X-RTP-Stat: nonsense", None),
        ("X-RTP-Stat: " + "PL=1;" * 300, None),
        ("Subject: none", None),
    ],
)  # fmt: skip
def test_the_header_of_a_bye_is_read(line: str, heard: Heard | None) -> None:
    assert stat(request("", line, method="BYE"), "c") == heard


@given(st.text(max_size=400), st.text(max_size=200))
def test_nothing_raises_but_a_parse_error(body: str, value: str) -> None:
    try:
        found = report(rtcpxr("CallID: a\nLocalMetrics:\n" + body))
        assert found.mos is None or 1 <= found.mos <= 5
    except ParseError:
        pass
    stat(request("", "X-RTP-Stat: " + "".join(c for c in value if c.isprintable())), "c")
