from __future__ import annotations

from collections.abc import Callable

import pytest

from policy.call import Call
from policy.casebook import Casebook, Trait
from policy.checks.campaign import SIDES, check
from policy.lists import CampaignList
from policy.rulebook import Rulebook
from policy.told import DAY, Entry
from policy.verdict import Class
from shaken.verdict import Judgement

TODAY = 19_000 * DAY
BOOK = Rulebook(
    campaigns=CampaignList(
        (
            Entry("12025550100", "Amazon-Impers-P2", TODAY),
            Entry("12025550101", "Amazon-Impers-P2", TODAY - 11 * DAY),
            Entry("12025550102", "GovtImpers", TODAY - 900 * DAY),
            Entry("12025550103", "GovtImpers", TODAY, confidence="recovered"),
            Entry("12025550104", "GovtImpers", TODAY, source="complaint"),
        )
    )
)


def call(caller: str, **facts: object) -> Call:
    return Call(caller=caller, utc=TODAY + 3600, **facts)  # type: ignore[arg-type]


@pytest.mark.req("REG-026")
@pytest.mark.parametrize(
    ("caller", "slug", "weight", "ceiling"),
    [
        ("12025550100", "campaign-number", 100, "reject"),
        ("12025550101", "campaign-number", 83, "reject"),
        ("12025550102", "campaign-old", 0, "reject"),
        ("12025550103", "campaign-number", 100, "tag"),  # read with less than certainty
        ("12025550104", "campaign-number", 100, "tag"),  # anybody can complain about anybody
    ],
)
def test_a_listed_number_weighs_by_age_and_by_how_sure_it_is(
    caller: str, slug: str, weight: int, ceiling: str
) -> None:
    finding = check(call(caller), BOOK)
    assert finding is not None
    assert (finding.slug, finding.weight, finding.ceiling) == (slug, weight, ceiling)
    assert finding.campaign in finding.why
    assert finding.kind is (Class.ANALYTICS if weight else Class.NOTE)


@pytest.mark.req("REG-026", "TRAP-95")
def test_a_caller_who_proves_the_number_is_tagged_at_most(judged: Callable[[str], Judgement]) -> None:
    finding = check(call("12025550100", judgement=judged("A")), BOOK)
    assert finding is not None
    assert (finding.slug, finding.weight, finding.ceiling) == ("campaign-proved", 50, "tag")
    assert "proved" in finding.why


@pytest.mark.req("TRAP-89")
@pytest.mark.parametrize("what", ["B", "C", "identity-bad-signature", "identity-stale-iat"])
def test_no_other_signature_excuses_a_listed_number(what: str, judged: Callable[[str], Judgement]) -> None:
    finding = check(call("12025550100", judgement=judged(what)), BOOK)
    assert finding is not None
    assert (finding.slug, finding.weight) == ("campaign-number", 100)


@pytest.mark.req("TRAP-89")
def test_a_recognised_campaign_weighs_whatever_its_number_and_signature(
    judged: Callable[[str], Judgement],
) -> None:
    for what in ("A", "B", "identity-bad-signature"):
        finding = check(call("12025550199", recognised="amazon-impers-p2", judgement=judged(what)), BOOK)
        assert finding is not None
        assert (finding.slug, finding.weight, finding.campaign) == ("campaign-label", 100, "Amazon-Impers-P2")


def test_the_heavier_of_number_and_name_speaks() -> None:
    both = check(call("12025550101", recognised="Amazon-Impers-P2"), BOOK)
    assert both is not None
    assert both.slug == "campaign-label"
    unknown = check(call("12025550100", recognised="Never-Heard-Of"), BOOK)
    assert unknown is not None
    assert unknown.slug == "campaign-number"


def test_nothing_is_found_about_others() -> None:
    assert check(call("12025550199"), BOOK) is None
    assert check(call("12025550199", recognised="Never-Heard-Of"), BOOK) is None
    assert check(Call(caller=None, caller_kind="anonymous", utc=TODAY), BOOK) is None


@pytest.mark.req("TRAP-95")
def test_the_holder_of_a_spoofed_number_may_still_call_out() -> None:
    assert SIDES == ("carrier",)


def traits(*told: Trait) -> Rulebook:
    return Rulebook(casebook=Casebook(told))


NUMBER, PRINT, WORDS = (
    Trait("Parcel-Impers", "number", "12025550105", TODAY),
    Trait("Parcel-Impers", "print", "pjsip/2.1", TODAY, "honeypot"),
    Trait("Parcel-Impers", "words", "parcel", TODAY, "user-report"),
)


@pytest.mark.parametrize(
    ("book", "weight", "ceiling"),
    [
        (traits(NUMBER), 100, "tag"),
        (traits(NUMBER, PRINT), 100, "reject"),
        (traits(PRINT), 40, "tag"),
        (traits(PRINT, WORDS), 80, "reject"),
    ],
)
def test_traits_of_a_campaign_weigh_together(book: Rulebook, weight: int, ceiling: str) -> None:
    finding = check(call("12025550105", print="pjsip/2.1", display_name="Parcel desk"), book)
    assert finding is not None
    assert (finding.slug, finding.weight, finding.ceiling) == ("campaign-traits", weight, ceiling)
    assert finding.campaign == "Parcel-Impers" and "bears traits of Parcel-Impers" in finding.why


@pytest.mark.req("TRAP-95")
def test_who_proves_the_number_is_not_refused_for_its_traits(judged: Callable[[str], Judgement]) -> None:
    finding = check(call("12025550105", print="pjsip/2.1", judgement=judged("A")), traits(NUMBER, PRINT))
    assert finding is not None
    assert (finding.weight, finding.ceiling) == (50, "tag")


@pytest.mark.parametrize(
    ("sources", "ceiling"),
    [
        (("itg",), "reject"), (("operator",), "reject"), (("honeypot",), "tag"), (("user-report", "complaint"), "tag"),
        (("honeypot", "user-report"), "reject"), (("honeypot", "honeypot"), "tag"),
    ],
)  # fmt: skip
def test_a_listed_number_is_refused_after_two_independent_sources(sources: tuple[str, ...], ceiling: str) -> None:
    known = CampaignList(tuple(Entry("12025550105", "X", TODAY, source=source) for source in sources))
    finding = check(call("12025550105"), Rulebook(campaigns=known))
    assert finding is not None and (finding.weight, finding.ceiling) == (100, ceiling)


def test_a_campaign_is_known_by_its_aliases_too() -> None:
    known = CampaignList((Entry("12025550105", "Parcel-Impers", TODAY),))
    other = Trait("Parcel-Impers", "print", "other", TODAY, aliases=("Post Office Scam",))
    one = call("12025550106", recognised="post office  scam")
    assert check(one, Rulebook(campaigns=known)) is None
    finding = check(one, Rulebook(campaigns=known, casebook=Casebook([other])))
    assert finding is not None and (finding.slug, finding.campaign) == ("campaign-label", "Parcel-Impers")
