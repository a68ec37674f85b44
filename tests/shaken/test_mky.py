"""Keys of the media: read from SDP, in the order of the claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken import mky
from shaken.passport import Passport

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\nm=audio 9 RTP/SAVP 0\r\n"
    b"a=fingerprint:sha-256 02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2\r\n"
    b"a=fingerprint:SHA-1 4a:ad:b9:b1:3f:82:18:3b:54:02:12:df:3e:5d:49:6b:19:e5:7c:ab\r\n"
)


@pytest.mark.req("STI-017", "TRAP-15")
def test_fingerprints_are_upper_case_without_colons_and_sorted_by_algorithm_and_digest() -> None:
    assert mky.claim(SDP) == [
        {"alg": "sha-1", "dig": "4AADB9B13F82183B540212DF3E5D496B19E57CAB"},
        {"alg": "sha-256", "dig": "021ACC5427ABEB9C533F3E4B652E7D463F5442CD54F17A03A27DF9B07F4619B2"},
    ]
    assert mky.claim(SDP.replace(b"\r\n", b"\n")) == mky.claim(SDP) == mky.claim(SDP + SDP)


@given(st.lists(st.sampled_from([b"a=fingerprint:", b"sha-256", b" ", b"AB:", b"AB", b"\r\n", b"x"]), max_size=60))
def test_any_body_is_read(pieces: list[bytes]) -> None:
    found = mky.fingerprints(b"".join(pieces))
    assert len(found) <= mky.MAX_FINGERPRINTS and list(found) == sorted(found, key="".join)


def token(**claims: object) -> Passport:
    return Passport({}, b"", b"", "ES256", "passport", "shaken", None, 0, "1", None, ("2",), (), None, None, (), claims or None)


@pytest.mark.req("STI-017", "TRAP-15")
@pytest.mark.parametrize(
    ("claim", "offered", "slug"),
    [
        ([{"alg": "SHA-256", "dig": "ab:12"}], (("sha-256", "AB12"),), None),
        ([{"alg": "sha-256", "dig": "AB12"}, {"alg": "sha-1", "dig": "CD"}], (("sha-1", "CD"), ("sha-256", "AB12")), None),
        ([{"alg": "sha-256", "dig": "AB12"}], (), "identity-mky-mismatch"),
        ([{"alg": "sha-256", "dig": "AB12"}], (("sha-1", "AB12"),), "identity-mky-mismatch"),
        ([{"alg": "sha-256", "dig": "AB12"}], None, None),
        ([], (), "identity-claims"),
        ({}, (), "identity-claims"),
        ({"a": 1}, (), "identity-claims"),
        ("x", (), "identity-claims"),
        (["x"], (), "identity-claims"),
        ([{"alg": "sha-256"}], (), "identity-claims"),
        ([{"alg": 7, "dig": "AB"}], (), "identity-claims"),
        ([{"alg": "a", "dig": "AB"}] * mky.MAX_FINGERPRINTS, (("a", "AB"),), None),
        ([{"alg": "a", "dig": "AB"}] * (mky.MAX_FINGERPRINTS + 1), (("a", "AB"),), "identity-claims"),
    ],
)
def test_keys_are_compared_whatever_their_spelling(claim: object, offered: tuple[tuple[str, str], ...] | None, slug: str | None) -> None:
    found = mky.fault(token(mky=claim), offered)
    assert (found[0] if found is not None else None) == slug
    assert mky.fault(token(), ()) is None and mky.fault(token(iat=1), ()) is None
