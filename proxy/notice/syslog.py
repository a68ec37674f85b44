"""A notice by syslog (RFC 5424): one datagram to a UDP address (RFC 5426) or a Unix socket.

Nobody acknowledges it: `sent` means that the system took it. The severity is alert, so that an ordinary syslog
configuration shows it to somebody; a test has notice.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from ipaddress import ip_address

from proxy.notice.content import Notice
from proxy.notice.sending import Undelivered
from proxy.settings import SyslogSettings
from proxy.settings.values import FACILITIES

ALERT, NOTICE = 1, 5
"""Severities (section 6.2.1)."""
MAX_DATAGRAM = 2048
"""Octets that every receiver should take (section 6.1)."""
ENTERPRISE = "32473"
"""The enterprise number for examples (RFC 5612): we have none of our own, and a structured identifier needs one."""


class Syslog:
    """The way by syslog."""

    name = "syslog"

    def __init__(self, settings: SyslogSettings) -> None:
        self._settings = settings
        self._facility = FACILITIES.index(settings.facility)
        self._host = socket.gethostname()

    async def send(self, notice: Notice) -> None:
        of = self._settings
        octets = composed(notice, self._facility, self._host, os.getpid())
        if of.path is not None:
            family, to = socket.AF_UNIX, str(of.path)
        else:
            family = socket.AF_INET6 if ip_address(of.host).version == 6 else socket.AF_INET
        try:
            # A socket a notice: a connected one would report the fault of one notice at the next.
            with socket.socket(family, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(octets, to if of.path is not None else (of.host, of.port))
        except OSError as error:
            raise Undelivered(error.strerror or type(error).__name__) from error

    async def close(self) -> None:
        """Each notice has a socket of its own."""


def composed(notice: Notice, facility: int, host: str, pid: int) -> bytes:
    """PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG (section 6)."""
    priority = facility * 8 + (NOTICE if notice.test else ALERT)
    at = datetime.fromtimestamp(notice.utc, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    named = {
        "key": notice.key, "call": notice.call_id, "caller": notice.caller, "callback": notice.callback,
        "location": notice.location,
    }  # fmt: skip
    data = "".join(f' {name}="{escaped(value)}"' for name, value in named.items() if value)
    name = host if host.isascii() and host.isprintable() and " " not in host else "-"
    head = f"<{priority}>1 {at} {name[:255] or '-'} ringwarden {pid} {notice.event} [notice@{ENTERPRISE}{data}] "
    # A BOM says that the text is UTF-8 (section 6.4).
    octets = head.encode() + b"\xef\xbb\xbf" + notice.sentence().encode()
    return octets[:MAX_DATAGRAM].decode("utf-8", "ignore").encode()


def escaped(value: str) -> str:
    """A parameter's value: `"`, `\\` and `]` are escaped (section 6.3.3)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
