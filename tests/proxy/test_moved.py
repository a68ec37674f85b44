"""A redirection is followed to a neighbour of the same side, where that is set, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.emergency import strings
from proxy.lab.calling import Answer
from proxy.lab.phone import Phone
from proxy.lab.world import World
from proxy.moved import MAX_CONTACTS, contacts, follower
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.uri import Uri
from tests.proxy.test_app import call

PBX, OTHER, CARRIER = "192.0.2.20", "192.0.2.21", "198.51.100.7"


def answer(*values: str) -> Response:
    lines = "".join(f"Contact: {value}\r\n" for value in values)
    data = f"SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{lines}Content-Length: 0\r\n\r\n"
    found = parse(data.encode("utf-8", "surrogateescape"))
    assert isinstance(found, Response)
    return found


def follow(response: Response, host: str = PBX, setting: bool = True) -> tuple[bytes, Flow, tuple[bytes, ...]] | None:
    sides = {PBX: "pbx", OTHER: "pbx", CARRIER: "carrier"}
    trunks = {name: SimpleNamespace(name=side, side=side, follow_redirects=setting) for name, side in sides.items()}

    def at_once(uri: Uri) -> Flow | None:
        return Flow(0, uri.host, uri.port or 5060) if uri.host[0].isdigit() else None

    world: Any = SimpleNamespace(
        trunks=SimpleNamespace(find=lambda host, port: trunks.get(host)), resolver=SimpleNamespace(at_once=at_once),
        emergency=strings(()),
    )  # fmt: skip
    context: Any = SimpleNamespace(case=None)
    return follower(world)(context, response, Flow(0, host, 5060))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((f"<sip:200@{OTHER}:5070>",), b"sip:200@192.0.2.21:5070"),
        ((f"<sip:200@{PBX}>",), b"sip:200@192.0.2.20"),
        ((f"<sip:1@{OTHER}>;q=0.2, <sip:2@{OTHER}>;q=0.9", f"<sip:3@{OTHER}>;q=0.5"), b"sip:2@192.0.2.21"),
        ((f"<sip:1@{OTHER}>;q=0.2", f"<sip:2@{OTHER}>"), b"sip:2@192.0.2.21"),
        (("<sip:1@198.18.0.9>", f"<sip:2@{OTHER}>;q=0.1"), b"sip:2@192.0.2.21"),
        ((f"<sip:+19005550100@{CARRIER}>",), None),  # nobody dials out by an answer
        (("<sip:1@198.18.0.9>",), None),
        (("<sip:1@unknown.example.com>",), None),
        (("<tel:+12025550147>",), None),
        ((f"<sip:911@{OTHER}>",), None),
        ((f"<sip:1@{OTHER}?Replaces=a%3Bto-tag%3D1>",), None),
        (("*",), None),
        (("<sip:",), None),
        ((), None),
    ],
)
def test_the_best_contact_that_leads_to_a_neighbour_of_the_same_side_is_called(values: tuple[str, ...], expected: bytes | None) -> None:
    found = follow(answer(*values))
    assert (found and found[0]) == expected
    if found is not None:
        assert found[1].host in (PBX, OTHER) and found[2] == ()


def test_where_it_is_not_set_and_from_a_stranger_it_goes_back() -> None:
    good = answer(f"<sip:200@{OTHER}>")
    assert follow(good) and follow(good, setting=False) is None and follow(good, host="198.18.0.9") is None


def test_no_more_contacts_are_looked_at_than_any_pbx_names() -> None:
    assert len(contacts(answer(*(f"<sip:{number}@{OTHER}>" for number in range(100))))) == MAX_CONTACTS


@pytest.mark.parametrize("setting", [True, False])
async def test_a_pbx_that_sends_a_call_on_to_another_of_ours_is_followed_where_that_is_set(setting: bool, tmp_path: Path) -> None:
    async with Phone(user="other") as other:

        def changed(text: str) -> str:
            head, name, rest = text.partition('name = "pbx"\n')
            rest = re.sub(r'sources = \["', f'sources = ["{other.host}:{other.port}", "', rest, count=1)
            return f"{head}{name}follow_redirects = {str(setting).lower()}\n{rest}"

        async with World(tmp_path, amend=changed) as world:
            lines = (f"Contact: <sip:200@{other.host}:{other.port}>",)
            world.pbx.answers = Answer(302, "Moved Temporarily", rings=False, lines=lines)
            outcome = await world.carrier.call(call(world, "13015550101"), world.proxy)
            assert outcome.status == (200 if setting else 302)
            if setting:
                heard = await other.hears("INVITE", call_id=outcome.call_id)
                assert isinstance(heard.message, Request) and heard.message.target.startswith(b"sip:200@")
                assert heard.header("x-screen-verdict") == "allow", "it is judged once, and says so there too"


@given(st.text(st.characters(blacklist_characters="\r\n", max_codepoint=0x2FF), max_size=60))
def test_any_contact_is_borne(text: str) -> None:
    follow(answer(text, f"<sip:{text}@{OTHER}>;q={text}"))
