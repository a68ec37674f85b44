"""Hostile requests of the interface are misuse, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.inventory import Inventory
from proxy.api.asking import MISUSES, Misuse, opened
from proxy.api.signing import Signing
from proxy.api.verification import Verification
from shaken.verify import Rules
from tests.proxy.screening.test_signing import SIGNER

IAT = 1_767_225_600
NAMES = "attest dest iat orig origid ppt div rph sph from to time identity identityHeader identityHeaders protectedHeaders tn uri hi auth".split()
WORDS = st.sampled_from([*NAMES, "shaken", "rph", "A", "12025550123", "psap-callback", "123e4567-e89b-42d3-a456-426655440000", "Resource-Priority:esnet.1", "a.b.c;info=<https://a/b>", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(IAT - 1, IAT + 1) | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(WORDS, below, max_size=6),
    max_leaves=12,
)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_body_raises_anything_but_misuse(octets: bytes) -> None:
    try:
        assert isinstance(opened(octets, "signingRequest"), dict)
    except Misuse as error:
        assert error.message in MISUSES


@pytest.mark.req("API-001", "API-004")
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=10), st.sampled_from(["no", "entitled", "asked"]), st.sampled_from(["atis", "3gpp"]))
async def test_whatever_is_asked_is_answered_or_misuse(asked: dict[str, Any], rights: str, dialect: Any) -> None:
    signing = Signing(rights, lambda: SIGNER, Inventory, lambda: float(IAT))
    verification = Verification(lambda: None, Rules, lambda: 0.0, lambda: float(IAT))
    try:
        assert "signingResponse" in signing.answer(json.dumps({"signingRequest": asked}).encode(), dialect)
    except Misuse as error:
        assert json.dumps(error.body(dialect))
    try:
        answer = await verification.answer(json.dumps({"verificationRequest": asked}).encode(), dialect)
        assert "verificationResponse" in json.loads(json.dumps(answer))
    except Misuse as error:
        assert json.dumps(error.body(dialect))
