"""Names, folds and comma lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.errors import ParseError
from proxy.sip.headers import CANON, COMPACT, MEMO_LENGTH, MEMO_NAMES, canonical, first_of, split_list, unfold, value_of


@pytest.mark.req("SIP-019", "STI-020", "TRAP-24")
@pytest.mark.parametrize(
    ("raw", "name"),
    [(b"Via", "via"), (b"v", "via"), (b"V", "via"), (b"VIA \t", "via"), (b"iDenTity ", "identity"), (b"y", "identity"),
     (b"Y", "identity"), (b"n", "n"), (b"X-Odd.%41!", "x-odd.%41!"), (b"Session-Expires", "session-expires"), (b"x", "session-expires")],
)  # fmt: skip
def test_a_name_has_one_spelling(raw: bytes, name: str) -> None:
    assert canonical(raw) == name
    assert canonical(raw) is canonical(raw.lower())


@pytest.mark.parametrize("raw", [b"", b" ", b" Via", b"Vi a", b"Via\0", b"V\xc3\xada", b"(x)", b"Via\r\n ", b"a\tb"])
def test_a_name_that_is_no_token_is_none(raw: bytes) -> None:
    with pytest.raises(ParseError):
        canonical(raw)
    assert raw not in CANON


@pytest.mark.req("SIP-106")
def test_strangers_cannot_make_the_memo_grow() -> None:
    canonical(b"X" * (MEMO_LENGTH + 1))
    assert b"X" * (MEMO_LENGTH + 1) not in CANON
    before = dict(CANON)
    try:
        for number in range(MEMO_NAMES + 10):
            assert canonical(b"X-Flood-%d" % number) == f"x-flood-{number}"
        assert len(CANON) == MEMO_NAMES
        assert all(known in CANON for known in before)
        assert canonical(b"X-After-The-Flood") == "x-after-the-flood"
    finally:
        CANON.clear()
        CANON.update(before)


def test_each_compact_name_stands_for_another() -> None:
    assert len(set(COMPACT.values())) == len(COMPACT) == 19


@pytest.mark.req("SIP-020", "TRAP-25")
@pytest.mark.parametrize(
    ("line", "value"),
    [(b"A: b", b"b"), (b"A:b", b"b"), (b"A :\r\n b", b"b"), (b"A: b \r\n\t c", b"b c"), (b"A:", b""), (b"A: \t ", b""), (b"A: b:c", b"b:c"),
     (b"A: b\r\n \r\n c", b"b c"), (b"no colon", b"")],
)  # fmt: skip
def test_a_fold_is_one_space(line: bytes, value: bytes) -> None:
    assert value_of(line) == value
    assert unfold(line.partition(b":")[2]) == value


@pytest.mark.req("SIP-021", "TRAP-22")
@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"a", [b"a"]),
        (b"", []),
        (b" , ", []),
        (b"a, b ,c", [b"a", b"b", b"c"]),
        (b"a,,b,", [b"a", b"b"]),
        (b'"x, y" <sip:a,b@c>;p, <sip:d>', [b'"x, y" <sip:a,b@c>;p', b"<sip:d>"]),
        (rb'"x\", y", z', [rb'"x\", y"', b"z"]),
        (b'a, "never closed, b', [b"a", b'"never closed, b']),
        (b"a < b, c", [b"a < b", b"c"]),
        (b'<sip:"a>, b', [b'<sip:"a>', b"b"]),
    ],
)
def test_commas_in_quotes_and_brackets_do_not_separate(value: bytes, parts: list[bytes]) -> None:
    assert split_list(value) == parts
    if parts and value[:1] != b" ":
        assert value[: first_of(value)].strip() == parts[0]


@given(st.lists(st.sampled_from([b",", b'"', b"\\", b"<", b">", b"a", b" ", b"\r\n "]), max_size=30).map(b"".join))
def test_any_octets_are_some_list_and_nothing_is_lost(value: bytes) -> None:
    parts = split_list(value)
    assert all(part in value for part in parts)
    assert sum(map(len, parts)) + value.count(b",") + value.count(b" ") >= len(value)
    assert 0 <= first_of(value) <= len(value)


def test_a_long_list_of_open_quotes_and_brackets_takes_no_time() -> None:
    for part in (b'"\\', b"<", b'",', b"<,", b"a,"):
        split_list(part * 20_000)
