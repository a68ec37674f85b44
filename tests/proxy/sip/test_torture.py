"""The torture messages of RFC 4475 and RFC 5118: what the parser makes of each (tests/vectors/torture/expected.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.sip import address, uri, via
from proxy.sip.edit import Edits, count_down, rebuilt, stamp_via
from proxy.sip.errors import ParseError
from proxy.sip.message import Message, Request, Response
from proxy.sip.parser import check, parse

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "torture"
ROWS: list[dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))["message"]
GOOD = [row for row in ROWS if "parse" not in row and "check" not in row]

FACTS: dict[str, Callable[[Any], Any]] = {
    "method": lambda m: m.method,
    "status": lambda m: m.status,
    "cseq": lambda m: m.cseq.number,
    "max_forwards": lambda m: m.max_forwards,
    "no_max_forwards": lambda m: m.max_forwards is None,
    "from_tag": lambda m: m.from_tag,
    "no_from_tag": lambda m: m.from_tag is None,
    "to_tag": lambda m: m.to_tag,
    "display": lambda m: m.from_.display,
    "user": lambda m: m.uri.user,
    "host": lambda m: m.uri.host,
    "port": lambda m: m.uri.port,
    "scheme": lambda m: m.uri.scheme,
    "branch": lambda m: m.via.branch,
    "cookie": lambda m: m.via.cookie,
    "received": lambda m: m.via.received,
    "via_host": lambda m: m.via.host,
    "last_via_host": lambda m: via.parse(m.values("via")[-1]).host,
    "vias": lambda m: len([via.parse(value) for value in m.values("via")]),
    "contacts": lambda m: len([address.parse(value) for value in m.values("contact")]),
    "proxy_require": lambda m: [value.decode() for value in m.values("proxy-require")],
    "octets": lambda m: len(m.body),
}


def octets(row: dict[str, Any]) -> bytes:
    return (FOLDER / f"{row['name']}.sip").read_bytes()


def named(row: dict[str, Any]) -> str:
    return f"{row['id']}-{row['name']}"


@pytest.mark.req(
    "T-01", "T-02", "T-03", "T-04", "T-05", "T-06", "T-07", "T-08", "T-09", "T-10", "T-11", "T-12", "T-13", "T-14",
    "T-15", "T-16", "T-17", "T-18", "T-19", "T-20", "T-21", "T-22", "T-23", "T-24", "T-25", "T-26", "T-27", "T-28",
    "T-29", "T-30", "T-31", "T-32", "T-33", "T-34", "T-35", "T-36", "T-37", "T-38", "T-39", "T-40", "T-41", "T-42",
    "T-43", "T-44", "T-45", "T-46", "T-47", "T-48", "T-49", "V-01", "V-02", "V-03", "V-04", "V-05", "V-06", "V-07",
    "V-08", "V-09", "V-10", "V-11", "V-12", "TRAP-72", "STI-020",
)  # fmt: skip
@pytest.mark.parametrize("row", ROWS, ids=named)
def test_each_torture_message_is_read_or_refused_as_its_rfc_asks(row: dict[str, Any]) -> None:
    data = octets(row)
    answered = data[:4] != b"SIP/"  # a bad request can be answered, a bad response is dropped
    if "parse" in row:
        with pytest.raises(ParseError) as caught:
            parse(data)
        assert caught.value.status == row["parse"]
        assert (caught.value.partial is not None) == answered
        return
    message = parse(data)
    if "check" in row:
        with pytest.raises(ParseError) as caught:
            check(message)
        assert caught.value.status == row["check"]
        assert (caught.value.partial is message) == answered
        return
    check(message)
    facts = {name: FACTS[name](message) for name in row.keys() & FACTS.keys()}
    assert facts == {name: row[name] for name in facts}


@pytest.mark.req("T-15", "T-21", "T-29", "SIP-016")
@pytest.mark.parametrize("row", [row for row in ROWS if "parse" in row and row["name"] != "bigcode"], ids=named)
def test_a_refused_request_still_tells_where_the_answer_goes(row: dict[str, Any]) -> None:
    with pytest.raises(ParseError) as caught:
        parse(octets(row))
    partial = caught.value.partial
    assert partial is not None
    assert partial.via.host
    assert partial.call_id and partial.cseq


@pytest.mark.req(
    "SIP-002", "SIP-023", "SIP-034", "T-02", "T-07", "T-11", "T-12", "T-25", "T-37", "T-39", "T-40", "T-47", "T-48", "V-07", "V-09"
)  # fmt: skip
@pytest.mark.parametrize("row", GOOD, ids=named)
def test_a_good_torture_message_goes_on_to_the_octet(row: dict[str, Any]) -> None:
    data = octets(row)
    message = parse(data)
    kept = data if row["name"] != "dblreq" else data[: data.index(b"\r\n\r\n") + 4]
    assert rebuilt(message, message.start, (), None) == kept


@pytest.mark.parametrize("row", [row for row in GOOD if "status" not in row], ids=named)
def test_a_forwarded_torture_message_differs_only_where_a_proxy_writes(row: dict[str, Any]) -> None:
    request = parse(octets(row))
    assert isinstance(request, Request)
    edits = Edits()
    stamp_via(request, "192.0.2.77", 5077, edits)
    if request.max_forwards != 0:
        count_down(request, edits)
    sent = parse(rebuilt(request, request.start, (b"Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKours",), edits))
    check(sent)
    assert sent.body == request.body
    assert untouched(sent, skip=1) == untouched(request)
    assert len(sent.values("via")) == len(request.values("via")) + 1
    assert via.parse(sent.values("via")[1]).received == "192.0.2.77"


def untouched(message: Message, skip: int = 0) -> list[bytes]:
    """The lines but Max-Forwards and the first Via, after `skip` lines of ours."""
    pairs = list(zip(message.names, message.lines, strict=True))[skip:]
    vias = [line for name, line in pairs if name == "via"]
    return vias[1:] + [line for name, line in pairs if name not in ("via", "max-forwards")]


@pytest.mark.req("T-08")
def test_what_follows_the_body_of_a_datagram_is_nowhere_to_be_found() -> None:
    message = parse((FOLDER / "dblreq.sip").read_bytes())
    assert b"INVITE" not in rebuilt(message, message.start, (), None)


@pytest.mark.req("T-02", "T-04")
def test_a_nul_cuts_nothing_short() -> None:
    method = parse((FOLDER / "intmeth.sip").read_bytes())
    assert method.to.display == "BEL:\a NUL:\0 DEL:\x7f"
    null = parse((FOLDER / "escnull.sip").read_bytes())
    first, second = (address.parse(value).uri for value in null.values("contact"))
    assert not uri.equal(first, second)


@pytest.mark.req("T-03")
def test_an_escape_is_resolved_once() -> None:
    message = parse((FOLDER / "esc01.sip").read_bytes())
    assert uri.equal(message.to.uri, uri.parse(b"sip:user@example.com"))
    assert uri.unescaped("value%25%34%31") == "value%2541"


@pytest.mark.req("T-18", "T-32", "T-43")
def test_responses_are_read_as_responses() -> None:
    for name in ("unreason", "noreason", "scalarlg", "bcast"):
        assert isinstance(parse((FOLDER / f"{name}.sip").read_bytes()), Response)
    assert parse((FOLDER / "unreason.sip").read_bytes()).start.endswith("простое".encode())


def test_every_row_of_the_tables_has_its_file_and_every_file_its_row() -> None:
    assert {row["name"] for row in ROWS} == {path.stem for path in FOLDER.glob("*.sip")}
    assert set().union(*ROWS) <= {"id", "name", "section", "parse", "check", *FACTS}
    assert [row["id"] for row in ROWS] == [f"T-{n:02}" for n in range(1, 50)] + [f"V-{n:02}" for n in range(1, 13)]
