"""Who is told of an emergency call: what the file may say, and whose secrets may be read by whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import NoticeSettings, read

Complaints = Callable[..., list[str]]


def test_nobody_is_told_unless_the_file_says_so(small: dict[str, Any]) -> None:
    assert read(small).notice == NoticeSettings()


def test_all_ways_with_their_secrets_in_files(small: dict[str, Any], tmp_path: Path) -> None:
    for name in ("hook", "password"):
        (tmp_path / name).write_text("a secret of enough octets\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "locations.csv").write_text("match,location,callback\n")
    small["notice"] = {
        "locations": "locations.csv",
        "webhook": {"url": "https://desk.example.com/emergency", "secret_file": "hook"},
        "mail": {
            "server": "mail.example.com", "sender": "ringwarden@example.com", "recipients": ["desk@example.com"],
            "user": "ringwarden", "password_file": "password",
        },
        "syslog": {"address": "192.0.2.9:5514", "facility": "authpriv"},
    }  # fmt: skip
    notice = read(small, folder=tmp_path).notice
    assert notice.locations == tmp_path / "locations.csv"
    assert notice.webhook is not None and notice.webhook.secret == b"a secret of enough octets"
    assert notice.mail is not None and (notice.mail.port, notice.mail.password) == (587, "a secret of enough octets")
    assert notice.syslog is not None and (notice.syslog.host, notice.syslog.port) == ("192.0.2.9", 5514)
    assert "enough octets" not in repr(notice)
    small["notice"]["syslog"] = {"address": "/dev/log"}
    syslog = read(small, folder=tmp_path).notice.syslog
    assert syslog is not None and syslog.path == Path("/dev/log")


@pytest.mark.parametrize(
    "url", ["https://desk.example.com/x", "http://127.0.0.1:8080/x", "http://10.0.0.7/x", "http://[fd00::7]/x"]
)
def test_where_a_notice_may_be_posted(small: dict[str, Any], complaints: Complaints, url: str) -> None:
    small["notice"] = {"webhook": {"url": url, "secret": "0123456789abcdef"}}
    assert complaints(small) == []


HOOK = {"url": "https://desk.example.com/x", "secret": "0123456789abcdef"}
MAIL = {"server": "mail.example.com", "sender": "a@example.com", "recipients": ["b@example.com"]}


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        ({"webhook": {**HOOK, "url": "http://desk.example.com/x"}}, "somebody needs help"),
        ({"webhook": {**HOOK, "url": "http://8.8.8.8/x"}}, "somebody needs help"),
        ({"webhook": {**HOOK, "url": "http://[::1/x"}}, "is not a URL"),
        ({"webhook": {**HOOK, "url": "ftp://desk.example.com/x"}}, "plain https URL"),
        ({"webhook": {"secret": "0123456789abcdef"}}, "notice.webhook.url: it is missing"),
        ({"webhook": {"url": HOOK["url"]}}, "missing, or given twice"),
        ({"webhook": {**HOOK, "secret_file": "open"}}, "missing, or given twice"),
        ({"webhook": {"url": HOOK["url"], "secret_file": "open"}}, "others than its owner may use it"),
        ({"webhook": {"url": HOOK["url"], "secret_file": "short"}}, "16 to 1024 octets"),
        ({"webhook": {"url": HOOK["url"], "secret_file": "odd"}}, "not UTF-8"),
        ({"webhook": {**HOOK, "secret": "short"}}, "16 to 1024 octets"),
        ({"mail": {**MAIL, "recipients": []}}, "nobody would get the mail"),
        ({"mail": {**MAIL, "recipients": ["desk"]}}, "is not an e-mail address"),
        ({"mail": {**MAIL, "user": "u"}}, "a user and a password go together"),
        ({"mail": {**MAIL, "user": "u", "password_file": "short", "tls": "none"}}, "in the clear"),
        ({"mail": {**MAIL, "tls": "ssl"}}, "is not one of starttls, tls, none"),
        ({"mail": {}}, "notice.mail.server: it is missing"),
        ({"syslog": {"address": "log.example.com"}}, "is a name"),
        ({"syslog": {"address": "0.0.0.0"}}, "leads nowhere"),
        ({"syslog": {"address": "192.0.2.9", "facility": "local8"}}, "is not one of"),
        ({"syslog": {}}, "notice.syslog.address: it is missing"),
        ({"locations": "absent.csv"}, "is not there"),
    ],
)
def test_what_is_wrong_is_said(
    small: dict[str, Any], complaints: Complaints, tmp_path: Path, notice: dict[str, Any], said: str
) -> None:
    for name, octets, mode in (("open", b"0123456789abcdef", 0o644), ("short", b"short", 0o600), ("odd", b"\xff" * 20, 0o600)):
        (tmp_path / name).write_bytes(octets)
        (tmp_path / name).chmod(mode)
    small["notice"] = notice
    found = complaints(small)
    assert any(said in line for line in found), found
    assert all(": notice" in line for line in found)
