"""The calls, the lists and the book that the tables of verdicts are about."""

from __future__ import annotations

from policy.call import Call
from policy.dnc import Registry
from policy.lists import CampaignList, NumberSet
from policy.rulebook import Profile, Rulebook
from policy.told import DAY, Entry

TODAY = 19_000 * DAY
NUMBERS = {
    "psap": NumberSet.of("12025550110"),
    "allow": NumberSet.of("12025550111", "12025550166", "12025550190"),
    "own": NumberSet.of("12025550120-12025550129"),
    "dno": NumberSet.of("12025550166", "12025550167"),
    "deny": NumberSet.of("12025550190", "12025550191"),
}
CAMPAIGNS = CampaignList((Entry("12025550100", "Utility-SupplyCharges", TODAY),))
BOOK = Rulebook(**NUMBERS, campaigns=CAMPAIGNS, dnc=Registry(NumberSet.of("12025550166")), key=b"secret")
LENIENT = Profile()


def call(caller: str | None = "12025550101", **facts: object) -> Call:
    facts = {"callee": "12025550199", **facts}
    return Call(caller=caller, call_id="c1@example.com", utc=TODAY + 60, **facts)  # type: ignore[arg-type]
