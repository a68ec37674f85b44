"""Files of campaigns, CSV and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.casebook import Casebook, Trait
from policy.letter import moment
from policy.traits import COLUMNS, parse, written

THEN = moment("2026-01-02")
CSV = """# expected 4
campaign,kind,value,notified,source,family,aliases,first_seen,last_seen,until,confidence,evidence
Parcel-Impers,number,2025550150,2026-01-02,honeypot,,Parcel | Post,2026-01-01,2026-01-02,2026-06-01,,
Parcel-Impers,block,1202555015*,1/2/2026,itg,,,,,,,
Parcel-Impers,words,Parcel  Desk,2026-01-02,,,,,,,,
Parcel-Impers,spc,818h,2026-01-02,,,,,,,medium,"case 7, page 2"
"""
JSON = {
    "expected": 3,
    "campaigns": [
        {
            "id": "Parcel-Impers", "family": "carrier impersonation", "aliases": ["Post"], "until": "2026-06-01",
            "recognisers": {"number": ["+12025550150"], "print": ["pjsip/2.1"]},
            "told": [
                {"source": "honeypot", "notified": "2026-01-02"},
                {"source": "user-report", "notified": "2026-01-02", "recognisers": {"words": ["parcel"]}},
            ],
        }
    ],
}  # fmt: skip


def test_a_table_of_traits_is_read_and_reconciled() -> None:
    found = parse(CSV)
    assert (found.ok, found.reconciled()) == (True, "expected 4, read 4 traits of 1 campaigns")
    first, block, words, spc = found.traits
    assert first == Trait(
        "Parcel-Impers", "number", "12025550150", THEN, "honeypot", "other", ("Parcel", "Post"), moment("2026-01-01"), THEN,
        moment("2026-06-01"),
    )  # fmt: skip
    assert (block.value, block.notified, block.source) == ("1202555015*", THEN, "itg")
    assert words.value == "parcel desk"
    assert (spc.value, spc.confidence, spc.evidence) == ("818H", "medium", "case 7, page 2")
    assert not parse(CSV.replace("expected 4", "expected 5")).ok


def test_a_json_file_says_who_told_of_what() -> None:
    found = parse(json.dumps(JSON))
    assert found.ok
    assert [(one.kind, one.value, one.source) for one in found.traits] == [
        ("number", "12025550150", "honeypot"), ("print", "pjsip/2.1", "honeypot"), ("words", "parcel", "user-report"),
    ]  # fmt: skip
    assert {(one.family, one.aliases, one.until) for one in found.traits} == {
        ("carrier impersonation", ("Post",), moment("2026-06-01"))
    }


@pytest.mark.parametrize("text", [CSV, json.dumps(JSON), json.dumps(JSON["campaigns"])])
def test_what_is_written_reads_the_same(text: str) -> None:
    found = parse(text).traits
    assert found
    again = parse("\n".join(written(found)))
    assert (again.traits, again.ok) == (found, True)
    assert len(Casebook(again.traits)) == len(found)


@pytest.mark.req("REG-018")
@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",number,2025550150,2026-01-02", "no campaign"), ("X,audio,a,2026-01-02", "kind is"), ("X,number,555,2026-01-02", None),
        ("X,number,what,2026-01-02", "not a number"), ("X,number,2025550150,soon", "no date"), ("X,print,,2026-01-02", "no value"),
        ("X,block,1202*,2026-01-02", "seven digits"), ("X,block,12025550150,2026-01-02", "a block is"), ("X,words,a,2026-01-02", "so short"),
        ("X,spc,818H,2026-01-02", "evidence"), ("X,host,cr.example.net,2026-01-02", "evidence"), ("X,trunk,carrier,2026-01-02", "evidence"),
        ("X,spc,8,2026-01-02,,,,,,,,why", "provider code"), ("X,host,https://x/y,2026-01-02,,,,,,,,why", "a host is"),
        ("X,print,a,2026-01-02,,,,,,,low,", "low confidence"), ("X,print,a,2026-01-02,,,,,,,sure,", "confidence is"),
        ("X,print,a,2026-01-02,,,,2026-01-02,2026-01-01,,,", "last seen before"),
    ],
)  # fmt: skip
def test_a_trait_that_cannot_be_read_is_set_apart(row: str, why: str | None) -> None:
    found = parse(",".join(COLUMNS) + "\n" + row + "\n")
    assert [why in one.why for one in found.quarantined] == ([] if why is None else [True]) if why else found.ok


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"), ("[" * 9999, "no JSON"), ("{}", "object with an id"), ("[1]", "object with an id"), ('[{"id": "X"}]', "told"),
        ('[{"id": "X", "told": [{"notified": "2026-01-02"}]}]', "recognisers"), ("campaign,kind\n", "no column value"),
        ('[{"id": "X", "told": [{"notified": "2026-01-02"}], "recognisers": {"number": 5}}]', "recognisers"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_named(text: str, why: str) -> None:
    found = parse(text)
    assert not found.traits
    assert why in found.quarantined[0].why


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_traits_or_set_apart(text: str, headed: bool) -> None:
    found = parse(",".join(COLUMNS) + "\n" + text if headed else text)
    Casebook(found.traits)
    assert parse("\n".join(written(found.traits))).traits == found.traits


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "told", "recognisers", "campaigns", "notified", "number"]), inner, max_size=4), max_leaves=12))
def test_any_json_is_traits_or_set_apart(value: object) -> None:
    Casebook(parse(json.dumps(value)).traits)


@pytest.mark.req("REG-016")
@pytest.mark.parametrize(
    ("campaign", "read"), [("DA 25-123 Utility", True), ("FCC-26-32", True), ("Utility", False), ("DA 25", False), ("XDA 25-1", False)]
)
def test_what_a_notice_tells_of_bears_its_number(campaign: str, read: bool) -> None:
    found = parse(f"campaign,kind,value,notified,source\n{campaign},print,pjsip/2.1,2026-01-02,fcc\n")
    assert (len(found.traits), len(found.quarantined)) == ((1, 0) if read else (0, 1))
    if not read:
        assert "bears its number" in found.quarantined[0].why
