"""A notice by mail (RFC 5321, 5322): one message to all recipients, over STARTTLS unless the settings say otherwise.

Spoken by aiosmtplib, so that a server which hangs can be given up at once; a thread with smtplib could not.
"""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate

import aiosmtplib

from proxy.notice.content import Notice
from proxy.notice.sending import ATTEMPT_SECONDS, Undelivered
from proxy.notice.webhook import trusted
from proxy.settings import MailSettings


class Mail:
    """The way by mail."""

    name = "mail"

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._trusted = trusted(settings.ca) if settings.tls != "none" else None

    async def send(self, notice: Notice) -> None:
        of = self._settings
        try:
            refused, _ = await aiosmtplib.send(
                composed(notice, of),
                hostname=of.host,
                port=of.port,
                use_tls=of.tls == "tls",
                start_tls=of.tls == "starttls",
                tls_context=self._trusted,
                username=of.user or None,
                password=of.password or None,
                timeout=ATTEMPT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Undelivered(type(error).__name__) from error
        if refused:
            raise Undelivered(f"{len(refused)} of {len(of.recipients)} recipients were refused")

    async def close(self) -> None:
        """Each message has a connection of its own."""


def composed(notice: Notice, settings: MailSettings) -> EmailMessage:
    """The message. The same notice has the same Message-ID, so that repetitions are told apart from news."""
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Subject"] = notice.sentence()[:200]
    message["Date"] = formatdate(notice.utc)
    message["Message-ID"] = f"<{notice.key}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody on holiday answers it
    message["Importance"] = "normal" if notice.test else "high"
    lines = [notice.sentence(), ""]
    lines += [f"{name}: {value}" for name, value in notice.fields().items() if name not in ("text", "location")]
    message.set_content("\n".join([*lines, f"location: {notice.location or 'not on file'}"]) + "\n")
    return message
