"""What happens in a call after it was let through, each as a conversation of two sipps with a ringwarden between them that
enforces: transfer, hold, other media, early media, forks, refreshes. What the two say to each other arrives as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.stage import Stage
from tests.interop.patient import Ringwarden
from tests.interop.sipps import CALLEE, CALLER, PAUSE, Script, played, sdp

pytestmark = pytest.mark.peer("sipp")
ASSERTED = f"P-Asserted-Identity: <sip:+{CALLER}@carrier.example;user=phone>"
THIRD = "12025550147"


@dataclass
class Between:
    stage: Stage
    ringwarden: Ringwarden
    folder: Path

    def play(self, caller: Script, callee: Script, calls: int = 3) -> None:
        """The carrier calls the PBX."""
        stage = self.stage
        played(caller, callee, stage.carrier, stage.pbx, self.ringwarden.me, self.folder, calls=calls)


@pytest.fixture(scope="module", params=[1, 2], ids=["one-worker", "two-workers"])
def between(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    folder = tmp_path_factory.mktemp("life")
    with Stage(folder) as stage, Ringwarden(stage, folder, mode="enforce", workers=request.param) as ours:
        yield Between(stage, ours, folder)
        assert ours.count("ringwarden_internal_errors_total") == 0


def up(name: str, *lines: str) -> tuple[Script, Script]:
    """A call that is answered, up to the ACK."""
    caller, callee = Script(f"{name}-caller"), Script(f"{name}-callee")
    caller.invites(ASSERTED, *lines)
    callee.gets("INVITE", X_Screen_Verdict="allow")
    callee.answers(180, "Ringing", first=True)
    callee.answers(200, "OK", first=True, body=sdp(40_002))
    caller.rings()
    caller.hears(200, rrs=True, body="40002")
    caller.asks("ACK")
    callee.gets("ACK")
    return caller, callee


def down(caller: Script, callee: Script) -> None:
    """The caller hangs up."""
    caller.asks("BYE")
    callee.gets("BYE")
    callee.answers(200, "OK", contact=False)
    caller.hears(200)


def test_a_call_is_held_and_taken_back_by_either_side(between: Between) -> None:
    caller, callee = up("hold")
    for direction, answered in (("sendonly", "recvonly"), ("sendrecv", "sendrecv")):
        caller.asks("INVITE", body=sdp(direction=direction, version=2))
        callee.gets("INVITE", body=f"a={direction}")
        callee.answers(200, "OK", body=sdp(40_002, answered))
        caller.rings()
        caller.hears(200, body=f"a={answered}")
        caller.asks("ACK")
        callee.gets("ACK")
    for direction, answered in (("inactive", "inactive"), ("sendrecv", "sendrecv")):
        callee.asks_back("INVITE", body=sdp(40_002, direction, version=2))
        caller.gets("INVITE", body=f"a={direction}")
        caller.answers(200, "OK", body=sdp(direction=answered), side="carrier")
        callee.rings()
        callee.hears(200, body=f"a={answered}")
        callee.asks_back("ACK")
        caller.gets("ACK")
    down(caller, callee)
    between.play(caller, callee)


def test_a_reinvite_moves_the_media_and_changes_the_codecs(between: Between) -> None:
    caller, callee = up("media")
    caller.asks("INVITE", "X-Anything: as it was;;,", body=sdp(41_000, codecs="9 101", version=2))
    callee.gets("INVITE", body="m=audio 41000 RTP/AVP 9 101", X_Anything="as it was;;,")
    callee.answers(488, "Not Acceptable Here", "Warning: 304 pbx.example \"no G.722\"")
    caller.rings()
    caller.hears(488, Warning='304 pbx.example "no G.722"')
    caller.asks("ACK", branch="[branch-4]")
    callee.gets("ACK")
    # The call is as it was, and the next offer is taken.
    callee.asks_back("INVITE", body=sdp(41_002, codecs="8", version=3))
    caller.gets("INVITE", body="m=audio 41002 RTP/AVP 8")
    caller.answers(200, "OK", body=sdp(41_000, codecs="8", version=3), side="carrier")
    callee.rings()
    callee.hears(200, body="m=audio 41000 RTP/AVP 8")
    callee.asks_back("ACK")
    caller.gets("ACK")
    down(caller, callee)
    between.play(caller, callee)


def test_a_call_is_transferred(between: Between) -> None:
    caller, callee = up("transfer")
    refer = f"Refer-To: <sip:+{THIRD}@pbx.example?Replaces=a84b%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    callee.asks_back("REFER", refer, f"Referred-By: <sip:+{CALLEE}@pbx.example>")
    caller.gets("REFER", Refer_To=f"<sip:.{THIRD}@pbx.example.Replaces=a84b%3Bto-tag%3D1%3Bfrom-tag%3D2>", Referred_By=CALLEE)
    caller.answers(202, "Accepted", side="carrier")
    callee.hears(202)
    for state, fragment in (("active;expires=60", "SIP/2.0 100 Trying"), ("terminated;reason=noresource", "SIP/2.0 200 OK")):
        caller.asks("NOTIFY", "Event: refer", f"Subscription-State: {state}", body=f"{fragment}\n", kind="message/sipfrag")
        callee.gets("NOTIFY", Event="refer", Subscription_State=state, body=fragment)
        callee.answers(200, "OK")
        caller.hears(200)
    callee.asks_back("BYE")
    caller.gets("BYE")
    caller.answers(200, "OK", contact=False)
    callee.hears(200)
    between.play(caller, callee)
    # And the call that the transfer leads to: a new one, which is screened as any other and keeps what it says.
    replaces = "Replaces: a84b;to-tag=1;from-tag=2"
    caller, callee = Script("target-caller", callee=THIRD), Script("target-callee", callee=THIRD)
    caller.invites(ASSERTED, replaces, f"Referred-By: <sip:+{CALLEE}@pbx.example>")
    callee.gets("INVITE", Replaces="a84b;to-tag=1;from-tag=2", Referred_By=CALLEE, X_Screen_Verdict="allow")
    callee.answers(200, "OK", first=True, body=sdp(40_002))
    caller.rings()
    caller.hears(200, rrs=True)
    caller.asks("ACK")
    callee.gets("ACK")
    down(caller, callee)
    between.play(caller, callee)


def test_early_media_is_heard_and_acknowledged_before_anybody_answers(between: Between) -> None:
    caller, callee = Script("early-caller"), Script("early-callee")
    caller.invites(ASSERTED, "Supported: 100rel", "P-Early-Media: supported")
    callee.gets("INVITE", Supported="100rel", P_Early_Media="supported")
    callee.answers(183, "Session Progress", "Require: 100rel", "RSeq: 4711", "P-Early-Media: sendrecv", first=True, body=sdp(40_002))
    caller.hears(100, optional=True)
    caller.hears(183, rrs=True, RSeq="4711", Require="100rel", P_Early_Media="sendrecv", body="40002")
    caller.asks("PRACK", "RAck: 4711 1 INVITE")
    callee.gets("PRACK", RAck="4711 1 INVITE")
    callee.answers(200, "OK")
    caller.hears(200)
    # The media move before the call is answered (RFC 3311).
    caller.asks("UPDATE", body=sdp(42_000, version=2))
    callee.gets("UPDATE", body="42000")
    callee.answers(200, "OK", body=sdp(42_002, version=2))
    caller.hears(200, body="42002")
    callee.waits(PAUSE)  # the 200 of the UPDATE may come by another worker
    callee.answers(180, "Ringing", first=True)
    callee.answers(200, "OK", first=True)
    caller.rings(180)
    caller.hears(200)
    caller.asks("ACK", cseq=1)
    callee.gets("ACK")
    down(caller, callee)
    between.play(caller, callee)


@pytest.mark.req("SIP-048")
def test_a_downstream_that_forks_rings_twice_and_answers_twice(between: Between) -> None:
    caller, callee = Script("fork-caller"), Script("fork-callee")
    caller.invites(ASSERTED)
    callee.gets("INVITE")
    for status, phrase, tag in ((180, "Ringing", "a"), (180, "Ringing", "b"), (183, "Session Progress", "c")):
        callee.answers(status, phrase, first=True, tag=tag)
    for tag in "ab":
        callee.answers(200, "OK", first=True, tag=tag, body=sdp(40_002), again=False)
    for tag in "ab":
        callee.gets("ACK", To=f"tag=[0-9]+{tag}")
    for tag in "ba":
        callee.gets("BYE", To=f"tag=[0-9]+{tag}")
        callee.answers(200, "OK", contact=False)
    caller.hears(100, optional=True)
    for status, tag in ((180, "a"), (180, "b"), (183, "c")):
        caller.hears(status, To=f"tag=[0-9]+{tag}")
    caller.hears(200, keep_to=1, rrs=True, To="tag=[0-9]+a")
    caller.hears(200, keep_to=2, To="tag=[0-9]+b")
    caller.asks("ACK", to="To:[$1]")
    caller.waits(PAUSE)
    caller.asks("ACK", to="To:[$2]")
    caller.asks("BYE", to="To:[$2]")
    caller.hears(200)
    caller.asks("BYE", to="To:[$1]")
    caller.hears(200)
    between.play(caller, callee)


def test_a_session_is_refreshed_by_either_side(between: Between) -> None:
    caller, callee = Script("refresh-caller"), Script("refresh-callee")
    timer = "Session-Expires: 1800;refresher=uac"
    caller.invites(ASSERTED, "Supported: timer", timer, "Min-SE: 90")
    callee.gets("INVITE", Session_Expires="1800;refresher=uac", Min_SE="90", Supported="timer")
    callee.answers(200, "OK", "Require: timer", timer, first=True, body=sdp(40_002))
    caller.rings()
    caller.hears(200, rrs=True, Session_Expires="1800;refresher=uac", Require="timer")
    caller.asks("ACK")
    callee.gets("ACK")
    caller.asks("UPDATE", "Supported: timer", timer)
    callee.gets("UPDATE", Session_Expires="1800;refresher=uac")
    callee.answers(200, "OK", "Require: timer", timer)
    caller.hears(200, Session_Expires="1800;refresher=uac")
    # Too short for the other side: the 422 and its Min-SE come back, and the next try is longer (RFC 4028 section 6).
    callee.asks_back("INVITE", "Supported: timer", "Session-Expires: 90;refresher=uas", body=sdp(40_002, version=2))
    caller.gets("INVITE", Session_Expires="90;refresher=uas")
    caller.answers(422, "Session Interval Too Small", "Min-SE: 600", side="carrier")
    callee.rings()
    callee.hears(422, Min_SE="600")
    callee.asks_back("ACK", branch="[branch-4]")
    caller.gets("ACK")
    callee.asks_back("INVITE", "Supported: timer", "Session-Expires: 600;refresher=uas", "Min-SE: 600", body=sdp(40_002, version=2))
    caller.gets("INVITE", Session_Expires="600;refresher=uas", Min_SE="600")
    caller.answers(200, "OK", "Require: timer", "Session-Expires: 600;refresher=uas", body=sdp(), side="carrier")
    callee.rings()
    callee.hears(200, Session_Expires="600;refresher=uas")
    callee.asks_back("ACK")
    caller.gets("ACK")
    down(caller, callee)
    between.play(caller, callee)


def test_digits_and_messages_pass_within_a_call(between: Between) -> None:
    caller, callee = up("digits")
    caller.asks("INFO", "Info-Package: dtmf", body="Signal=5\nDuration=160\n", kind="application/dtmf-relay")
    callee.gets("INFO", Content_Type="application/dtmf-relay", Info_Package="dtmf", body="Signal=5")
    callee.answers(200, "OK")
    caller.hears(200)
    callee.asks_back("MESSAGE", body="your turn\n", kind="text/plain")
    caller.gets("MESSAGE", body="your turn")
    caller.answers(200, "OK", contact=False)
    callee.hears(200)
    caller.asks("OPTIONS")
    callee.gets("OPTIONS")
    callee.answers(481, "Call/Transaction Does Not Exist")
    caller.hears(481)
    down(caller, callee)
    between.play(caller, callee)


def test_a_subscription_is_a_dialog_too(between: Between) -> None:
    caller, callee = Script("presence-caller"), Script("presence-callee")
    caller.invites("Event: dialog", "Expires: 60", method="SUBSCRIBE", body="")
    callee.gets("SUBSCRIBE", Event="dialog")
    callee.answers(200, "OK", "Expires: 60", first=True, again=False)
    caller.hears(200, rrs=True, Expires="60")
    callee.asks_back("NOTIFY", "Event: dialog", "Subscription-State: active;expires=60", body="<x/>\n", kind="application/dialog-info+xml")
    caller.gets("NOTIFY", Event="dialog", body="<x/>")
    caller.answers(200, "OK", side="carrier")
    callee.hears(200)
    caller.asks("SUBSCRIBE", "Event: dialog", "Expires: 0")
    callee.gets("SUBSCRIBE", Expires="0")
    callee.answers(200, "OK", "Expires: 0")
    caller.hears(200)
    between.play(caller, callee)


def test_a_forwarded_call_and_a_redirection_keep_their_history(between: Between) -> None:
    caller, callee = Script("history-caller"), Script("history-callee")
    diversion = f"Diversion: <sip:+{THIRD}@pbx.example>;reason=unconditional;counter=1"
    history = f"History-Info: <sip:+{THIRD}@pbx.example>;index=1, <sip:+{CALLEE}@pbx.example;cause=302>;index=1.1;mp=1"
    caller.invites(ASSERTED, diversion, history)
    callee.gets("INVITE", Diversion="reason=unconditional;counter=1", History_Info="index=1.1;mp=1")
    callee.answers(302, "Moved Temporarily", f"Contact: <sip:+{THIRD}@192.0.2.20>;q=0.5", history, first=True, contact=False)
    callee.gets("ACK")
    caller.rings()
    caller.hears(302, Contact=f"<sip:.{THIRD}@192.0.2.20>;q=0.5", History_Info="index=1.1;mp=1")
    caller.asks("ACK", branch="[branch-4]", uri=f"sip:+{CALLEE}@[remote_ip]:[remote_port];user=phone")
    between.play(caller, callee)
