"""The one exception that hostile bytes may raise, and which answer fits (RFC 3261 section 21.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.sip.message import Request


class ParseError(ValueError):
    """These bytes are not what the grammar demands. `status` is the answer that fits, where one may be given.

    `partial` is the request as far as it could be read: enough for a reply to go back by its Via. None where nothing
    may be answered: a response, or bytes that cannot be read as a request at all.
    """

    def __init__(self, why: str, status: int = 400, partial: Request | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
        self.partial = partial
