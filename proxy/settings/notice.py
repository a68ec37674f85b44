"""Who is told of an emergency call: `[notice]` and its tables into values, their secrets read from files of the
owner alone.

A table that lacks a key was complained of already and gives no way here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from certs.files import FileError, read
from proxy.settings.errors import Faults, Wrong
from proxy.settings.kinds import secret
from proxy.settings.values import MailSettings, NoticeSettings, SyslogSettings, WebhookSettings

Raw = dict[str, Any]
MAX_SECRET_FILE = 4096
SUBMISSION = {"starttls": 587, "tls": 465, "none": 25}
"""Ports of the three ways to a mail server (RFC 8314, RFC 5321)."""
SYSLOG_PORT = 514


def notice_of(raw: Raw, faults: Faults) -> NoticeSettings:
    return NoticeSettings(
        locations=raw["locations"],
        webhook=webhook_of(raw["webhook"], faults),
        mail=mail_of(raw["mail"], faults),
        syslog=syslog_of(raw["syslog"]),
    )


def webhook_of(raw: Raw | None, faults: Faults) -> WebhookSettings | None:
    if raw is None or raw["url"] is None:
        return None
    path, key = raw["secret_file"], raw["secret"]
    if (path is None) == (key is None):
        faults.add(
            "notice.webhook.secret",
            "what a notice is signed with is missing, or given twice",
            "give one of secret and secret_file",
        )
        return None
    if path is not None:
        written = private(path, "notice.webhook.secret_file", faults)
        try:
            key = secret(written, Path()) if written is not None else None
        except Wrong as wrong:
            faults.add("notice.webhook.secret_file", wrong.what, wrong.cure)
            return None
    return WebhookSettings(raw["url"], key, raw["ca"]) if key is not None else None


def mail_of(raw: Raw | None, faults: Faults) -> MailSettings | None:
    if raw is None or None in (raw["server"], raw["sender"], raw["recipients"]):
        return None
    if not raw["recipients"]:
        faults.add("notice.mail.recipients", "nobody would get the mail", "name at least one address")
    user, path, tls = raw["user"], raw["password_file"], raw["tls"]
    if bool(user) != (path is not None):
        faults.add("notice.mail.user", "a user and a password go together", "give user and password_file, or neither")
    if user and tls == "none":
        faults.add("notice.mail.tls", "the password would go over the network in the clear", 'use "starttls" or "tls"')
    password = private(path, "notice.mail.password_file", faults) if path is not None else ""
    port = SUBMISSION[tls] if raw["server"].port is None else raw["server"].port
    return MailSettings(
        raw["server"].host, port, raw["sender"], raw["recipients"], tls, raw["ca"], user, (password or "").strip()
    )


def syslog_of(raw: Raw | None) -> SyslogSettings | None:
    if raw is None or raw["address"] is None:
        return None
    to, facility = raw["address"], raw["facility"]
    if isinstance(to, Path):
        return SyslogSettings(path=to, facility=facility)
    return SyslogSettings(host=to.host, port=SYSLOG_PORT if to.port is None else to.port, facility=facility)


def private(path: Path, key: str, faults: Faults) -> str | None:
    """The text of a file that only its owner may read; None with the fault noted."""
    try:
        return read(path, private=True, limit=MAX_SECRET_FILE).decode("utf-8")
    except FileError as error:
        faults.add(key, f"{error.path}: {error.why}", error.cure)
    except UnicodeDecodeError:
        faults.add(key, f"{path} is not UTF-8 text", "save it as UTF-8")
    return None
