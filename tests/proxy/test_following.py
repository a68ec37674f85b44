"""What outlives the process does so whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.behaviour import Behaviour
from policy.call import Call
from policy.checks import identity
from policy.reputation import Memory, Reputation
from policy.rulebook import Rulebook
from policy.sources import Sources
from policy.verdict import Verdict
from proxy.following import Following, keep, kept
from shaken.passport import Passport
from shaken.replay import CELLS, Replays
from shaken.verdict import Fact, Judgement

ROW = Memory("trunk", "carrier", 1000.0, 80.0, 4.0, 60.0)


def test_reputations_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "reputation.json"
    assert kept(path) == []
    keep(path, [ROW])
    assert kept(path) == [ROW] and [one.name for one in tmp_path.iterdir()] == ["reputation.json"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[["trunk","a","x",1,1,1]]', "[[1]]", "\xff"])
def test_a_damaged_file_is_a_clear_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "reputation.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises((ValueError, TypeError)):
        kept(path)


def looked(following: Following, call: Call, now: float) -> Call:
    """The call, with what is known of it put in."""
    following.look_up(call, now)
    return call


def test_a_call_is_looked_up_judged_and_ended() -> None:
    following = Following(Behaviour(), Sources(), Reputation())
    call = Call(caller="12025550123", callee="12025550199", trunk="carrier", utc=1000.0)
    for turn in range(3):
        found = looked(following, call, 10.0 + turn)
        following.judged(found, Verdict())
        following.ended(found, None, 486, 11.0 + turn)
    assert found.seen is not None and (found.seen.attempts, found.seen.ended) == (3, 2)
    assert [(row.kind, row.calls) for row in following.reputation.rows()] == [("trunk", 3.0)]


def proved(call_id: str, signature: bytes = bytes(range(64))) -> Call:
    held = Fact.PASS
    token = Passport({}, b"", signature, "ES256", "passport", "shaken", None, 0, "12025550123", None, ("12025550199",), (), "A", None)
    judgement = Judgement(held, held, held, held, held, held, held, passport=token)
    return Call(caller="12025550123", callee="12025550199", trunk="carrier", utc=1000.0, call_id=call_id, judgement=judgement)


@pytest.mark.req("STI-074", "LAB-26")
def test_a_token_on_two_calls_is_seen_and_stays_a_proof() -> None:
    replays = Replays(memoryview(bytearray(CELLS * 8)).cast("Q"))
    following = Following(Behaviour(), Sources(), Reputation(), replays)
    assert not looked(following, proved("a"), 10.0).replayed
    assert not looked(following, proved("a"), 10.1).replayed  # another branch of it
    again = looked(following, proved("b"), 11.0)
    assert again.replayed and again.attestation == "A"
    finding = identity.check(again, Rulebook())
    assert finding is not None and finding.slug == "identity-replayed"
    assert not looked(following, Call(call_id="c"), 12.0).replayed


def test_a_call_that_failed_may_be_tried_again() -> None:
    following = Following(Behaviour(), Sources(), Reputation(), Replays(memoryview(bytearray(CELLS * 8)).cast("Q")))
    for status, seen in ((486, True), (503, False), (408, False)):
        token = bytes([status % 251]) * 64
        call = looked(following, proved("a", token), 10.0)
        following.ended(call, None, status, 11.0)
        assert looked(following, proved("b", token), 12.0).replayed == seen


def ends(status: int, duration: float | None = None, **fields: str) -> tuple[int, float]:
    """How many calls of a customer of ours count as ended, and the share that was in vain, after a hundred that end so."""
    following = Following(Behaviour(), Sources(), Reputation())
    call = Call(side="pbx", trunk="pbx", caller="12025550123", callee="12125550147", print="looks", customer="Ann")._replace(**fields)
    for turn in range(100):
        following.look_up_ours(found := call._replace(), 10.0 + turn)
        following.ended(found, duration, status, 10.5 + turn)
    following.look_up_ours(found := call._replace(), 200.0)
    assert found.seen is None and found.standing is None and not list(following.reputation.rows())
    assert {(one.kind, one.name) for one in found.sources} <= {("customer", "Ann")}
    return (found.sources[0].ended, found.sources[0].wasted) if found.sources else (0, 0.0)


@pytest.mark.parametrize(
    ("status", "duration", "wanted"),
    [
        (486, None, (100, 1.0)),
        (404, None, (100, 1.0)),
        (408, None, (100, 1.0)),
        (200, 2.0, (100, 1.0)),
        (200, 30.0, (100, 0.0)),
        *((status, None, (0, 0.0)) for status in (302, 401, 407, 422, 500, 503)),  # they say nothing of the callee
    ],
)
def test_a_call_of_ours_is_counted_for_its_customer_only(status: int, duration: float | None, wanted: tuple[int, float]) -> None:
    assert ends(status, duration) == wanted


@pytest.mark.parametrize("fields", [{"customer": ""}, {"method": "MESSAGE"}])
def test_nobodys_call_and_a_text_message_are_not_followed(fields: dict[str, str]) -> None:
    assert ends(486, **fields) == (0, 0.0)
