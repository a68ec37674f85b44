"""A message and its digest."""

from __future__ import annotations

import pytest

from shaken import msg
from shaken.passport import Passport


def token(**claims: object) -> Passport:
    return Passport({}, b"", b"", "ES256", "passport", "msg", None, 0, "1", None, ("2",), (), None, None, (), claims)


@pytest.mark.req("STI-109")
def test_the_digest_is_that_of_the_body_as_it_is_sent() -> None:
    # echo -n Hello | openssl dgst -sha256 -binary | base64
    assert msg.msgi(b"Hello") == "sha256-GF+NsyJx/iX1Yab8k4suJkMG7DBO2lGAB9F2SCY4GWk"
    assert msg.fault(token(msgi=msg.msgi(b"Hello")), b"Hello") is None
    for claims, body, slug in (
        ({"msgi": msg.msgi(b"Hello")}, b"Hello\n", "identity-msgi-mismatch"),
        ({"msgi": "sha256-x"}, b"Hello", "identity-claims"),
        ({"msgi": msg.msgi(b"")}, None, "identity-unsupported-ppt"),
    ):
        found = msg.fault(token(**claims), body)
        assert found is not None and found[0] == slug
    assert msg.fault(token(), b"") is None
