"""How long an answer is fresh: a table of headers, and whatever else a stranger may write into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.freshness import MAX_SECONDS, lifetime

UTC = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the moment of RFC 9110's examples."""
NOW = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 09:49:37 GMT"


@pytest.mark.req("STI-072")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=3600"}, 3600),
        ({"Cache-Control": "public, max-age=3600, must-revalidate"}, 3600),
        ({"Cache-Control": 'MAX-AGE="60"'}, 60),
        ({"Cache-Control": "max-age=60, s-maxage=120"}, 120),
        ({"Cache-Control": "max-age=60, max-age=120"}, 60),
        ({"Cache-Control": "max-age=0"}, 0),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "no-cache, max-age=60"}, 0),
        ({"Cache-Control": "max-age=-1"}, None),
        ({"Cache-Control": "max-age=1.5"}, None),
        ({"Cache-Control": "max-age=٣"}, None),
        ({"Cache-Control": "max-age=99999999999999999999"}, MAX_SECONDS),
        ({"Cache-Control": "max-age=3600", "Age": "600"}, 3000),
        ({"Cache-Control": "max-age=3600", "Age": "7200"}, 0),
        ({"Cache-Control": "max-age=3600", "Age": "old"}, 3600),
        ({"Cache-Control": "max-age=60", "Expires": LATER}, 60),
        ({"Expires": LATER}, 3600),
        ({"Expires": LATER, "Date": NOW, "Age": "60"}, 3540),
        ({"Expires": LATER, "Date": "Sun, 06 Nov 1994 09:19:37 GMT"}, 1800),  # the server's clock, not ours
        ({"Expires": NOW}, 0),
        ({"Expires": "0"}, 0),
        ({"Expires": "Sun, 99 Nov 99999 08:49:37 GMT"}, 0),
    ],
)
def test_what_headers_say_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert lifetime(headers, UTC) == seconds


@given(st.dictionaries(st.sampled_from(["Cache-Control", "Expires", "Date", "Age"]), st.text(max_size=80)))
def test_whatever_is_written_there_is_nothing_or_a_bounded_time(headers: dict[str, str]) -> None:
    found = lifetime(headers, UTC)
    assert found is None or 0 <= found <= MAX_SECONDS
