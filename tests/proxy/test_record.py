"""The journal's row of a call that nobody judged: whom it names is written down all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policy.rulebook import Profile
from proxy import cli
from proxy.lab.world import World
from proxy.record import Story, row
from proxy.screening.case import Lane
from proxy.settings import Trunk
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.storage.rows import Row
from proxy.storage.telling import told
from shaken.number import Plan
from shaken.verify import Rules
from tests.proxy.screening.messages import made
from tests.proxy.test_app import call
from tests.waiting import counted, recorded

LANE = Lane(Trunk("carrier", "carrier", (), trust="identity"), "carrier", Plan("1", "202"), Profile(), "enforce", 100, Rules())
FROM, TO = '"Ann" <sip:+12025550100@carrier.example.net>;tag=1', "<sip:+13035550101@pbx.example.com>"
ASSERTED = "P-Asserted-Identity: "


def kept(
    action: str = "bypass", sender: str = FROM, *lines: str, target: str = "sip:+13035550101@pbx.example.com", to: str = TO,
    trust: str = "identity", lane: Lane | None = LANE,
) -> Row:  # fmt: skip
    lane = replace(lane, trunk=replace(lane.trunk, trust=trust)) if lane is not None else None
    request: Request = made(f"INVITE {target}", sender, to, *lines)
    request.forgive()
    emergency = action == "emergency"
    return row(Story(request, Flow(0, "192.0.2.1", 5060), "carrier", lane, 0.0, 1000.0, action, emergency))


@pytest.mark.req("REG-019", "REG-020")
@pytest.mark.parametrize("action", ["bypass", "unscreened", "callback", "fail-open"])
@pytest.mark.parametrize("lane", [LANE, None])
def test_a_call_that_goes_on_unscreened_keeps_both_numbers(action: str, lane: Lane | None) -> None:
    found = kept(action, lane=lane)
    assert (found.caller, found.callee, found.shown, found.asserted) == ("12025550100", "13035550101", "+12025550100", "")
    assert (found.caller_kind, found.caller_field, found.action) == ("number", "From", action)
    assert (found.verify, found.verstat, found.attest, found.signed) == ("", "", "", ""), "nobody has looked at its signature"


@pytest.mark.req("REG-019")
@pytest.mark.parametrize(
    ("sender", "line", "trust", "caller", "field", "asserted"),
    [
        (FROM, "<sip:+12025550177@carrier.example.net>", "identity", "12025550177", "P-Asserted-Identity", "+12025550177"),
        (FROM, "<sip:+12025550177@carrier.example.net>", "none", "12025550100", "From", "+12025550177"),
        (FROM, "<tel:+12025550177>", "identity", "12025550177", "P-Asserted-Identity", "+12025550177"),
        (FROM, '"torn <sip:@@>>', "identity", "12025550100", "From", "@"),
        ("<sip:5550100@carrier.example.net>;tag=1", "", "identity", "12025550100", "From", ""),
        ("<sip:ann@carrier.example.net>;tag=1", "", "identity", "ann", "From", ""),
        ("<sip:anonymous@anonymous.invalid>;tag=1", "", "identity", "anonymous", "From", ""),
        ('"torn <sip:@@>>;tag=1', "", "identity", "", "", ""),
        ('"torn <sip:@@>>;tag=1', "<sip:+12025550177@carrier.example.net>", "identity", "12025550177", "P-Asserted-Identity", "+12025550177"),
    ],
)  # fmt: skip
def test_its_caller_is_whom_a_judged_call_would_have(
    sender: str, line: str, trust: str, caller: str, field: str, asserted: str
) -> None:
    found = kept("bypass", sender, *([ASSERTED + line] if line else []), trust=trust)
    assert (found.caller, found.caller_field) == (caller, field)
    assert not asserted.startswith("+") or found.asserted == asserted


@pytest.mark.parametrize(
    ("target", "to", "callee"),
    [
        ("sip:3035550101@pbx.example.com", TO, "13035550101"),
        ("sip:5550101@pbx.example.com", TO, "12025550101"),
        ("tel:+1-303-555-0101", TO, "13035550101"),
        ("sip:phone@192.0.2.7", TO, "13035550101"),
        ("sip:phone@192.0.2.7", "<sip:bob@pbx.example.com>", "phone"),
        ("sip:phone@192.0.2.7", "<<bob", "phone"),
    ],
)
def test_its_called_number_is_written_in_full_where_there_is_one(target: str, to: str, callee: str) -> None:
    assert kept("bypass", target=target, to=to).callee == callee


def test_what_a_call_failed_open_for_costs_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("proxy.record.who", broken)
    found = kept("fail-open")
    assert (found.action, found.caller, found.shown, found.callee) == ("fail-open", "", "+12025550100", "+13035550101")


@pytest.mark.req("EMG-003")
@pytest.mark.parametrize(("target", "callee"), [("sip:911@x", "911"), ("sip:+1911@x", "+1911"), ("urn:service:sos", "service:sos")])
def test_an_emergency_call_keeps_the_service_as_it_was_dialled_and_who_called_it(target: str, callee: str) -> None:
    found = kept("emergency", target=target)
    assert (found.emergency, found.callee, found.caller, found.would) == (True, callee, "12025550100", "allow")


@pytest.mark.req("REG-020")
async def test_a_traceback_finds_a_call_that_a_bypass_let_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with World(tmp_path) as world:
        assert cli.main(["bypass", "on", "--config", str(world.config)]) == 0
        await counted(world, "ringwarden_bypass", 1)
        sent = call(world, "13015550101")
        assert (await world.carrier.call(sent, world.proxy)).status == 200
        record = await recorded(world.journal, sent.call_id)
        assert record.row.action == "bypass"
        capsys.readouterr()
        asked = ["trace", "--from", "+13015550101", "--to", record.row.callee, "--at", told(record.row.utc)]
        assert cli.main([*asked, "--journal", str(world.journal)]) == 0
        out = capsys.readouterr().out
        assert "1 call(s)" in out and sent.call_id in out and "what became of it: bypass" in out
