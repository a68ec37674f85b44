"""Months of memory: it decays, is bounded, and never rests on itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.reputation import ENOUGH, HALF_LIFE, Memory, Reputation, together
from policy.verdict import Class, Finding, Verdict

BAD = Verdict(findings=(Finding("campaign-number", Class.ANALYTICS, 100, "listed"),))
GOOD = Verdict()


def lived(reputation: Reputation, call: Call, bad: int, good: int) -> None:
    for at in range(bad + good):
        reputation.note_verdict(call, BAD if at < bad else GOOD)


def test_a_standing_needs_evidence_and_tells_the_share() -> None:
    reputation, call = Reputation(), Call(trunk="carrier", utc=1000.0)
    lived(reputation, call, 10, 39)
    assert reputation.standing(call) is None
    lived(reputation, call, 0, 51)
    standing = reputation.standing(call)
    assert standing is not None
    assert (standing.kind, standing.name, standing.calls) == ("trunk", "carrier", 100.0)
    assert standing.bad == pytest.approx(0.1)


@pytest.mark.req("TRAP-89", "TRAP-90")
def test_good_ends_are_remembered_and_attestation_is_not(judged: object) -> None:
    reputation = Reputation()
    call = Call(trunk="t", utc=1.0)
    reputation.note_verdict(call, GOOD)
    for duration, status in ((30.0, 200), (29.9, 200), (None, 486)):
        reputation.note_end(call, duration, status)
    assert next(iter(reputation.rows())).good == 1.0
    for level in "ABC":
        reputation.note_verdict(call._replace(judgement=judged(level)), GOOD)  # type: ignore[operator]
    (row,) = reputation.rows()
    assert (row.calls, row.bad) == (4.0, 0.0)


@pytest.mark.parametrize(
    "slug", ["reputation-signer", "pattern-sequence", "answers-company", "velocity-caller", "brand-unproved"]
)
def test_estimates_prove_nothing_new(slug: str) -> None:
    reputation = Reputation()
    reputation.note_verdict(Call(trunk="t"), Verdict(findings=(Finding(slug, Class.ANALYTICS, 50, ""),)))
    assert next(iter(reputation.rows())).bad == 0.0


def test_evidence_halves_and_survives_a_restart() -> None:
    reputation, call = Reputation(), Call(trunk="t", utc=0.0)
    lived(reputation, call, 200, 0)
    again = Reputation(reputation.rows())
    later = again.standing(call._replace(utc=HALF_LIFE))
    assert later is not None and later.calls == pytest.approx(100.0)
    assert again.standing(call._replace(utc=4 * HALF_LIFE)) is None  # 12.5 calls are too few to say anything


def test_of_several_the_worst_is_told() -> None:
    rows = [Memory("trunk", "t", 0.0, 100, 10, 0), Memory("print", "p", 0.0, 100, 50, 0)]
    standing = Reputation(rows).standing(Call(trunk="t", print="p"))
    assert standing is not None and standing.kind == "print"


@given(st.lists(st.integers(0, 200), max_size=300))
def test_a_flood_of_names_is_bounded_and_the_well_known_stay(names: list[int]) -> None:
    reputation = Reputation(most=10)
    well = Call(trunk="well-known")
    lived(reputation, well, 30, 30)
    for name in names:
        reputation.note_verdict(Call(trunk=f"t{name}"), GOOD)
        assert len(reputation) <= 10
    assert len(names) > 50 or reputation.standing(well) is not None


@pytest.mark.parametrize("arguments", [{"half_life": 0}, {"most": 0}])
def test_nonsense_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="half-life"):
        Reputation(**arguments)
    assert ENOUGH == 50


def test_records_of_several_workers_are_shared_out_without_loss() -> None:
    rows = [
        Memory("trunk", "a", 0.0, 80.0, 8.0, 40.0), Memory("trunk", "a", HALF_LIFE, 60.0, 6.0, 30.0),
        Memory("signer", "b", 5.0, 9.0, 0.0, 9.0),
    ]  # fmt: skip
    assert together(rows, 2) == [Memory("trunk", "a", HALF_LIFE, 50.0, 5.0, 25.0), Memory("signer", "b", 5.0, 4.5, 0.0, 4.5)]
    again = together(together(rows, 2) * 2)
    assert again == together(rows)
    assert [row.name for row in together((Memory("print", str(at), 0.0, at, 0.0, 0.0) for at in range(9)), most=2)] == ["8", "7"]
