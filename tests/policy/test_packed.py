"""A long table of traced calls answers as the same rows do as entries, and damaged octets stop nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from struct import pack_into

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.lists import CampaignList
from policy.packed import HEAD, MAGIC, PAGE, Packed, Text
from policy.told import DAY, Entry, Hit
from proxy.lists.packing import Packing
from proxy.lists.pardons import Pardon, forgiven

NUMBERS = [f"120255501{last:02}" for last in range(4)] + ["442079460000", "5551234"]
CAMPAIGNS = ["Amazon-Impers", " amazon-lmpers", "Parcel-Impers", "Ünïcode \"quoted\""]
SOURCES = ["itg", "operator", "honeypot", "user-report", "complaint", "elsewhere"]
LABELS = [*CAMPAIGNS, "AMAZON-IMPERS", "unheard of"]


def entry(number: str, notified: float, called: float = 0.0, source: str = "itg", **more: str) -> Entry:
    return Entry(number, more.pop("campaign", "Amazon-Impers"), notified, called, source, **more)


def packed(folder: Path, entries: tuple[Entry, ...], run: int = 500, moments: int = 500) -> CampaignList:
    """The same rows as a file in memory."""
    if not entries:
        return CampaignList()
    return CampaignList(packed=(Packed(memoryview(octets(folder, entries, run, moments))),))


def octets(folder: Path, entries: tuple[Entry, ...], run: int = 500, moments: int = 500) -> bytes:
    with closing(Packing(folder, run, moments)) as packing:
        for one in entries:
            packing.take(
                int(one.number), one.notified, one.last_seen,
                (one.campaign, one.source, one.confidence, one.origin, one.cites),
            )  # fmt: skip
        packing.write(folder / "made.snap")
    return (folder / "made.snap").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packed")


times = st.integers(0, 40).map(lambda day: day * DAY) | st.floats(0, 40 * DAY)
entries = st.lists(
    st.builds(
        Entry,
        st.sampled_from(NUMBERS), st.sampled_from(CAMPAIGNS), times, times | st.just(0.0), st.sampled_from(SOURCES),
        st.sampled_from(["high", "high", "low", "recovered"]), st.sampled_from(["", "seed"]),
        st.sampled_from(["", "16 CFR 310.4(b)(1)(v)"]),
    ),
    max_size=14,
).map(tuple)  # fmt: skip


def answers(known: CampaignList, utc: float) -> list[Hit | None]:
    return [known.match(tn, utc) for tn in NUMBERS] + [known.recognise(name, utc) for name in LABELS]


@settings(max_examples=100, deadline=None)
@given(rows=entries, others=entries, days=st.lists(st.floats(0, 80), min_size=1, max_size=4), small=st.booleans())
def test_it_answers_as_entries_do_and_together_with_them(
    folder: Path, rows: tuple[Entry, ...], others: tuple[Entry, ...], days: list[float], small: bool
) -> None:
    plain, long = CampaignList(rows), packed(folder, rows, *((2, 1) if small else ()))
    assert len(long) == len(plain)
    for tn in NUMBERS:
        assert long.of(tn) == tuple(sorted(plain.of(tn), key=lambda one: one.notified))
    together, both = CampaignList(others) | plain, CampaignList(others) | long
    two = packed(folder, others) | long
    for utc in {day * DAY for day in days} | {one.notified for one in (*rows, *others)}:
        assert answers(long, utc) == answers(plain, utc)
        assert answers(both, utc) == answers(two, utc) == answers(together, utc)


@settings(max_examples=40, deadline=None)
@given(rows=entries, others=entries, when=times, pardoned=st.sets(st.sampled_from(NUMBERS)), day=st.floats(0, 80))
def test_pardons_hold_for_its_numbers(
    folder: Path, rows: tuple[Entry, ...], others: tuple[Entry, ...], when: float, pardoned: set[str], day: float
) -> None:
    pardons = {tn: Pardon(tn, when) for tn in pardoned}
    # Those of one table that were told later go before the rows of the other, which is told only where all else is alike.
    plain = forgiven(CampaignList(others) | CampaignList(rows), pardons)
    long = forgiven(CampaignList(others) | packed(folder, rows), pardons)
    for tn in NUMBERS:
        assert long.match(tn, day * DAY) == plain.match(tn, day * DAY)
        assert sorted(long.of(tn), key=repr) == sorted(plain.of(tn), key=repr)


def test_a_number_with_many_rows_is_found_wherever_its_pages_begin(folder: Path) -> None:
    rows = tuple(
        entry(str(12_025_550_100 + at), float(day))
        for at, many in enumerate((1, PAGE - 1, 1, 3 * PAGE, 2, PAGE, 1, 1))
        for day in range(many)
    )
    plain, long = CampaignList(rows), packed(folder, rows, 300)
    for at in range(-1, 9):
        tn = str(12_025_550_100 + at)
        assert long.match(tn, 5.0) == plain.match(tn, 5.0)
        assert long.match(tn, 1e5) == plain.match(tn, 1e5)
        assert len(long.of(tn)) == len(plain.of(tn))


@pytest.mark.parametrize(
    "caller",
    ["", "anonymous", "+12025550100", " 12025550100", "12025550100 ", "012025550100", "1_2025550100", "-12025550100",
     "1202555010०", "1202555010", "120255501000", "9" * 30, "9" * 5000, "0"],
)  # fmt: skip
def test_what_is_not_written_as_the_number_is_not_it(caller: str, folder: Path) -> None:
    long = packed(folder, (entry("12025550100", 0.0),))
    assert long.match("12025550100", 1.0) is not None
    assert long.match(caller, 1.0) is None
    assert long.of(caller) == ()
    assert long.match(None, 1.0) is None


@pytest.fixture(scope="module")
def good(folder: Path) -> bytes:
    return octets(folder, ROWS)


ROWS = tuple(entry(NUMBERS[at % 4], at * DAY, source=SOURCES[at % 6], campaign=CAMPAIGNS[at % 4]) for at in range(40))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: b"", "too short"),
        (lambda whole: whole[:HEAD], "should be"),
        (lambda whole: whole[:-1], "should be"),
        (lambda whole: whole + b"\0", "should be"),
        (lambda whole: (MAGIC + (1 << 24)).to_bytes(4, "little") + whole[4:], "another version"),
        (lambda whole: MAGIC.to_bytes(4, "big") + whole[4:], "another kind of machine"),
        (lambda whole: whole[:4] + b"\0" * 4 + whole[8:], "empty"),
        (lambda whole: whole[:4] + b"\xff" * 4 + whole[8:], "too much"),
        (lambda whole: whole[:-9] + b"?" + whole[-8:], "text is damaged"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_a_reason(
    damage: Callable[[bytes], bytes], said: str, good: bytes
) -> None:
    with pytest.raises(ValueError, match=said):
        Packed(memoryview(damage(good)))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff", b'{"told":[[1]],"sources":[],"labels":{}}',
        b'{"told":[],"sources":[1],"labels":{}}', b'{"told":[],"sources":[],"labels":[]}',
        b'{"told":[],"sources":[],"labels":{"a":[0]}}', b'{"told":[],"sources":[],"labels":{"a":[0,9]}}',
        b'{"told":[],"sources":[],"labels":{"a":[-1,1]}}', b'{"told":[],"sources":[],"labels":{"a":[2,2]}}',
        b'{"told":[],"sources":[],"labels":{"a":[1e999,2]}}', b'{"told":[],"sources":[],"labels":{"a":["x",2]}}',
    ],
)  # fmt: skip
def test_text_of_another_shape_is_damaged(text: bytes) -> None:
    with pytest.raises(ValueError, match="text is damaged"):
        Text.read(text, 8)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_octets_are_refused_or_tell_what_they_tell_and_never_raise(good: bytes, data: st.DataObject) -> None:
    whole = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 8))
        width = data.draw(st.sampled_from((1, 4, 8)))
        whole[at : at + width] = data.draw(st.binary(min_size=width, max_size=width) | st.just(b"\xff" * width))
    try:
        found = CampaignList(packed=(Packed(memoryview(whole)),))
    except ValueError:
        return
    for utc in (0.0, 20 * DAY, 1e12):
        for one in answers(found, utc):
            assert one is None or 0.0 <= one.weight_factor <= 1.0
    for tn in NUMBERS:
        assert all(one.number == tn for one in found.of(tn))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -1.0, 1e300])
def test_a_row_of_no_time_tells_nothing(value: float, folder: Path) -> None:
    whole = bytearray(octets(folder, (entry("12025550100", 5.0),)))
    long = Packed(memoryview(whole))
    assert long.number("12025550100", 6.0) is not None and long.label("amazon-impers", 6.0) is not None
    pack_into("d", whole, HEAD + 8 * 3, value)  # firsts, numbers, notified, called
    assert long.number("12025550100", 6.0) is None and long.label("amazon-impers", 6.0) is None
    assert long.of("12025550100") == ()
