"""What policy/README.md says is what the code does."""

from __future__ import annotations

import re
from importlib import resources

from policy.call import Call
from policy.decide import ORDER, decide, reason_slugs
from policy.lists import CampaignList, parse_numbers
from policy.rulebook import Profile, Rulebook
from policy.told import DAY, Entry

README = resources.files("policy").joinpath("README.md").read_text(encoding="utf-8")


def test_each_check_has_its_section_in_the_order_of_asking() -> None:
    sections = re.findall(r"^## (\w+)$", README, re.M)
    assert sections == [check.__module__.rsplit(".", 1)[1] for check in ORDER]
    for section in re.split(r"^## ", README, flags=re.M):
        if section.partition("\n")[0] in sections:
            assert all(
                word in section for word in ("*Looks at*", "*Class*", "*Settings*", "*Example*", "*Metric*")
            )


def test_each_slug_is_explained() -> None:
    for slug in reason_slugs():
        assert f"`{slug}`" in README or slug.startswith("identity-") or slug in ("none", "emergency")


def test_the_list_example_is_read_without_a_complaint() -> None:
    example = README.split("```\n+1 202", 1)[1].partition("```")[0]
    found, bad = parse_numbers("+1 202" + example)
    assert len(found) == 6
    assert not bad


def test_the_table_of_ages_is_true() -> None:
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in README.splitlines() if line.startswith("| ")]
    ages, weights, actions = (
        next(row[1:] for row in rows if row[0] == name) for name in ("age in days", "weight", "action")
    )
    for age, weight, action in zip(ages, weights, actions, strict=True):
        book = Rulebook(campaigns=CampaignList((Entry("12025550100", "X", 0.0),)))
        verdict = decide(Call(caller="12025550100", utc=int(age) * DAY), book, Profile(), "enforce")
        assert (str(verdict.score), verdict.action) == (weight, action)
