"""Opt-outs, consent and business relations: what they permit, until when, and over what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.agreements import (
    COLUMNS,
    STOP_WORDS,
    Agreements,
    Consent,
    OptOut,
    Relation,
    months_after,
    parse,
    stop_word,
    written,
)
from policy.told import DAY

US, THEM, OTHER = "12025550100", "12125550147", "12125550148"


def on(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


THEN = on("2026-03-31T12:00:00")


@pytest.mark.req("REG-052")
@pytest.mark.parametrize(
    ("kind", "last"), [("purchase", "2027-09-30T12:00:00"), ("inquiry", "2026-06-30T12:00:00")]
)
def test_a_relation_lasts_18_months_after_a_purchase_and_3_after_an_inquiry(kind: str, last: str) -> None:
    book = Agreements([Relation(US, THEM, THEN, kind)])
    for seconds, related in ((-DAY, True), (0, True), (1, False), (DAY, False)):
        assert book.related(US, THEM, on(last) + seconds) is related
    assert not book.related(US, THEM, THEN - 1)
    assert not book.related(US, OTHER, THEN)
    assert not book.related("12025550101", THEM, THEN)


@pytest.mark.req("REG-051", "REG-060")
def test_a_request_beats_a_relation_at_once_and_is_kept_for_five_years() -> None:
    book = Agreements([Relation("*", THEM, THEN), OptOut("*", THEM, THEN + 60)])
    assert book.related(US, THEM, THEN + 59)
    assert not book.related(US, THEM, THEN + 60)
    assert book.opted_out(US, THEM, on("2031-03-31T12:00:59")) is not None
    assert book.opted_out(US, THEM, on("2031-03-31T12:01:00")) is None
    assert book.opted_out(US, OTHER, THEN + 60) is None


@pytest.mark.req("REG-061")
@pytest.mark.parametrize(
    ("records", "consented"),
    [
        ([Consent(US, THEM, 100.0)], True),
        ([Consent("*", THEM, 100.0)], True),
        ([Consent(OTHER, THEM, 100.0)], False),
        ([Consent(US, THEM, 1001.0)], False),
        ([Consent(US, THEM, 100.0, revoked=1000.0)], False),
        ([Consent(US, THEM, 100.0, revoked=1001.0)], True),
        ([Consent(US, THEM, 100.0, scope="messages")], False),
        ([Consent(US, THEM, 100.0, scope="calls")], True),
        ([Consent(US, THEM, 100.0), OptOut(US, THEM, 500.0)], False),
        ([OptOut(US, THEM, 500.0), Consent(US, THEM, 600.0)], True),
        ([Consent(US, THEM, 100.0), OptOut(OTHER, THEM, 500.0)], True),
        ([Consent(US, THEM, 100.0), OptOut(US, THEM, 500.0, "messages")], True),
        ([], False),
    ],
)
def test_consent_holds_until_it_is_revoked_or_a_later_request(records: list[Consent | OptOut], consented: bool) -> None:
    assert Agreements(records).consented(US, THEM, 1000.0) is consented


@pytest.mark.req("REG-061")
@pytest.mark.parametrize(
    ("text", "word"),
    [
        *((word, word) for word in STOP_WORDS), ("STOP", "stop"), (" Stop. \r\n", "stop"), ("OPT-OUT", "opt out"),
        ("optout", "opt out"), ("Opt  Out!", "opt out"), ("STOP ALL", "stop"), ("stop it or I stop", None), ("", None),
        ("please do not end", None), ("STOP" + " " * 100, None), ("nonstop", None), ("weekend", None),
    ],
)  # fmt: skip
def test_a_message_that_is_a_stop_word_is_a_request(text: str, word: str | None) -> None:
    assert stop_word(text) == word


@given(st.text(max_size=80))
def test_any_message_is_a_stop_word_or_not(text: str) -> None:
    assert stop_word(text) in (None, *STOP_WORDS)


def test_months_end_where_they_end() -> None:
    assert months_after(on("2023-08-31"), 6) == on("2024-02-29")
    assert months_after(on("2024-08-31"), 6) == on("2025-02-28")
    assert months_after(on("2024-12-15"), 1) == on("2025-01-15")


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("optout", "caller,callee,at,scope,how\n*,+12125550147,2026-03-31,any,stop\n", OptOut("*", THEM, on("2026-03-31"), "any", "stop")),
        ("optout", "callee,at\n2125550147,3/31/2026\n", OptOut("*", THEM, on("2026-03-31"))),
        ("consent", "caller,callee,scope,obtained_at,revoked_at\n2025550100,2125550147,calls,2026-03-31T12:00:00,\n", Consent(US, THEM, THEN, None, "calls")),
        ("consent", "\ufeffcallee,obtained,revoked\n2125550147,2026-03-01,2026-03-31\n", Consent("*", THEM, on("2026-03-01"), on("2026-03-31"))),
        ("relations", "caller,callee,kind,at\n,2125550147,Inquiry,2026-03-31\n", Relation("*", THEM, on("2026-03-31"), "inquiry")),
    ],
)  # fmt: skip
def test_files_are_read_and_written_the_same(kind: str, text: str, found: object) -> None:
    records, bad = parse(kind, text)
    assert (records, bad) == ([found], [])
    assert parse(kind, "\n".join(written(kind, records))) == (records, [])


@pytest.mark.parametrize(
    ("kind", "row", "why"),
    [
        ("optout", "*,555,2026-03-31,any,", ""), ("optout", "*,what,2026-03-31,any,", "not a number"),
        ("optout", "*,+12125550147,yesterday,any,", "no date"), ("optout", "*,+12125550147,2026-03-31,some,", "scope"),
        ("consent", "*,+12125550147,2026-03-31,2026-03-30,any", "revoked before"), ("relations", "*,+12125550147,2026-03-31,friend", "kind"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_set_apart(kind: str, row: str, why: str) -> None:
    records, bad = parse(kind, ",".join(COLUMNS[kind]) + "\n" + row + "\n")
    assert (len(records), len(bad)) == ((0, 1) if why else (1, 0))
    assert all(why in one.why for one in bad)


@given(st.sampled_from(sorted(COLUMNS)), st.text(max_size=200))
def test_any_text_is_records_or_set_apart(kind: str, text: str) -> None:
    for given_text in (text, ",".join(COLUMNS[kind]) + "\n" + text):
        records, _ = parse(kind, given_text)
        assert parse(kind, "\n".join(written(kind, records)))[0] == records


def test_what_comes_up_while_a_call_is_judged_is_heard() -> None:
    book, live = Agreements(), Agreements()
    book.live = live
    for grown, at in ((book, THEN), (live, THEN + 60)):
        assert book.opted_out(US, THEM, THEN + 90) == (None if at == THEN else OptOut("*", THEM, THEN))
        grown.add(OptOut("*", THEM, at))
        assert book.opted_out(US, THEM, THEN + 90) == OptOut("*", THEM, at)
    book.live = None
    assert book.opted_out(US, THEM, THEN + 90) == OptOut("*", THEM, THEN)


WHEN = st.floats(0.0, 300 * DAY)
RECORDS = st.one_of(
    st.builds(OptOut, st.sampled_from(("*", US)), st.just(THEM), WHEN, st.sampled_from(("any", "calls", "messages"))),
    st.builds(Consent, st.sampled_from(("*", US, OTHER)), st.just(THEM), WHEN, st.none() | WHEN, st.sampled_from(("any", "calls", "recorded"))),
    st.builds(Relation, st.sampled_from(("*", US)), st.just(THEM), WHEN, st.sampled_from(("purchase", "inquiry"))),
)


@given(st.lists(RECORDS, max_size=5), st.lists(st.tuples(st.sampled_from((US, OTHER, None)), WHEN, st.booleans()), max_size=6), RECORDS)
def test_what_was_asked_before_changes_no_answer(
    records: list[OptOut | Consent | Relation], calls: list[tuple[str | None, float, bool]], late: OptOut | Consent | Relation
) -> None:
    book = Agreements(records)

    def told(book: Agreements, caller: str | None, utc: float) -> tuple[object, ...]:
        return (
            book.opted_out(caller, THEM, utc), book.opted_out(caller, THEM, utc, "messages"), book.consented(caller, THEM, utc),
            book.in_writing(caller, THEM, utc), book.since(caller, THEM, utc), book.related(caller, THEM, utc),
        )  # fmt: skip

    for caller, utc, comes in calls:
        assert told(book, caller, utc) == told(Agreements(records), caller, utc)
        if comes:  # while calls go on
            book.add(late)
            records = [*records, late]
            assert told(book, caller, utc) == told(Agreements(records), caller, utc)
