"""The notice by mail against a real, very small SMTP server on loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from proxy.notice.content import Notice, clean
from proxy.notice.mail import Mail, composed
from proxy.notice.sending import Undelivered
from proxy.settings import MailSettings


class Server:
    """SMTP as far as one message needs it (RFC 5321)."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.commands: list[str] = []
        self.messages: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ready\r\n")
        while line := await reader.readline():
            command = line.decode().strip()
            self.commands.append(command)
            word = command[:4].upper()
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                self.messages.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                writer.write(b"250 kept\r\n")
            elif word == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            elif self.refuses and self.refuses in command:
                writer.write(b"550 nobody here\r\n")
            else:
                writer.write(b"250 mail.example.com\r\n")
        writer.close()

    async def __aenter__(self) -> Server:
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *of: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    def settings(self) -> MailSettings:
        return MailSettings(
            "127.0.0.1", self.port, "ringwarden@example.com", ("desk@example.com", "guard@example.com"), "none"
        )


@pytest.mark.req("EMG-005", "EMG-006")
async def test_a_notice_arrives_as_one_mail_to_all(notice: Notice) -> None:
    async with Server() as server:
        await Mail(server.settings()).send(notice)
    assert [command for command in server.commands if command.startswith("RCPT")] == [
        "RCPT TO:<desk@example.com>", "RCPT TO:<guard@example.com>",
    ]  # fmt: skip
    message = message_from_bytes(server.messages[0], policy=default)
    assert message["Subject"] == notice.sentence()
    assert message["Message-ID"] == "<5f0c@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Importance"] == "high"
    text = message.get_content()
    assert "callback: +12025550177" in text and "location: 500 Example St, Floor 3" in text


@pytest.mark.parametrize("refuses", ["MAIL", "RCPT", "guard@"])
async def test_a_server_that_refuses_is_no_delivery(notice: Notice, refuses: str) -> None:
    async with Server(refuses) as server:
        with pytest.raises(Undelivered):
            await Mail(server.settings()).send(notice)


async def test_a_server_that_is_not_there_or_speaks_no_tls_is_no_delivery(notice: Notice) -> None:
    async with Server() as server:
        settings = server.settings()
        with pytest.raises(Undelivered):
            await Mail(replace(settings, tls="starttls")).send(notice)
        assert server.messages == []
    with pytest.raises(Undelivered):
        await Mail(settings).send(notice)


def test_a_caller_cannot_write_headers(notice: Notice) -> None:
    of = MailSettings("127.0.0.1", 25, "ringwarden@example.com", ("desk@example.com",))
    hostile = replace(notice, name=clean('x\r\nBcc: all@example.com\r\n\r\n"'), location="")
    message = message_from_bytes(bytes(composed(hostile, of)), policy=default)
    assert message["Bcc"] is None
    assert "x??Bcc" in message["Subject"]


@pytest.mark.req("EMG-018")
def test_a_test_is_not_urgent(notice: Notice) -> None:
    of = MailSettings("127.0.0.1", 25, "ringwarden@example.com", ("desk@example.com",))
    message = composed(replace(notice, test=True), of)
    assert message["Importance"] == "normal"
    assert message["Subject"].startswith("TEST")
