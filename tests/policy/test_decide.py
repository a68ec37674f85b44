"""What the findings add up to: tables of calls and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.call import Call
from policy.decide import CHECK_OF, ORDER, asked, decide, reason_slugs
from policy.lists import CampaignList
from policy.rulebook import Profile, Rulebook, Velocity
from policy.told import DAY, Entry
from policy.verdict import STRICTNESS, Class
from policy.weights import WEIGHTS
from shaken.verdict import FAILURES, Judgement
from tests.policy.calls import BOOK, CAMPAIGNS, LENIENT, NUMBERS, TODAY, call
from tests.policy.conftest import MakeJudgement

DEMO = Profile("demo", tags=frozenset({"attestation-c"}))
DEMO_BOOK = Rulebook(
    **NUMBERS,
    campaigns=CAMPAIGNS,
    codes={
        slug: FAILURES[slug].code for slug in ("identity-bad-signature", "identity-stale-iat", "identity-orig-mismatch")
    },
    key=b"secret",
)


@pytest.mark.req("REG-011", "TRAP-89", "TRAP-90", "TRAP-95", "STI-070")
@pytest.mark.parametrize(
    ("caller", "signed", "facts", "lenient", "demo", "reason"),
    [
        ("12025550101", "A", {}, "allow", "allow", "none"),
        ("12025550101", "B", {}, "allow", "allow", "none"),
        ("12025550101", "C", {}, "allow", "tag", "attestation-c"),
        ("12025550101", None, {}, "allow", "allow", "none"),
        ("12025550101", "identity-bad-signature", {}, "tag", "reject", "identity-bad-signature"),
        ("12025550101", "identity-stale-iat", {}, "tag", "reject", "identity-stale-iat"),
        ("12025550101", "identity-orig-mismatch", {}, "tag", "reject", "identity-orig-mismatch"),
        ("12025550101", "identity-unreachable", {}, "allow", "allow", "none"),
        ("12025550100", None, {}, "reject", "reject", "campaign-number"),
        ("12025550100", "B", {}, "reject", "reject", "campaign-number"),
        ("12025550100", "A", {}, "tag", "tag", "campaign-proved"),
        ("12025550100", "A", {"attempts": 1000}, "tag", "tag", "campaign-proved"),
        ("911", None, {}, "reject", "reject", "dno-n11"),
        ("911", "A", {}, "reject", "reject", "dno-n11"),
        (None, None, {"caller_kind": "anonymous"}, "allow", "allow", "none"),
        ("12025550120", None, {}, "reject", "reject", "own-number-from-outside"),
        ("12025550167", None, {}, "reject", "reject", "dno-list"),
        ("12025550191", None, {}, "reject", "reject", "deny-list"),
        ("12025550101", None, {"attempts": 31}, "tag", "tag", "velocity-caller"),
        ("12025550111", "identity-bad-signature", {"attempts": 1000}, "allow", "allow", "allow-list"),
        ("12025550110", None, {"attempts": 1000}, "allow", "allow", "psap"),
    ],
)
def test_a_call_gets_its_verdict(
    caller: str | None,
    signed: str | None,
    facts: Mapping[str, object],
    lenient: str,
    demo: str,
    reason: str,
    judged: MakeJudgement,
) -> None:
    one = call(caller, judgement=None if signed is None else judged(signed), **facts)
    verdict = decide(one, BOOK, LENIENT, "enforce")
    assert (verdict.would, verdict.action) == (lenient, lenient)
    showy = decide(one, DEMO_BOOK, DEMO, "enforce")
    assert showy.would == demo
    assert showy.reason == reason
    assert bool(showy.id) is (demo == "reject")


@pytest.mark.req("REG-010")
def test_the_allow_list_outranks_every_block_and_stops_the_checks() -> None:
    for caller in ("12025550166", "12025550190"):
        verdict = decide(call(caller, attempts=1000), BOOK, LENIENT, "enforce")
        assert (verdict.action, verdict.reason, verdict.allowed) == ("allow", "allow-list", True)
        assert [finding.slug for finding in verdict.findings] == ["allow-list"]


@pytest.mark.req("REG-005")
def test_do_not_originate_works_when_scoring_is_off() -> None:
    silent = Rulebook(dno=NUMBERS["dno"], weights=MappingProxyType({}))
    assert decide(call("12025550167"), silent, Profile(tag_at=10**6, reject_at=10**6), "enforce").action == "reject"


@pytest.mark.req("REG-011", "REG-006")
@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), st.integers(1, 200))
def test_identity_alone_never_rejects_whatever_it_weighs(weights: list[int], reject_at: int) -> None:
    heavy = Rulebook(
        weights=dict(zip(("identity", "identity-missing", "verstat"), weights, strict=True)),
        identity_required=True,
    )
    profile = Profile(tag_at=1, reject_at=reject_at)
    for slug in FAILURES:
        one = call(judgement=Judgement(failure=FAILURES[slug]))
        assert decide(one, heavy, profile, "enforce").would in ("allow", "tag")
    assert decide(call(), heavy, profile, "enforce").would in ("allow", "tag")
    assert decide(call(verstat="TN-Validation-Failed"), heavy, profile, "enforce").would in ("allow", "tag")


@pytest.mark.req("REG-006")
def test_authentication_is_taken_into_account_beside_other_evidence(judged: MakeJudgement) -> None:
    book = Rulebook(campaigns=CAMPAIGNS, weights={**WEIGHTS, "campaign": 60})
    assert decide(call("12025550100"), book, LENIENT).would == "tag"
    verdict = decide(call("12025550100", judgement=judged("identity-bad-signature")), book, LENIENT)
    assert (verdict.would, verdict.score, verdict.reason) == ("reject", 90, "campaign-number")


@pytest.mark.req("REG-011", "REG-006")
def test_what_a_signature_says_fills_half_of_the_way_at_most(judged: MakeJudgement) -> None:
    book = Rulebook(campaigns=CAMPAIGNS, weights={**WEIGHTS, "campaign": 30, "identity": 10_000})
    verdict = decide(call("12025550100", judgement=judged("identity-bad-signature")), book, LENIENT, "enforce")
    assert (verdict.would, verdict.score) == ("tag", LENIENT.reject_at // 2 + 30)


def test_a_weak_finding_and_a_bad_signature_do_not_make_a_block(judged: MakeJudgement) -> None:
    bad = judged("identity-bad-signature")
    verdict = decide(call(attempts=31, judgement=bad), BOOK, LENIENT, "enforce")
    assert (verdict.would, verdict.score) == ("tag", 70)


@pytest.mark.req("STI-124")
def test_a_refusal_has_an_identifier_that_belongs_to_its_call() -> None:
    one, again = (decide(call("911"), BOOK, LENIENT, "enforce").id for _ in range(2))
    assert one == again
    assert len(one) == 24
    assert decide(call("911"), Rulebook(key=b"other"), LENIENT, "enforce").id != one


def test_the_score_tells_of_all_findings_and_the_campaign_is_named(judged: MakeJudgement) -> None:
    facts = {"attempts": 31, "judgement": judged("identity-bad-signature")}
    verdict = decide(call("12025550100", **facts), BOOK, LENIENT, "enforce")
    assert [finding.slug for finding in verdict.findings] == [
        "identity-bad-signature",
        "campaign-number",
        "velocity-caller",
    ]
    assert (verdict.score, verdict.campaign, verdict.reason) == (
        170,
        "Utility-SupplyCharges",
        "campaign-number",
    )


@pytest.mark.req("REG-050")
def test_a_call_out_to_a_listed_number_is_tagged_and_refused_if_the_weight_says_so() -> None:
    out = Call(side="pbx", caller="12025550120", callee="12025550166", utc=TODAY)
    assert decide(out, BOOK, LENIENT, "enforce").action == "tag"
    strict = Rulebook(dnc=BOOK.dnc, weights={"dnc-listed": 80})
    assert (verdict := decide(out, strict, LENIENT, "enforce")).action == "reject"
    assert verdict.deciding is not None
    assert verdict.deciding.kind is Class.DUTY


@pytest.mark.req("TRAP-43")
@pytest.mark.parametrize(
    ("tags", "codes", "would"),
    [((), {}, "allow"), (("anonymous",), {}, "tag"), ((), {"anonymous": 433}, "reject")],
)
def test_what_becomes_of_anonymous_callers_is_the_settings_choice(
    tags: tuple[str, ...], codes: dict[str, int], would: str
) -> None:
    one = call(None, caller_kind="anonymous")
    assert decide(one, Rulebook(codes=codes), Profile(tags=frozenset(tags)), "enforce").would == would


@pytest.mark.req("REG-011")
def test_an_operator_can_refuse_unsigned_calls_by_code() -> None:
    assert decide(call(), Rulebook(identity_required=True), LENIENT, "enforce").action == "allow"
    book = Rulebook(identity_required=True, codes={"identity-missing": 428})
    assert decide(call(), book, LENIENT, "enforce").action == "reject"


@pytest.mark.req("REG-026", "TRAP-95")
@pytest.mark.parametrize(
    ("days", "weight", "action"),
    [
        (0, 100, "reject"),
        (1, 100, "reject"),
        (7, 100, "reject"),
        (8, 96, "reject"),
        (12, 78, "tag"),
        (23, 30, "tag"),
        (24, 26, "allow"),
        (29, 4, "allow"),
        (30, 0, "allow"),
        (31, 0, "allow"),
    ],
)
def test_a_number_on_the_list_is_refused_tagged_and_forgotten_with_age(days: int, weight: int, action: str) -> None:
    book = Rulebook(campaigns=CampaignList((Entry("12025550100", "Composed", TODAY - days * DAY),)))
    verdict = decide(call("12025550100"), book, LENIENT, "enforce")
    assert verdict.findings[0].weight == weight
    assert (verdict.action, verdict.score) == (action, weight)


@pytest.mark.req("TRAP-93")
def test_the_reasons_are_a_closed_set_without_repetition() -> None:
    slugs = reason_slugs()
    assert len(slugs) == len(set(slugs))
    assert {"none", "emergency", "campaign-number", "identity-bad-signature", "dno-n11"} <= set(slugs)
    assert len(slugs) < 100


@given(
    caller=st.sampled_from(
        [None, "", "911", "12025550100", "12025550111", "12025550120", "12025550191", "1202", "442079460000"]
    ),
    side=st.sampled_from(["carrier", "pbx"]),
    kind=st.sampled_from(["number", "anonymous", "uri", "invalid"]),
    callee=st.sampled_from([None, "12025550166", "911"]),
    slug=st.sampled_from([None, *FAILURES]),
    verstat=st.sampled_from([None, "TN-Validation-Failed", "x"]),
    recognised=st.one_of(st.none(), st.text(max_size=20)),
    attempts=st.integers(0, 10**6),
    mode=st.sampled_from(["observe", "tag", "enforce"]),
    percent=st.integers(0, 100),
    call_id=st.text(max_size=20),
)
def test_every_call_gets_a_verdict_that_explains_itself(
    caller: str | None,
    side: str,
    kind: str,
    callee: str | None,
    slug: str | None,
    verstat: str | None,
    recognised: str | None,
    attempts: int,
    mode: str,
    percent: int,
    call_id: str,
) -> None:
    judgement = None if slug is None else Judgement(failure=FAILURES[slug])
    one = Call(
        side=side,
        caller=caller,
        caller_kind=kind,
        callee=callee,
        judgement=judgement,
        verstat=verstat,  # type: ignore[arg-type]
        recognised=recognised,
        attempts=attempts,
        call_id=call_id,
        utc=TODAY,
    )
    verdict = decide(one, BOOK, LENIENT, mode, percent)  # type: ignore[arg-type]
    ranks = ["allow", "tag", "reject"]
    assert ranks.index(verdict.action) <= ranks.index(verdict.would)
    assert verdict.reason in reason_slugs()
    assert (verdict.would == "allow") is (verdict.deciding is None or verdict.allowed)
    assert all(finding.slug in reason_slugs() and finding.why for finding in verdict.findings)
    assert mode != "observe" or verdict.action == "allow"


def test_the_order_is_the_written_one() -> None:
    rooms = [check.__module__.rsplit(".", 1)[1] for check in ORDER]
    assert rooms == [
        *("allow", "upstream", "impossible", "subscriber", "country", "identity", "campaign", "complaint", "message"),
        *("caller_id", "optout", "recorded", "reassigned", "dnc", "hours"),
        *("velocity", "pattern", "answers", "reputation", "brand", "caller_name"),
    ]


def test_a_stricter_velocity_is_a_setting() -> None:
    book = Rulebook(velocity=Velocity(3, 10))
    assert [decide(call(attempts=count), book, LENIENT).would for count in (3, 4)] == ["allow", "tag"]


def test_each_side_is_asked_its_own_checks() -> None:
    assert {check.__module__.rsplit(".", 1)[1] for check in asked("pbx")} >= {"identity", "dnc"}
    names = [check.__module__.rsplit(".", 1)[1] for check in asked("carrier")]
    assert names[0] == "allow" and "dnc" not in names
    # Our own numbers, extensions and busy PBX lines are nobody's fault on the way out.
    for caller in ("12025550120", "12025550191", "2177", "911"):
        out = Call(side="pbx", caller=caller, callee="12125550147", attempts=5000, utc=TODAY)
        assert decide(out, BOOK, LENIENT, "enforce").action == "allow"


def test_every_slug_belongs_to_one_check_and_every_action_has_its_rank() -> None:
    assert set(CHECK_OF) == set(reason_slugs()) - {"none", "emergency", "hook", "line-opted-out"}
    assert sorted(STRICTNESS, key=STRICTNESS.__getitem__) == [
        "allow",
        "tag",
        "challenge",
        "divert",
        "honeypot",
        "reject",
    ]


def test_a_book_without_lists_asks_no_check_of_them() -> None:
    empty = Rulebook(brands=frozenset())
    decide(call(), empty, LENIENT)
    asked_of = {check.__module__.rpartition(".")[2] for check in empty.asks["carrier", True, False]}
    assert asked_of.isdisjoint({"allow", "upstream", "subscriber", "campaign", "brand"}) and "impossible" in asked_of
    hidden = decide(Call(caller_kind="anonymous"), empty, LENIENT)
    assert [finding.slug for finding in hidden.findings] == ["anonymous"]
