"""The notice by syslog: to a UDP address and to a Unix socket, in the form of RFC 5424."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.notice.content import Notice
from proxy.notice.sending import Undelivered
from proxy.notice.syslog import MAX_DATAGRAM, Syslog, composed, escaped
from proxy.settings import SyslogSettings
from tests.proxy.notice.conftest import NOTICE
from tests.waiting import SECONDS

FORM = re.compile(
    rb'<(\d{1,3})>1 (\S+) (\S+) ringwarden (\d+) (\S+) \[notice@32473((?: \w+="(?:[^"\\\]]|\\["\\\]])*")*)\] \xef\xbb\xbf(.*)',
    re.DOTALL,
)


@pytest.mark.req("EMG-005", "EMG-006")
async def test_a_notice_arrives_as_a_udp_datagram(notice: Notice) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(SECONDS)
        port = sink.getsockname()[1]
        await Syslog(SyslogSettings(host="127.0.0.1", port=port, facility="authpriv")).send(notice)
        found = FORM.fullmatch(sink.recv(65_535))
    assert found is not None
    assert found[1] == b"81"  # authpriv (10) * 8 + alert (1)
    assert found[2] == b"2026-11-18T11:06:40.250Z"
    assert found[5] == b"911_call"
    assert b' callback="+12025550177" location="500 Example St, Floor 3"' in found[6]
    assert found[7].decode() == notice.sentence()


async def test_a_notice_arrives_at_a_unix_socket(notice: Notice, tmp_path: Path) -> None:
    path = tmp_path / "log"
    way = Syslog(SyslogSettings(path=path))
    with pytest.raises(Undelivered):
        await way.send(notice)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sink:
        sink.bind(str(path))
        sink.settimeout(SECONDS)
        await way.send(replace(notice, test=True))
        assert sink.recv(65_535).startswith(b"<133>1 ")  # local0 (16) * 8 + notice (5)
    await way.close()


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=80))
def test_any_text_leaves_a_well_formed_datagram(name: str, location: str, host: str) -> None:
    octets = composed(replace(NOTICE, caller=name, location=location), 16, host, 7)
    assert len(octets) <= MAX_DATAGRAM
    if len(octets) < MAX_DATAGRAM - 4:
        assert FORM.fullmatch(octets) is not None


def test_what_would_end_a_value_is_escaped() -> None:
    assert escaped('a"b]c\\d') == 'a\\"b\\]c\\\\d'
