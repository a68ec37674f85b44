"""The dates of signed calls: one form is read, one is written, and neither follows the machine's language."""

from __future__ import annotations

import locale
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.screening.dates import sip_date, sip_date_line

NEW_YEAR = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.fixture
def foreign() -> Iterator[str]:
    """A machine whose months have other names, where it knows such a language."""
    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "tr_TR.UTF-8", "C.UTF-8"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:
            continue
    yield name
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.req("TRAP-76", "STI-046")
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", NEW_YEAR),
        ("  Thu, 01 Jan 2026 00:00:00 GMT ", NEW_YEAR),
        ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940.0),
        # Other zones, other names for this one, other forms of RFC 2616, and what is none at all.
        ("Thu, 01 Jan 2026 00:00:00 UTC", None),
        ("Thu, 01 Jan 2026 00:00:00 EST", None),
        ("Thu, 01 Jan 2026 00:00:00 +0000", None),
        ("Thu, 01 Jan 26 00:00:00 GMT", None),
        ("Thursday, 01-Jan-26 00:00:00 GMT", None),
        ("Thu Jan  1 00:00:00 2026", None),
        ("Do, 01 Januar 2026 00:00:00 GMT", None),
        ("Thu, 32 Jan 2026 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 24:00:00 GMT", None),
        ("Thu, 01 Jan 1969 00:00:00 GMT", None),
        ("", None),
        ("not a date", None),
    ],
)
def test_a_date_has_one_form_and_one_zone(text: str, utc: float | None, foreign: str) -> None:
    assert sip_date(text) == utc


@pytest.mark.req("TRAP-76")
def test_what_we_write_is_in_the_words_of_the_standard_in_any_language(foreign: str) -> None:
    assert sip_date_line(NEW_YEAR) == b"Date: Thu, 01 Jan 2026 00:00:00 GMT"


@given(st.integers(0, 4_000_000_000))
def test_what_we_write_we_read(utc: int) -> None:
    assert sip_date(sip_date_line(float(utc)).decode().removeprefix("Date: ")) == utc
