"""Which ways there are: those that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.notice.ways import ways
from proxy.settings import MailSettings, NoticeSettings, SyslogSettings, WebhookSettings


def test_each_table_of_the_settings_is_a_way() -> None:
    assert ways(NoticeSettings()) == ()
    every = NoticeSettings(
        webhook=WebhookSettings("https://desk.example.com/", b"0123456789abcdef"),
        mail=MailSettings("192.0.2.25", 25, "ringwarden@example.com", ("desk@example.com",)),
        syslog=SyslogSettings(path=Path("/dev/log")),
    )
    assert [way.name for way in ways(every)] == ["webhook", "mail", "syslog"]


def test_authorities_that_cannot_be_read_are_a_fault_of_the_start_and_not_of_a_call(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    hook = WebhookSettings("https://desk.example.com/", b"0123456789abcdef", tmp_path / "ca.pem")
    with pytest.raises(OSError):
        ways(NoticeSettings(webhook=hook))
