"""sipp scenarios as a page of steps: what each side sends, what it must get, and what must stand in it.

A `Script` writes sipp's XML; `played` runs a caller and a callee through a proxy and demands that both ended well. The
caller stands at the carrier's address, the callee at the PBX's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

from benchmarks.programs import Program, ProgramError
from benchmarks.sipp import Address, Statistics, bound, read
from tests.waiting import SECONDS

CALLER, CALLEE = "13015550101", "12025550199"
RINGS = (100, 180)
PAUSE = 60
"""Milliseconds before a request within a call."""


def sdp(port: int = 40_000, direction: str = "sendrecv", codecs: str = "0 8 101", version: int = 1) -> str:
    """A body; sipp fills in the addresses."""
    return (
        f"v=0\no=- 1 {version} IN IP[local_ip_type] [local_ip]\ns=-\nc=IN IP[media_ip_type] [media_ip]\nt=0 0\n"
        f"m=audio {port} RTP/AVP {codecs}\na=rtpmap:0 PCMU/8000\na={direction}\n"
    )


@dataclass
class Script:
    """One side of a call, step by step."""

    name: str
    caller: str = CALLER
    callee: str = CALLEE
    target: str = ""
    """The Request-URI of the first request; empty: the callee at the proxy."""
    steps: list[str] = field(default_factory=list)
    cseq: int = 0
    variables: int = 0

    def _send(self, lines: Sequence[str], body: str = "", kind: str = "application/sdp", retrans: bool = True) -> None:
        head = [*lines, *([f"Content-Type: {kind}"] if body else []), "Content-Length: [len]" if body else "Content-Length: 0"]
        text = "\n".join([*head, "", body])
        self.steps.append(f"<send{' retrans=' + quoteattr('500') if retrans else ''}><![CDATA[\n{text}\n]]></send>")

    # Requests

    def invites(self, *lines: str, body: str | None = None, method: str = "INVITE") -> None:
        """The first request of a call."""
        self.cseq += 1
        target = self.target or f"sip:+{self.callee}@[remote_ip]:[remote_port];user=phone"
        self._send(
            [
                f"{method} {target} SIP/2.0",
                "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
                "Max-Forwards: 70",
                f"From: <sip:+{self.caller}@carrier.example;user=phone>;tag=[pid]c[call_number]",
                f"To: <sip:+{self.callee}@pbx.example;user=phone>",
                "Call-ID: [call_id]",
                f"CSeq: {self.cseq} {method}",
                "Contact: <sip:carrier@[local_ip]:[local_port]>",
                *lines,
            ],
            sdp() if body is None else body,
        )

    def asks(
        self, method: str, *lines: str, body: str = "", kind: str = "application/sdp", cseq: int | None = None, to: str = "",
        branch: str = "[branch]", uri: str = "[next_url]",
    ) -> None:  # fmt: skip
        """A request of the caller's within the call. `to`: another To than that of the last response."""
        self._pauses(method)
        if cseq is None and method not in ("ACK", "CANCEL"):
            self.cseq += 1
        self._send(
            [
                f"{method} {uri} SIP/2.0",
                f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
                *(["[routes]"] if uri == "[next_url]" else []),
                "Max-Forwards: 70",
                f"From: <sip:+{self.caller}@carrier.example;user=phone>;tag=[pid]c[call_number]",
                to or f"To: <sip:+{self.callee}@pbx.example;user=phone>[peer_tag_param]",
                "Call-ID: [call_id]",
                f"CSeq: {self.cseq if cseq is None else cseq} {method}",
                *(["Contact: <sip:carrier@[local_ip]:[local_port]>"] if method not in ("ACK", "BYE", "CANCEL") else []),
                *lines,
            ],
            body,
            kind,
            retrans=method != "ACK",
        )

    def asks_back(
        self, method: str, *lines: str, body: str = "", kind: str = "application/sdp", cseq: int | None = None, branch: str = "[branch]"
    ) -> None:
        """A request of the callee's within the call; `gets("INVITE")` has kept whom it is for."""
        self._pauses(method)
        if cseq is None and method != "ACK":
            self.cseq += 1
        self._send(
            [
                f"{method} [next_url] SIP/2.0",
                f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
                "[routes]",
                "Max-Forwards: 70",
                f"From: <sip:+{self.callee}@pbx.example;user=phone>;tag=[pid]p[call_number]",
                "To:[$1]",
                "Call-ID: [call_id]",
                f"CSeq: {self.cseq if cseq is None else cseq} {method}",
                *(["Contact: <sip:pbx@[local_ip]:[local_port]>"] if method not in ("ACK", "BYE") else []),
                *lines,
            ],
            body,
            kind,
            retrans=method != "ACK",
        )

    # Responses

    def answers(
        self, status: int, phrase: str, *lines: str, tag: str = "p", body: str = "", kind: str = "application/sdp", first: bool = False,
        contact: bool = True, side: str = "pbx", again: bool = True,
    ) -> None:  # fmt: skip
        """The response to the last request; `first`: to the INVITE that `gets` kept, whatever came after it. A final of
        that is sent again until its ACK comes, and sipp does nothing else meanwhile; not so without `again`.
        """
        request = ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
        if first:
            to = f"To:[$4];tag=[pid]{tag}[call_number]"
            request = ["Via:[$2]", "Via:[$5]", "Record-Route:[$3]", "From:[$1]", to, "Call-ID: [call_id]", "CSeq:[$6]"]
        self._send(
            [
                f"SIP/2.0 {status} {phrase}",
                *request,
                *([f"Contact: <sip:{side}@[local_ip]:[local_port]>"] if contact else []),
                *lines,
            ],
            body,
            kind,
            retrans=first and status >= 200 and again,
        )

    # What must come

    def gets(self, method: str, optional: bool = False, **headers: str) -> None:
        """A request, with headers (or `body`) that match these patterns. Of the first one what its answers need is kept."""
        actions = self._checks(headers)
        if first := not self.steps:
            kept = (("From", 1, 1), ("Via", 2, 1), ("Via", 5, 2), ("Record-Route", 3, 1), ("To", 4, 1), ("CSeq", 6, 1))
            actions += [
                f'<ereg regexp=".*" search_in="hdr" header="{name}:" occurrence="{which}" assign_to="{place}"/>' for name, place, which in kept
            ]
        self._recv(f'request="{method}"{" rrs=" + quoteattr("true") if first else ""}', actions, optional)

    def hears(self, status: int, optional: bool = False, keep_to: int = 0, rrs: bool = False, **headers: str) -> None:
        """A response. keep_to: the variable that its To is kept in; rrs: the route set is taken of it."""
        actions = self._checks(headers)
        if keep_to:
            actions.insert(0, f'<ereg regexp=".*" search_in="hdr" header="To:" assign_to="{keep_to}"/>')
        self._recv(f'response="{status}"{" rrs=" + quoteattr("true") if rrs else ""}', actions, optional)

    def rings(self, *statuses: int) -> None:
        """Provisionals that may come or not."""
        for status in statuses or RINGS:
            self.hears(status, optional=True)

    def _pauses(self, method: str) -> None:
        """Two messages that follow each other at once may pass each other on the way, by two workers or by UDP itself.
        A phone can take that; sipp, which knows one order only, cannot.
        """
        if method not in ("ACK", "CANCEL"):
            self.waits(PAUSE)

    def waits(self, milliseconds: int) -> None:
        self.steps.append(f'<pause milliseconds="{milliseconds}"/>')

    def _checks(self, headers: Mapping[str, str]) -> list[str]:
        found = []
        for name, pattern in headers.items():
            self.variables += 1
            where = 'search_in="body"' if name == "body" else f'search_in="hdr" header="{name.replace("_", "-")}:"'
            found.append(f'<ereg regexp={quoteattr(pattern)} {where} check_it="true" assign_to="{10 + self.variables}"/>')
        return found

    def _recv(self, what: str, actions: Sequence[str], optional: bool) -> None:
        more = ' optional="true"' if optional else ""
        self.steps.append(f"<recv {what}{more}>{'<action>' + ''.join(actions) + '</action>' if actions else ''}</recv>")

    def xml(self) -> str:
        text = "\n".join(self.steps)
        # sipp refuses variables that are set and never read.
        unread = {name for name in re.findall(r'assign_to="(\d+)"', text) if f"[${name}]" not in text}
        reference = f'<Reference variables="{",".join(sorted(unread, key=int))}"/>' if unread else ""
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{self.name}">\n{text}\n{reference}\n</scenario>\n'


def _program(script: Script, me: Address, folder: Path, *more: str) -> tuple[list[str], Path]:
    path, statistics = folder / f"{script.name}.xml", folder / f"{script.name}.csv"
    path.write_text(script.xml())
    command = [
        "sipp", "-sf", str(path), "-i", me.host, "-p", str(me.port), "-t", "u1", "-nostdin", "-trace_stat", "-stf", str(statistics),
        "-fd", "1", "-trace_err", "-error_file", str(statistics.with_suffix(".errors")), "-recv_timeout", f"{SECONDS * 500:.0f}", *more,
    ]  # fmt: skip
    return command, statistics


def played(
    caller: Script, callee: Script | None, me: Address, pbx: Address, proxy: Address, folder: Path, *, calls: int = 3
) -> tuple[Statistics, Statistics | None]:
    """Both sides of `calls` calls. Raises ProgramError with what sipp found wrong."""
    errors = [folder / f"{one.name}.errors" for one in (caller, callee) if one is not None]
    try:
        if callee is None:
            return _called(caller, me, proxy, folder, calls), None
        command, statistics = _program(callee, pbx, folder, "-m", str(calls), "-timeout", f"{2 * SECONDS:.0f}")
        with Program(callee.name, command, folder) as program:
            program.ready(lambda: bound(pbx))
            ours = _called(caller, me, proxy, folder, calls)
            program.finished(SECONDS)
        theirs = read(statistics)
        if theirs.successful != calls or theirs.failed or theirs.unexpected:
            raise ProgramError(f"{callee.name}: {theirs}")
        return ours, theirs
    except ProgramError as error:
        said = "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[:3000]}" for path in errors if path.exists())
        raise ProgramError(f"{error}\n{said}") from None


def _called(script: Script, me: Address, proxy: Address, folder: Path, calls: int) -> Statistics:
    command, statistics = _program(script, me, folder, "-m", str(calls), "-r", "20", "-timeout", f"{SECONDS:.0f}", str(proxy))
    with Program(script.name, command, folder) as program:
        program.finished(SECONDS + 10)
    found = read(statistics)
    if found.successful != calls or found.failed or found.unexpected:
        raise ProgramError(f"{script.name}: {found}")
    return found
