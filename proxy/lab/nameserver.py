"""A small name server on loopback: answers from a table, remembers what it was asked, and can be slow, broken or mute.

For tests and the lab. UDP only; dnspython builds and reads the messages.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA = "ns.example. admin.example. 1 3600 600 86400"
MAX_ASKED = 10_000


class NameServer:
    """`async with NameServer() as server`: one zone with everything in it."""

    def __init__(self, host: str = "127.0.0.1", *, negative: int = 60) -> None:
        self.host, self.port = host, 0
        self.negative = negative
        """Seconds of the SOA that goes with an empty answer."""
        self.asked: list[tuple[str, str]] = []
        """(name, kind) of each question, in order."""
        self.mute: set[str] = set()
        """Names whose questions get no answer at all."""
        self.broken: set[str] = set()
        """Names whose questions get SERVFAIL."""
        self._rows: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def put(self, name: str, kind: str, *rows: str, ttl: int = 60) -> None:
        """Answer a question with these records, as a zone file writes them; none of them: take them away."""
        self._rows[name.lower().rstrip("."), kind] = (ttl, rows)
        if not rows:
            del self._rows[name.lower().rstrip("."), kind]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Wire(self), (self.host, 0))
        self.port = int(self._transport.get_extra_info("sockname")[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def answer(self, data: bytes) -> bytes | None:
        """The answer to one datagram; None: silence."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        if len(self.asked) < MAX_ASKED:
            self.asked.append((name, kind))
        if name in self.mute:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA | dns.flags.AA
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        for one in (kind, "CNAME"):
            ttl, rows = self._rows.get((name, one), (0, ()))
            if rows:
                response.answer.append(dns.rrset.from_text_list(question.name, ttl, "IN", one, rows))
                return response.to_wire()
        if all(known != name for known, _ in self._rows):
            response.set_rcode(dns.rcode.NXDOMAIN)
        zone = dns.name.from_text("example.")
        response.authority.append(dns.rrset.from_text(zone, self.negative, "IN", "SOA", f"{SOA} {self.negative}"))
        return response.to_wire()


class _Wire(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if (answer := self._server.answer(data)) is not None:
            self._transport.sendto(answer, source)
