"""Redirect mode beside inline mode, both driven by sipp: the same calls pass, are tagged, are blocked, leave signed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import feed, sipp
from benchmarks.stage import Stage
from tests.interop.patient import Ringwarden
from tests.interop.sipps import CALLEE, CALLER, Script, played, sdp
from tests.pace import paced

pytestmark = pytest.mark.peer("sipp")
LISTED, OURS, FAR = "13015550166", "19085550123", "12125550147"


def amend(folder: Path, *more: str) -> Callable[[str], str]:
    """A list to block by, a profile that tags C, and what makes the trunks ask."""

    def changed(text: str) -> str:
        (folder / "deny.txt").write_text(f"{LISTED}\n")
        text = text.replace('mode = "enforce"\n', "\n".join(('mode = "enforce"', 'profile = "told"', *more, "")))
        return f'{text}\n[lists]\ndeny = ["{folder}/deny.txt"]\n[profile.told]\ntags = ["attestation-c"]\n'

    return changed


def token(stage: Stage, caller: str, attest: str) -> str:
    value = stage.signer.identity(
        orig=caller, dest=[CALLEE], iat=int(time.time()), attest=attest, origid="123e4567-e89b-42d3-a456-426655440000"
    )
    return f"Identity: {value.decode()}"


def asserted(number: str) -> str:
    return f"P-Asserted-Identity: <sip:+{number}@carrier.example;user=phone>"


def inline_call(name: str, caller: str, *lines: str) -> Script:
    script = Script(name, caller)
    script.invites(asserted(caller), *lines)
    script.rings()
    return script


def passed(script: Script) -> Script:
    script.hears(200, rrs=True)
    script.asks("ACK")
    script.asks("BYE")
    script.hears(200)
    return script


def callee(name: str, **headers: str) -> Script:
    script = Script(name)
    script.gets("INVITE", **headers)
    script.answers(200, "OK", first=True, body=sdp(40_002))
    script.gets("ACK")
    script.gets("BYE")
    script.answers(200, "OK", contact=False)
    return script


def refused(script: Script, status: int, **headers: str) -> Script:
    script.hears(status, **headers)
    script.asks("ACK", branch="[branch-4]", uri=f"sip:+{CALLEE}@[remote_ip]:[remote_port];user=phone")
    return script


CASES = ("passes", "tagged", "rejected", "signed")


def lines_of(case: str, stage: Stage) -> tuple[str, tuple[str, ...]]:
    """Caller and further header lines of a case: the same call in both modes."""
    return {
        "passes": (CALLER, (token(stage, CALLER, "A"),)),
        "tagged": (CALLER, (token(stage, CALLER, "C"),)),
        "rejected": (LISTED, ()),
        "signed": (OURS, ()),
    }[case]


def test_inline_the_four_calls_pass_are_tagged_refused_and_signed(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage, Ringwarden(stage, tmp_path, mode="enforce", amend=amend(tmp_path)) as ours:
        for case in CASES:
            caller, lines = lines_of(case, stage)
            script = inline_call(f"caller-{case}", caller, *lines)
            here, there = (stage.pbx, stage.carrier) if case == "signed" else (stage.carrier, stage.pbx)
            if case == "rejected":
                played(refused(script, 607, Reason="deny-list"), None, here, there, ours.me, tmp_path, calls=1)
                continue
            wanted = {
                "passes": {"X_Screen_Verdict": "allow", "P_Attestation_Indicator": "A"},
                "tagged": {"X_Screen_Verdict": "tag", "X_Screen_Reason": "attestation-c"},
                "signed": {"Identity": "ppt=shaken"},
            }[case]
            played(passed(script), callee(f"callee-{case}", **wanted), here, there, ours.me, tmp_path, calls=1)


@pytest.mark.parametrize("go_on", [404, 503])
def test_asked_they_are_let_go_on_answered_302_or_603(go_on: int, tmp_path: Path) -> None:
    change = amend(tmp_path, 'shell = "redirect"', f"go_on = {go_on}", 'contact = "192.0.2.20:5070"')

    def asking(text: str) -> str:
        return re.sub(r"\[next_hop\]\n(?:.*\n){2}", "", change(text))  # nobody carries anything

    contact = rf"<sip:\+{CALLEE}@192\.0\.2\.20:5070>"
    told = {"Contact": contact, "X_Screen_Verdict": "tag", "P_Asserted_Identity": "verstat=TN-Validation-Passed"}
    with Stage(tmp_path) as stage, Ringwarden(stage, tmp_path, mode="enforce", amend=asking) as ours:
        for case in CASES:
            caller, lines = lines_of(case, stage)
            script = inline_call(f"asker-{case}", caller, *lines)
            here = stage.pbx if case == "signed" else stage.carrier
            status, wanted = {
                "passes": (go_on, {}),
                "tagged": (302, {**told, "X_Screen_Reason": "attestation-c"}),
                "rejected": (603, {"Reason": "deny-list"}),
                "signed": (302, {"Contact": contact, "Identity": "ppt=shaken", "Date": "GMT"}),
            }[case]
            played(refused(script, status, **wanted), None, here, here, ours.me, tmp_path, calls=1)
        assert ours.count("ringwarden_decisions_total") == len(CASES)


def test_three_hundred_questions_are_answered_in_turn(tmp_path: Path) -> None:
    # As an SBC asks: one after the other, different callers, none of them answered by anybody but us.
    change = amend(tmp_path, 'shell = "redirect"')
    text = (sipp.SCENARIOS / "refused.xml").read_text().replace('response="438"', 'response="404"')
    (tmp_path / "asked.xml").write_text(text)

    def asked(rate: float) -> tuple[sipp.Statistics, float]:
        folder = tmp_path / f"{rate:g}"
        folder.mkdir()
        with Stage(folder) as stage, Ringwarden(stage, folder, mode="enforce", amend=change) as ours:
            path = feed.write(folder / "calls.feed", feed.signed(300, stage.signer, time.time()))
            scenario = str(tmp_path / "asked")
            done = sipp.call(stage.carrier, ours.me, path, calls=300, rate=rate, folder=folder, scenario=scenario)
            return done, ours.count("ringwarden_verify_total", result="passed")

    done, passed = paced(asked, lambda found: found[0].clean and found[1] == 300)
    assert done.clean and done.successful == passed == 300, done
