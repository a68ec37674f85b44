"""Impossible combinations are refused with a sentence."""

from __future__ import annotations

import pytest

from policy.decide import reason_slugs
from policy.lint import CLASS_OF, HARMLESS, cautions, lint
from policy.lists import NumberSet
from policy.rulebook import PROVIDERS, Profile, Redress, Rulebook, Velocity
from policy.verdict import Class
from policy.weights import WEIGHTS

REDRESS = Redress(url="https://redress.example.com")
CARD = Redress(url="https://redress.example.com", card="https://redress.example.com/card")


def test_the_default_book_is_fine() -> None:
    assert lint(Rulebook()) == []
    assert cautions(Rulebook()) == []


@pytest.mark.req("REG-007")
def test_what_stops_calls_to_lines_that_opted_out_is_to_be_disclosed_by_a_provider() -> None:
    sure = frozenset({"campaign-number"})
    (said,) = cautions(Rulebook(role="terminating", network_level=sure, redress=REDRESS))
    assert "campaign-number" in said and "64.1200(k)(11)" in said
    assert cautions(Rulebook(network_level=sure)) == [] == cautions(Rulebook(role="terminating", redress=REDRESS))


@pytest.mark.parametrize(
    ("book", "said"),
    [
        (Rulebook(codes={"dno-n11": 200}), "not a refusal; use one of 403, 404, 480, 603"),
        (Rulebook(codes={"dno-n11": 608}), "does not fit the class deterministic"),
        (Rulebook(codes={"campaign-number": 608}), "signed card"),
        (Rulebook(codes={"campaign-number": 608}, redress=REDRESS), "signed card"),
        (Rulebook(redress=Redress(card="http://a.example/card")), "redress card"),
        (Rulebook(codes={"campaign-number": "603+"}), "names a redress contact"),
        (Rulebook(refusals={Class.ANALYTICS: "603+"}), "names a redress contact"),
        (Rulebook(codes={"dno-n11": "603+"}, redress=REDRESS), "does not fit the class deterministic"),
        (Rulebook(refusals={Class.SUBSCRIBER: "603+"}, redress=REDRESS), "refusals.subscriber = 603+: does not fit"),
        (Rulebook(refusals={Class.DUTY: 607}), "refusals.duty = 607: does not fit the class duty"),
        (Rulebook(refusals={Class.NOTE: 200}), "refusals.note = 200: not a refusal"),
        (Rulebook(codes={"dno-n11": 438}), "does not fit the class deterministic"),
        (Rulebook(codes={"dno-n11": 607}), "does not fit the class deterministic"),
        (Rulebook(codes={"campaign-number": 607}), "does not fit the class analytics"),
        (Rulebook(codes={"identity-bad-signature": 607}), "does not fit the class identity"),
        (Rulebook(codes={"dno-n12": 603}), "did you mean dno-n11?"),
        (Rulebook(codes={"zzz": 603}), "no such finding"),
        (Rulebook(codes={"allow-list": 603}), "never refuses a call"),
        (Rulebook(codes={"campaign-proved": 603}), "never refuses a call"),
        (Rulebook(codes={"campaign-old": 603}), "never refuses a call"),
        (Rulebook(profiles={"p": Profile("p", tag_at=0)}), "profile p: tag_at = 0"),
        (Rulebook(profiles={"p": Profile("p", tag_at=50, reject_at=40)}), "below tag_at"),
        (Rulebook(profiles={"p": Profile("p", tags=frozenset({"anonymus"}))}), "did you mean anonymous?"),
        (Rulebook(weights={**WEIGHTS, "identity": -5}), "cannot speak for a caller"),
        (Rulebook(velocity=Velocity(0, 60)), "velocity"),
        (Rulebook(key=bytes(65)), "64 bytes"),
        (Rulebook(network_level=frozenset({"dno-n11"})), "no finding of analytics"),
        (Rulebook(network_level=frozenset({"campain-number"})), "did you mean campaign-number?"),
        (Rulebook(network_level=frozenset({"campaign-proved"})), "no finding of analytics"),
        (Rulebook(redress=Redress(url="http://redress.example.com")), "https"),
        (Rulebook(redress=Redress(url='https://redress.example.com/"x')), "https"),
        (Rulebook(redress=Redress(tel="2025550100")), "plus and country code"),
        (Rulebook(redress=Redress(email='a"b@example.com')), "one address"),
    ],
)
def test_what_cannot_work_is_said(book: Rulebook, said: str) -> None:
    (sentence,) = lint(book)
    assert said in sentence


@pytest.mark.req("REG-013", "TRAP-94")
@pytest.mark.parametrize("role", sorted(PROVIDERS))
def test_a_provider_answers_analytics_603_plus_and_nothing_else(role: str) -> None:
    assert lint(Rulebook(role=role, redress=REDRESS)) == []  # type: ignore[arg-type]
    (missing,) = lint(Rulebook(role=role))  # type: ignore[arg-type]
    assert "names a redress contact" in missing
    for code in (480, 607, 608):
        (other,) = lint(Rulebook(role=role, redress=REDRESS, codes={"campaign-number": code}))  # type: ignore[arg-type]
        assert "47 CFR 64.1200(k)(9)" in other
    (other,) = lint(Rulebook(role=role, redress=REDRESS, refusals={Class.ANALYTICS: 480}))  # type: ignore[arg-type]
    assert "47 CFR 64.1200(k)(9)" in other
    assert lint(Rulebook(role=role, redress=REDRESS, refusals={Class.ANALYTICS: "603+"})) == []  # type: ignore[arg-type]
    assert lint(Rulebook(role=role, redress=REDRESS, codes={"campaign-number": 603})) == []  # type: ignore[arg-type]


def test_fitting_codes_are_accepted() -> None:
    codes = {
        "dno-n11": 404,
        "deny-list": 607,
        "identity-bad-signature": 438,
        "identity-stale-iat": 403,
        "identity-missing": 428,
        "campaign-number": 603,
        "dnc-listed": 603,
        "anonymous": 433,
        "attestation-c": 603,
        "verstat-failed": 438,
    }
    assert lint(Rulebook(codes=codes)) == []
    assert lint(Rulebook(codes={"campaign-number": 608}, redress=CARD)) == []
    assert lint(Rulebook(codes={"campaign-number": "603+"}, refusals={Class.SUBSCRIBER: 486}, redress=CARD)) == []


@pytest.mark.req("REG-011")
def test_a_provider_is_warned_of_refusing_for_signatures() -> None:
    book = Rulebook(role="terminating", redress=REDRESS, codes={"identity-bad-signature": 438})
    assert lint(book) == []
    (caution,) = cautions(book)
    assert "85 FR 56530" in caution


def test_requiring_an_identity_without_a_code_is_noticed() -> None:
    (caution,) = cautions(Rulebook(identity_required=True))
    assert "codes.identity-missing = 428" in caution
    assert cautions(Rulebook(identity_required=True, codes={"identity-missing": 428})) == []


@pytest.mark.req("REG-010")
def test_a_number_that_is_allowed_and_blocked_raises_an_alarm() -> None:
    both = Rulebook(allow=NumberSet.of("12025550166"), dno=NumberSet.of("1202555*"))
    (caution,) = cautions(both)
    assert "allowed wins" in caution
    assert lint(both) == []


def test_every_reason_has_a_class_or_is_harmless() -> None:
    assert set(CLASS_OF) | HARMLESS == set(reason_slugs())


@pytest.mark.parametrize(
    ("book", "said"),
    [
        (Rulebook(checks={"patern": "off"}), "did you mean pattern?"),
        (Rulebook(checks={"allow": "off"}), "always let through"),
        (Rulebook(checks={"allow": "shadow"}), "always let through"),
        (Rulebook(profiles={"p": Profile("p", divert_at=20, divert_to="sip:a@b")}), "between tag_at and reject_at"),
        (Rulebook(profiles={"p": Profile("p", divert_at=50)}), "must be a sip, sips or tel URI"),
        (Rulebook(profiles={"p": Profile("p", divert_at=50, divert_to="http://x")}), "must be a sip, sips or tel URI"),
        (
            Rulebook(
                role="gateway",
                redress=REDRESS,
                profiles={"p": Profile("p", divert_at=50, divert_to="sip:a@b")},
            ),
            "passes calls on",
        ),
        (Rulebook(role="intermediate", redress=REDRESS, codes={"deny-list": 607}), "has no subscribers"),
        (Rulebook(codes={"answers-company": 603}), "never refuses a call"),
        (Rulebook(codes={"reputation-signer": 603}), "never refuses a call"),
    ],
)
def test_checks_diversions_and_roles_that_do_not_fit_are_said(book: Rulebook, said: str) -> None:
    (sentence,) = lint(book)
    assert said in sentence


@pytest.mark.req("REG-004", "REG-010")
def test_duties_of_a_role_that_are_left_out_are_remarked() -> None:
    off = dict.fromkeys(("caller_id", "dnc", "hours"), "off")
    assert len(cautions(Rulebook(role="originating", checks=off))) == 3  # type: ignore[arg-type]
    assert cautions(Rulebook(role="enterprise", checks={**off, "impossible": "off"})) == []  # type: ignore[arg-type]
    (remark,) = cautions(Rulebook(role="terminating", checks={"impossible": "shadow"}))
    assert "64.1200(o)" in remark
