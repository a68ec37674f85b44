"""Reports of how calls sounded, on their way through us or addressed to us: read into the journal beside the call.

Nothing here holds a request up or changes it, and nothing raises. One note a report; who reads the record finds them by
the Call-ID.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from zlib import crc32

from proxy.screening.quality import EVENT, Heard, report, stat
from proxy.sip.edit import Edits
from proxy.sip.errors import ParseError
from proxy.sip.message import Request, Response
from proxy.storage.rows import Note

if TYPE_CHECKING:
    from proxy.world import Keeper

REPORTING = frozenset(("BYE", "PUBLISH", "NOTIFY"))
NOTE = "quality"
EXPIRES = b"Expires: 3600"


class Quality:
    """Reads reports. `count` is told of each: its form (rtcpxr, stat), and kept or unread."""

    def __init__(self, journal: Keeper, count: Callable[[str, str], None]) -> None:
        self._journal, self._count = journal, count

    def read(self, request: Request, side: str, utc: float) -> None:
        """Look into a request on its way. Reports about other calls are taken from our own side alone: anybody else
        could tell of a call that he has no part in."""
        method = request.method
        if method not in REPORTING:
            return
        try:
            if method == "BYE":
                self._kept(stat(request, request.call_id.decode("utf-8", "replace")), side, utc)
            elif side == "pbx" and _speaks(request):
                self._kept(report(request), side, utc)
        except ParseError:
            self._count("rtcpxr", "unread")

    def answered(self, call_id: str, side: str, utc: float) -> Callable[[Response], Edits]:
        """What looks at the answer to a BYE that goes to `side`; it changes nothing of it."""

        def turn(response: Response) -> Edits:
            self._kept(stat(response, call_id), "pbx" if side == "carrier" else "carrier", utc)
            return Edits()

        return turn

    def is_for_us(self, request: Request) -> bool:
        """Is this a report, where it is addressed to us (RFC 6035 section 3.3: we collect)?"""
        return request.method == "PUBLISH" and _speaks(request)

    def receipt(self, call_id: bytes) -> tuple[bytes, ...]:
        """The lines of a 200 that a PUBLISH is owed (RFC 3903 section 6). Nothing is kept by its tag."""
        return b"SIP-ETag: %08x" % crc32(call_id), EXPIRES

    def _kept(self, heard: Heard | None, side: str, utc: float) -> None:
        if heard is None:
            return
        if not heard.tells:
            self._count(heard.form, "unread")
            return
        said = {key: value for key, value in heard._asdict().items() if value not in (None, "") and key != "call_id"}
        self._journal.put(Note(utc, NOTE, heard.call_id, json.dumps({"side": side, **said})))
        self._count(heard.form, "kept")


def _speaks(request: Request) -> bool:
    event = (request.first("event") or b"").partition(b";")[0].strip().lower()
    return event == EVENT
