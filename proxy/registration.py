"""Registrations that pass through us: what a PBX registers at its carrier leads the calls for it back through us.

The PBX's own contact, and where it can be reached, are sealed in the user part of the contact that we write in its
place. Nothing is stored: any worker, and the next start, opens what it finds there, as long as the secret stays. The
same contact is always sealed alike, so a refresh finds its binding at the registrar (RFC 3261 section 10.2.4). Nothing
else of a REGISTER is touched: a digest covers the Request-URI (RFC 7616 section 3.4).
"""

from __future__ import annotations

import binascii
import ipaddress
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from proxy.sip import address
from proxy.sip.edit import Edits
from proxy.sip.endpoint import Listener
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.headers import split_list, value_of
from proxy.sip.message import Message, Request, Response
from proxy.sip.routing import SPOKEN, TOKEN_PARAM, hostport
from proxy.sip.uri import Uri
from proxy.sip.uri import parse as parse_uri

MARK = b"rwc-"
"""How the user part of a contact of ours begins."""
VERSION = 1
MAX_CONTACT = 384
"""Octets of a contact that is sealed; a longer one stays as it is. Sealed it has 512, which registrars take."""
MAX_SEALED = 768
MAX_CONTACTS = 16
"""Contacts of one message that are looked at: a PBX registers one, a careful one two."""
OURS = frozenset(("transport", "maddr", "lr", "ttl", "method"))
"""Parameters that say how the contact is reached, which is our business; all others (`line`, `rinstance`, `ob`) are
repeated in the clear, because some registrars and PBXs look at them."""


class Binding(NamedTuple):
    """What stands behind a contact of ours."""

    contact: bytes
    """The URI as the PBX registered it."""
    uri: Uri | None
    """None: a Path named us, and the contact was left alone."""
    flow: Flow | None
    """Where its REGISTER came from; None where the contact itself says that, so that it need not be remembered."""


class Bindings:
    """Seals contacts and opens them again."""

    def __init__(self, secret: bytes, listeners: Sequence[Listener]) -> None:
        self._box = AESSIV(blake2b(secret, digest_size=32, person=b"contact").digest())
        self._ours = tuple(
            hostport(one.advertised_host, one.advertised_port) + SPOKEN[one.transport] for one in listeners
        )

    def hidden(self, request: Request, flow: Flow, outlet: int) -> Edits:
        """A REGISTER with our contacts in the place of its own. `flow`: where it came from; `outlet`: the number of the
        listener that it leaves by. What is no SIP URI (`*`, tel) stays as it is, and so does what cannot be read.
        """

        def ours(uri: Uri) -> bytes | None:
            if uri.scheme not in ("sip", "sips") or len(uri.raw) > MAX_CONTACT:
                return None
            shown = b"".join(
                b";" + part
                for part in uri.raw.partition(b"@")[2].partition(b"?")[0].split(b";")[1:]
                if part.partition(b"=")[0].lower().decode("latin-1") not in OURS
            )
            return uri.scheme.encode() + b":" + MARK + self._sealed(uri, flow) + b"@" + self._ours[outlet] + shown

        return _contacts(request, ours)

    def shown(self, response: Response) -> Edits:
        """The answer of a registrar with the PBX's own contacts in the place of ours. Never raises."""

        def theirs(uri: Uri) -> bytes | None:
            found = self.opened(uri.raw)
            return found.contact or None if found is not None else None

        return _contacts(response, theirs)

    def opened(self, target: bytes) -> Binding | None:
        """What a URI with a contact of ours stands for; None where it is none, or is broken."""
        user = target.partition(b"@")[0].partition(b":")[2]
        if not user.startswith(MARK) or len(user) > MAX_SEALED:
            return None
        try:
            text = user[len(MARK) :].replace(b"-", b"+").replace(b"_", b"/")
            plain = self._box.decrypt(binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True), None)
            if plain[0] != VERSION:
                return None
            size = plain[4]
            contact = plain[5 + size :]
            port = int.from_bytes(plain[2:4], "big")
            host = str(ipaddress.ip_address(plain[5 : 5 + size])) if size else ""
            flow = Flow(plain[1], host, port) if host and plain[1] < len(self._ours) else None
            return Binding(contact, parse_uri(contact) if contact else None, flow)
        except (binascii.Error, InvalidTag, ValueError, IndexError, ParseError):
            return None

    @staticmethod
    def concerns(target: bytes, route: bytes) -> bool:
        """Whether a Request-URI or a Route of ours may stand for a contact: then it is to be opened."""
        return target.find(b":" + MARK) >= 0 or route.find(b"=" + MARK) >= 0

    def path(self, flow: Flow, outlet: int) -> bytes:
        """The Path line that names us, for a contact that stays as it is (RFC 3327 section 5)."""
        token = MARK + self._sealed(None, flow)
        return b"Path: <sip:" + self._ours[outlet] + b";lr;" + TOKEN_PARAM.encode() + b"=" + token + b">"

    def path_of(self, tokens: Sequence[str]) -> Flow | None:
        """Where a Path of ours leads that came back as a Route; `tokens` are our parameters of the Routes."""
        for token in tokens:
            found = self.opened(b"sip:" + token.encode("utf-8", "replace") + b"@")
            if found is not None and found.uri is None:
                return found.flow
        return None

    def _sealed(self, uri: Uri | None, flow: Flow) -> bytes:
        where = ipaddress.ip_address(flow.host).packed
        port = flow.port
        if uri is not None and uri.host.lower() == flow.host.lower():
            where, port = b"", 0  # no address translation on the way: the contact says all, whatever port it came from
        head = bytes((VERSION, flow.listener)) + port.to_bytes(2, "big") + bytes((len(where),))
        sealed = self._box.encrypt(head + where + (uri.raw if uri is not None else b""), None)
        token = binascii.b2a_base64(sealed, newline=False)
        return token.replace(b"+", b"-").replace(b"/", b"_").rstrip(b"=")


def _contacts(message: Message, other: Callable[[Uri], bytes | None]) -> Edits:
    """Another URI for each contact that `other` has one for; display names and parameters stay octet for octet."""
    edits, left = Edits(), MAX_CONTACTS
    for at in message.where("contact"):
        line, changed = message.lines[at], False
        values: list[bytes] = []
        for value in split_list(value_of(line)):
            left -= 1
            fresh: bytes | None = None
            try:
                display, raw, params = address.shape(value)
                if left >= 0 and (uri := other(parse_uri(raw))) is not None:
                    fresh = display + b"<" + uri + b">" + params
            except ParseError:
                pass
            changed = changed or fresh is not None
            values.append(value if fresh is None else fresh)
        if changed:
            edits.swap[at] = line[: line.index(b":") + 1] + b" " + b", ".join(values)
    return edits
