"""The end of a call in the journal."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

from proxy.calls import Calls
from proxy.ongoing import Ongoing
from proxy.record import Story
from proxy.seal import Seal
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.storage.rows import End, Item, Row


def test_a_call_that_ends_in_the_turn_in_which_it_was_answered_has_its_row_first() -> None:
    request = parse(b"INVITE sip:+12025550123@pbx.example.com SIP/2.0\r\nCall-ID: c\r\n\r\n")
    assert isinstance(request, Request)
    kept: list[Item] = []
    calls = Calls.__new__(Calls)
    calls.world = SimpleNamespace(journal=SimpleNamespace(put=kept.append), worker=0, ended_elsewhere=None, following=None)  # type: ignore[assignment]
    calls.ongoing = Ongoing(calls.world)
    calls._done = deque([Story(request=request, flow=Flow(0, "192.0.2.20", 5060), side="carrier", lane=None, arrived=0.0, utc=1000.0, action="allow", status=200)])
    calls._end(b"c", 1000.5, Seal(worker=0, started=1000.0, action="allow"))
    calls.afterwards()
    assert [type(one) for one in kept] == [Row, End]
