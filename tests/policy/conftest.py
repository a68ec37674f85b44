"""Makers of what a check looks at: judgements without cryptography, books, and the letter."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import pytest

from policy import letter
from shaken.passport import Passport
from shaken.verdict import FAILURES, Fact, Judgement

MakeJudgement = Callable[[str], Judgement]


@pytest.fixture(scope="session")
def judged() -> MakeJudgement:
    """`judged("A")` is a proved token with that attestation; `judged("identity-…")` one that failed so."""

    def make(what: str) -> Judgement:
        if what in FAILURES:
            return Judgement(parsed=Fact.PASS, failure=FAILURES[what], detail=f"it is {what}")
        passport = Passport(
            header={},
            signing_input=b"",
            signature=bytes(64),
            alg="ES256",
            typ="passport",
            ppt="shaken",
            x5u="https://certs.example.com/a.pem",
            iat=0,
            orig_tn="12025550101",
            orig_uri=None,
            dest_tns=("12025550199",),
            dest_uris=(),
            attest=what,
            origid=None,
        )
        held = Fact.PASS
        return Judgement(held, held, held, held, held, held, held, passport=passport)

    return make


@pytest.fixture(scope="session")
def letter_of_2023() -> letter.Table:
    return letter.parse(resources.files("policy").joinpath("data/ftc-2023.csv").read_text(encoding="utf-8"))
