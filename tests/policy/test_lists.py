"""Number sets and the campaign list: what is in, what is not, and how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import lists
from policy.lists import CampaignList, NumberSet, entry, number, parse_numbers
from policy.told import DAY, Entry, faded

SET = NumberSet.of(
    "12025550100",
    "+1 (202) 555-0101",
    "1202555013*",
    "+44207946*",
    "12025550150-12025550159",
    "999XXXXXXX",
    "+390612*",
    "911",
)


@pytest.mark.req("TRAP-47", "TRAP-48")
@pytest.mark.parametrize(
    ("tn", "inside"),
    [
        ("12025550100", True),
        ("12025550101", True),
        ("12025550102", False),
        ("12025550129", False),
        ("12025550130", True),
        ("12025550139", True),
        ("12025550140", False),
        ("12025550149", False),
        ("12025550150", True),
        ("12025550155", True),
        ("12025550159", True),
        ("12025550160", False),
        ("120255501555", False),  # one digit too many for the range
        ("442079460000", True),
        ("3442079460000", False),  # the prefix inside a longer number of another country
        ("19990000000", True),
        ("19999999999", True),
        ("19980000000", False),
        ("390612345678", True),  # Italy's leading zero is part of the number
        ("39612345678", False),
        ("911", True),
        ("1911", False),
        ("", False),
        (None, False),
    ],
)
def test_a_number_is_in_the_set_or_not(tn: str | None, inside: bool) -> None:
    assert (tn in SET) is inside


def test_sets_can_be_joined_and_counted() -> None:
    one, two = NumberSet.of("12025550100", "1202555012*"), NumberSet.of("12025550110-12025550112")
    assert len(one | two) == 3
    assert all(tn in one | two for tn in ("12025550100", "12025550129", "12025550111"))
    assert len(NumberSet()) == 0


@given(st.lists(st.tuples(st.integers(0, 199), st.integers(0, 199)), max_size=12), st.integers(0, 199))
def test_ranges_may_overlap(pairs: list[tuple[int, int]], probe: int) -> None:
    def name(last: int) -> str:
        return f"12025550{last:03}"

    ranges = tuple((name(min(pair)), name(max(pair))) for pair in pairs)
    assert (name(probe) in NumberSet(ranges=ranges)) is any(min(pair) <= probe <= max(pair) for pair in pairs)


@pytest.mark.req("TRAP-33", "TRAP-34", "TRAP-35")
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2025550123", "12025550123"),
        ("12025550123", "12025550123"),
        ("+12025550123", "12025550123"),
        ("+1-202-555-0123", "12025550123"),
        ("(202) 555.0123", "12025550123"),
        ("202,5550123", "12025550123"),
        ("+442079460000", "442079460000"),
        ("911", "911"),
        ("1202555*", "1202555*"),
        ("+1 202 555 *", "1202555*"),
        ("12025550100-12025550199", ("12025550100", "12025550199")),
        ("2025550100 - 2025550199", ("12025550100", "12025550199")),
        ("+12025550100..+12025550199", ("12025550100", "12025550199")),
        ("202555XXXX", ("12025550000", "12025559999")),
        ("+1202555xxxx", ("12025550000", "12025559999")),
    ],
)
def test_an_item_is_read(text: str, result: str | tuple[str, str]) -> None:
    assert entry(text) == result


@pytest.mark.req("TRAP-34", "TRAP-35", "TRAP-49")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "442079460000",
            "country code",
        ),  # a national number of somewhere, or an international one without plus
        ("5550123", "country code"),
        ("0123456789", "country code"),
        ("202*", "country code"),  # Egypt, or Washington?
        ("*", "not a prefix"),
        ("abc", "not a number"),
        ("+1202555012a", "not a number"),
        ("+", "not a number"),
        ("١٢٠٢٥٥٥٠١٢٣", "not a number"),
        ("+1234567890123456", "7 to 15"),
        ("+0123456789", "7 to 15"),
        ("12025550199-12025550100", "lower to a higher"),
        ("5550100-5550199", "country code"),
        ("1", "country code"),
        ("", "not a number"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        entry(text)


@pytest.mark.req("REG-070")
def test_a_list_file_keeps_its_good_lines_and_names_the_bad_ones() -> None:
    text = "\ufeff# friends\r\n12025550100  # office\r\n\r\n202,5550101\r\nfoo\r\n1202555012*\r\n202*\r\n"
    found, bad = parse_numbers(text)
    assert len(found) == 3
    assert "12025550101" in found
    assert [(item.line, item.text) for item in bad] == [(5, "foo"), (7, "202*")]
    assert str(bad[0]) == "line 5: not a number: 'foo'"


def test_a_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_NUMBERS", 2)
    found, bad = parse_numbers("12025550100\n12025550101\n12025550102\n12025550103\n")
    assert len(found) == 2
    assert [item.line for item in bad] == [3]


@given(st.text(max_size=400))
def test_any_text_gives_a_set_and_a_quarantine(text: str) -> None:
    found, bad = parse_numbers(text)
    assert len(found) + len(bad) <= len(text.splitlines())


@given(st.from_regex(r"\A[2-9][0-9]{9}\Z"))
def test_reading_a_number_twice_changes_nothing(digits: str) -> None:
    once = number(digits)
    assert number(once) == number("+" + once) == once == "1" + digits


def listed(**changes: object) -> CampaignList:
    fields: dict[str, object] = {
        "number": "12025550100",
        "campaign": "Amazon-Impers-P2",
        "notified": 100 * DAY,
    }
    return CampaignList((Entry(**(fields | changes)),))  # type: ignore[arg-type]


@pytest.mark.req("REG-026", "TRAP-95")
@pytest.mark.parametrize(
    ("days", "factor"),
    [
        (0, 1.0),
        (1, 1.0),
        (7, 1.0),
        (8, 22 / 23),
        (18, 12 / 23),
        (29, 1 / 23),
        (30, 0.0),
        (31, 0.0),
        (3000, 0.0),
    ],
)
def test_a_listed_number_weighs_fully_for_a_week_and_nothing_after_thirty_days(
    days: int, factor: float
) -> None:
    for hours in (0, 23.9):
        hit = listed().match("12025550100", (100 + days) * DAY + hours * 3600)
        assert hit is not None
        assert (hit.age_days, hit.weight_factor) == (days, pytest.approx(factor))
    assert faded(days) == pytest.approx(factor)


def test_an_entry_does_not_exist_before_its_notice() -> None:
    assert listed().match("12025550100", 100 * DAY - 1) is None
    assert listed().match("12025550100", 100 * DAY) is not None
    assert listed().recognise("Amazon-Impers-P2", 100 * DAY - 1) is None


def test_a_later_sighting_keeps_an_entry_fresh() -> None:
    hit = listed(last_seen=120 * DAY).match("12025550100", 125 * DAY)
    assert hit is not None
    assert hit.age_days == 5


def test_other_numbers_and_no_number_match_nothing() -> None:
    assert listed().match("12025550101", 101 * DAY) is None
    assert listed().match(None, 101 * DAY) is None
    assert CampaignList().match("12025550100", 0.0) is None


@pytest.mark.req("REG-025")
@pytest.mark.parametrize(
    "label", ["Amazon-Impers-P2", "  amazon-impers-p2 ", "Amazon-lmpers-P2", "AMAZON-IMPERS-P2"]
)
def test_a_campaign_is_recognised_by_its_name_for_months(label: str) -> None:
    for days, factor in ((0, 1.0), (31, 1.0), (433, 1.0), (548, 1.0), (549, 0.0)):
        hit = listed().recognise(label, (100 + days) * DAY)
        assert hit is not None
        assert hit.weight_factor == factor
    assert listed().recognise("Amazon-Impers-P3", 100 * DAY) is None


def test_of_several_entries_the_heaviest_speaks_and_among_equals_the_sure_one() -> None:
    def one(day: int, campaign: str, confidence: str = "high", source: str = "itg") -> Entry:
        return Entry("12025550100", campaign, day * DAY, source=source, confidence=confidence)

    found = CampaignList(
        (
            one(90, "old"),
            one(105, "sure"),
            one(108, "guess", "recovered"),
            one(108, "gossip", source="complaint"),
        )
    )
    for day, campaign in (
        (95, "old"),
        (105, "sure"),
        (108, "sure"),
        (112, "sure"),
        (114, "guess"),
        (120, "guess"),
    ):
        hit = found.match("12025550100", day * DAY)
        assert hit is not None
        assert hit.campaign == campaign, day
    assert len(found) == len(found | CampaignList()) == 4


@given(
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 100),
)
def test_the_timeline_answers_like_looking_at_every_entry(told: list[tuple[int, bool]], today: int) -> None:
    entries = tuple(
        Entry("12025550100", "X", day * DAY, confidence="high" if sure else "low") for day, sure in told
    )
    hit = CampaignList(entries).match("12025550100", today * DAY)
    known = [(faded(today - day), sure) for day, sure in told if day <= today]
    if not known:
        assert hit is None
    else:
        assert hit is not None
        heaviest = max(factor for factor, _ in known)
        assert hit.weight_factor == heaviest
        assert hit.entry.enforceable or (heaviest, True) not in known


ENTRIES = st.builds(
    Entry,
    number=st.just("12025550100"),
    campaign=st.sampled_from(("A", "B")),
    notified=st.integers(0, 60).map(lambda day: day * DAY),
    last_seen=st.just(0.0) | st.integers(0, 70).map(lambda day: day * DAY),
    source=st.sampled_from(("itg", "honeypot", "user-report")),
    confidence=st.sampled_from(("high", "low")),
)


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.lists(st.integers(-DAY, 120 * DAY), min_size=2, max_size=8))
def test_what_a_list_said_before_changes_no_answer(entries: list[Entry], moments: list[int]) -> None:
    known = CampaignList(tuple(entries))
    for utc in (*moments, *(day * DAY for day in range(0, 100, 7)), *moments[::-1]):
        assert known.match("12025550100", utc) == CampaignList(tuple(entries)).match("12025550100", utc)
