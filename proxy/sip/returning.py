"""What the hops send back: each response finds its branch, by its bytes alone where it can (RFC 3261 sections 16.7,
17.1.3, 18.1.2). What becomes of it then is the business of `branches`.
"""

from __future__ import annotations

import re

from proxy.sip import reply, transactions
from proxy.sip.branches import Branches
from proxy.sip.context import Branch, Stray
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.layer import Layer
from proxy.sip.message import Response
from proxy.sip.options import Options
from proxy.sip.shapes import Shapes
from proxy.sip.upstream import Upstream

# A 1xx or 2xx as nearly all come back: our Via first and alone on its line.
PLAIN = rb"(SIP/2\.0 ([12][0-9][0-9]) [^\r\n]*+)\r\n%b([^;,\r\n ]++)[^,\r\n]*+(?=\r\n)"
_EMPTY = b"Content-Length: 0"


class Returning:
    """The responses of an endpoint."""

    __slots__ = ("_branches", "_layer", "_plain", "_sent_by", "_shapes", "_up", "_vias")

    def __init__(self, options: Options, layer: Layer, up: Upstream, branches: Branches) -> None:
        self._layer, self._up, self._branches = layer, up, branches
        self._vias = branches.vias
        self._plain = tuple(re.compile(PLAIN % re.escape(via)).match for via in self._vias)
        self._shapes = Shapes(b"CSeq", b"Content-Length")
        self._sent_by = frozenset((one.advertised_host.lower(), one.advertised_port) for one in options.listeners)

    def by_bytes(self, data: bytes, flow: Flow, now: float) -> bool:
        """Pass a 1xx or 2xx on by its bytes alone; False where it must be taken apart. See PLAIN."""
        found = self._plain[flow.listener](data)
        if found is None:
            return False
        start, status, key = found.groups()
        branch: Branch | None = self._layer.clients.get(key)
        if branch is None or (context := branch.context).swap or context.turn is not None:
            return False
        at = found.end()
        end = data.find(b"\r\n\r\n", at)
        if end < 0 or (made := self._shapes.rows(data[at:end])) is None:
            return False
        # Our CSeq is back as it went, another Via is left, and the one Content-Length is that of the body.
        rows, shape = made
        cseq, length = shape.pick(rows)
        octets = len(data) - end - 4
        if (
            cseq != branch.cseq
            or length != (b"Content-Length: %d" % octets if octets else _EMPTY)
            or b"via" not in shape.places
        ):
            return False
        code = int(status)
        actions = self._layer.feed(branch, transactions.R1XX if code < 200 else transactions.R2XX, now)
        if transactions.PASS in actions:
            self._branches.passed(branch, code, start + data[at:], now)
        return True

    def taken_apart(self, response: Response, flow: Flow, now: float) -> None:
        """Find the branch of any response. Raises ParseError for one that cannot be read; it is dropped."""
        layer = self._layer
        line = response.line("via")
        if line is None:
            raise ParseError("a response without Via")
        # Nearly always our Via and our CSeq come back as we wrote them; then neither is taken apart.
        ours = self._vias[flow.listener]
        branch = layer.clients.get(line[len(ours) :].partition(b";")[0]) if line.startswith(ours) else None
        if branch is None or response.line("cseq") != branch.cseq:
            # Raises ParseError for what cannot be read: that is dropped.
            via, method = response.via, response.cseq.method
            key = b""
            if via.cookie and (via.host.lower(), via.port or reply.DEFAULT_PORT) in self._sent_by:  # SIP-092
                key = via.branch[7:].encode("utf-8", "surrogateescape")
            if method == "CANCEL" and (cancel := layer.cancels.get(key)) is not None:
                layer.feed(cancel, transactions.received(response.status), now)
                return  # the answer to a CANCEL of ours ends here (SIP-057)
            branch = layer.clients.get(key)
            if branch is not None and (branch.cseq or b"").split()[-1:] != [method.encode()]:
                branch = None
        if branch is None:
            self._up.pending.append(Stray(flow, response))
            return
        actions = layer.feed(branch, transactions.received(response.status), now)
        if transactions.ACKNOWLEDGE in actions:
            self._branches.acknowledge(branch, response)
        if transactions.PASS in actions:
            self._branches.received(branch, response, now)
