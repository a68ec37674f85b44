"""Verification case by case (ATIS-1000082's E3 to E19 and the laboratory's), each with slug, code and verstat."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certs.lab import BAD, Authority
from shaken import identity, passport, tnauthlist
from shaken.credential import Anchors, Credential, CredentialFailure, load_chain, validate
from shaken.errors import CredentialError, ParseError
from shaken.hearing import conclude, open_hearing
from shaken.number import Plan, canonical, nanp_fault, party
from shaken.sign import token
from shaken.verdict import FAILURES, Fact, best
from shaken.verify import Claim, Rules, examine, judge

UTC = 1_767_225_600.0
URL = "https://cr.example.net/a.pem"
HEADER = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
CLAIMS = {
    "attest": "A", "dest": {"tn": ["12025550199"]}, "iat": int(UTC), "orig": {"tn": "12025550123"},
    "origid": "123e4567-e89b-42d3-a456-426655440000",
}  # fmt: skip
CLAIM = Claim("12025550123", None, ("12025550199",))
AUTHORITY = Authority(UTC, seed="cases")
LEAF = AUTHORITY.leaf("709J")
ANCHORS = Anchors.of([AUTHORITY.anchors_pem])
CREDENTIAL = validate(URL, LEAF.chain_pem(), ANCHORS, UTC)
GONE = object()


def value(header: dict[str, object] | None = None, claims: dict[str, object] | None = None, params: str = "") -> bytes:
    """An Identity value that is right but for what is given; GONE takes a name away."""
    head = {k: v for k, v in {**HEADER, **(header or {})}.items() if v is not GONE}
    body = {k: v for k, v in {**CLAIMS, **(claims or {})}.items() if v is not GONE}
    return token(LEAF.key, head, body) + (params or f";info=<{URL}>;alg=ES256;ppt=shaken").encode()


@pytest.mark.req("STI-022", "STI-023", "STI-025", "STI-026", "STI-027", "STI-028", "STI-029", "STI-052", "STI-063", "TRAP-25", "TRAP-26", "TRAP-27", "TRAP-28", "LAB-05", "LAB-06", "LAB-15", "STI-073", "API-006", "LAB-07", "LAB-08", "LAB-16", "LAB-17")
@pytest.mark.parametrize(
    ("given_value", "slug", "code", "verstat"),
    [
        (value(params=""), None, None, "TN-Validation-Passed"),
        (value(params=f';info=<{URL}>;ppt="shaken"'), None, None, "TN-Validation-Passed"),
        (value(params=f" ; INFO = <{URL}> ; PPT=shaken;foo=bar"), None, None, "TN-Validation-Passed"),
        (value(claims={"iat": int(UTC) - 61}), "identity-stale-iat", 403, "No-TN-Validation"),
        (value(claims={"iat": int(UTC) + 61}), "identity-stale-iat", 403, "No-TN-Validation"),
        (b".." + value(), "identity-compact", 438, "No-TN-Validation"),
        (value(params=f";info=<{URL}>;ppt=div"), "identity-unsupported-ppt", 438, "No-TN-Validation"),
        (value(params=";alg=ES256;ppt=shaken"), "identity-no-info", 436, "No-TN-Validation"),
        (value(params=f';info="{URL}";ppt=shaken'), "identity-no-info", 436, "No-TN-Validation"),
        (value({"x5u": "http://cr.example.net/a"}, params=";info=<http://cr.example.net/a>"), "identity-bad-url", 436, "No-TN-Validation"),
        (value({"x5u": URL + "?a"}, params=f";info=<{URL}?a>"), "identity-bad-url", 436, "No-TN-Validation"),
        (value({"x5u": URL + "#a"}, params=f";info=<{URL}#a>"), "identity-bad-url", 436, "No-TN-Validation"),
        (value({"x5u": "https://u@cr.example.net/a"}, params=";info=<https://u@cr.example.net/a>"), "identity-bad-url", 436, "No-TN-Validation"),
        (value({"x5u": "https://cr.example.net:22/a"}, params=";info=<https://cr.example.net:22/a>"), "identity-bad-url", 436, "No-TN-Validation"),
        (value({"typ": GONE}), "identity-header-claims", 436, "No-TN-Validation"),
        (value({"x5u": GONE}), "identity-header-claims", 436, "No-TN-Validation"),
        (value(params=";info=<https://CR.example.net/a.pem>;ppt=shaken"), "identity-info-mismatch", 436, "No-TN-Validation"),
        (value({"typ": "jwt"}), "identity-bad-typ", 437, "No-TN-Validation"),
        (value({"alg": "none"}, params=f";info=<{URL}>;ppt=shaken"), "identity-unsupported-alg", 437, "No-TN-Validation"),
        (value({"alg": "HS256"}, params=f";info=<{URL}>;ppt=shaken"), "identity-unsupported-alg", 437, "No-TN-Validation"),
        (value(params=f";info=<{URL}>;alg=es256;ppt=shaken"), "identity-alg-mismatch", 438, "No-TN-Validation"),
        (value({"ppt": "div"}), "identity-ppt-mismatch", 438, "No-TN-Validation"),
        (value({"crit": ["x"]}), "identity-unsupported-crit", 438, "No-TN-Validation"),
        (value(claims={"orig": GONE}), "identity-claims", 438, "No-TN-Validation"),
        (value(claims={"dest": {}}), "identity-claims", 438, "No-TN-Validation"),
        (value(claims={"dest": {"tn": []}}), "identity-claims", 438, "No-TN-Validation"),
        (value(claims={"orig": {"tn": "1", "uri": "sip:a@b"}}), "identity-claims", 438, "No-TN-Validation"),
        (value(claims={"attest": GONE}), "identity-claims", 438, "No-TN-Validation"),
        (value(claims={"origid": "left"}), "identity-claims", 438, "No-TN-Validation"),
        (value(claims={"origid": "123E4567-E89B-42D3-A456-426655440000"}), None, None, "TN-Validation-Passed"),
        (value(claims={"orig": {"tn": "+1-202-555-0123"}, "dest": {"tn": ["+12025550199"]}}), None, None, "TN-Validation-Passed"),
        (b'"Ab+/=="', "identity-legacy", 428, "No-TN-Validation"),
        (value().replace(b".", b".\t", 1), "identity-syntax", 438, "No-TN-Validation"),  # folded inside the token
        (value(params=f";info=<{URL.replace('cr.', 'CR.')}>"), "identity-info-mismatch", 436, "No-TN-Validation"),
        (value(params=f";info=<{URL.replace('a.pem', '%61.pem')}>"), "identity-info-mismatch", 436, "No-TN-Validation"),
        (value(params=f";info=<{URL.replace('/a.pem', ':443/a.pem')}>"), "identity-info-mismatch", 436, "No-TN-Validation"),
        (value(claims={"attest": "D"}), "identity-bad-attest", 438, "No-TN-Validation"),
        (value(claims={"attest": "a"}), "identity-bad-attest", 438, "No-TN-Validation"),
        (value(claims={"orig": {"tn": "12025550124"}}), "identity-orig-mismatch", 438, "TN-Validation-Failed"),
        (value(claims={"dest": {"tn": ["12025550198"]}}), "identity-dest-mismatch", 438, "TN-Validation-Failed"),
        (b"", "identity-syntax", 438, "No-TN-Validation"),
        (f";info=<{URL}>".encode(), "identity-syntax", 438, "No-TN-Validation"),
        (b"{}" + f";info=<{URL}>".encode(), "identity-syntax", 438, "No-TN-Validation"),
        (b"a.b" + f";info=<{URL}>".encode(), "identity-syntax", 438, "No-TN-Validation"),
        (b"x" * 40_000, "identity-too-large", 438, "No-TN-Validation"),
    ],
)
def test_each_case_has_its_slug_code_and_verstat(given_value: bytes, slug: str | None, code: int | None, verstat: str) -> None:
    exam = examine(given_value, CLAIM, Rules(), UTC)
    judgement = judge(exam, CREDENTIAL, UTC)
    assert (judgement.slug, judgement.code, judgement.verstat) == (slug, code, verstat)
    assert judgement.proved == (slug is None)
    # What is wrong without a certificate fetches none: a forged flood makes no connection (STI-059).
    assert (exam.url is None) == (slug is not None)


@pytest.mark.req("STI-022", "TRAP-21")
@pytest.mark.parametrize(
    ("params", "strict", "tolerant"),
    [
        (f";info=<{URL}>;ppt=shaken", None, None),
        (f';info="{URL}";ppt=shaken', "identity-no-info", None),
        (f';info="<{URL}>";ppt=shaken', "identity-no-info", None),
        (f";info={URL};alg=ES256;ppt=shaken", "identity-no-info", None),
        (";info=https://elsewhere.example.net/a.pem;ppt=shaken", "identity-no-info", "identity-info-mismatch"),
        (';info="";ppt=shaken', "identity-no-info", "identity-no-info"),
        (";info;ppt=shaken", "identity-no-info", "identity-no-info"),
        (";ppt=shaken", "identity-no-info", "identity-no-info"),
    ],
)
def test_info_without_brackets_counts_only_where_the_operator_wants_it(params: str, strict: str | None, tolerant: str | None) -> None:
    for bare, slug in ((False, strict), (True, tolerant)):
        assert judge(examine(value(params=params), CLAIM, Rules(bare_info=bare), UTC), CREDENTIAL, UTC).slug == slug


@pytest.mark.req("STI-029", "TRAP-25")
@pytest.mark.parametrize(
    ("octets", "strict", "known"),
    [
        (value(), None, None),
        (value().replace(b".", b". ", 1), "identity-syntax", None),
        (value().replace(b".", b" \t.", 2), "identity-syntax", None),
        (b" ".join([value()[:70], value()[70:140], value()[140:]]), "identity-syntax", None),
        (value().replace(b".", b". \"", 1), "identity-syntax", "identity-syntax"),
        (value().replace(b".", b".\r\n ", 1), "identity-syntax", "identity-syntax"),
        (b" \t ;info=<https://cr.example.net/a.pem>", "identity-syntax", "identity-syntax"),
    ],
)
def test_blanks_inside_a_token_are_taken_out_only_where_a_neighbour_folds_there(octets: bytes, strict: str | None, known: str | None) -> None:
    for folded, slug in ((False, strict), (True, known)):
        assert judge(examine(octets, CLAIM, Rules(folded=folded), UTC), CREDENTIAL, UTC).slug == slug
        hearing = open_hearing((octets, octets), CLAIM, Rules(folded=folded), UTC)
        assert [one.slug for one in conclude(hearing, {URL: CREDENTIAL}, UTC).results] == [slug] * 2


@pytest.mark.req("LAB-01", "LAB-02", "LAB-03")
@pytest.mark.parametrize("level", ["A", "B", "C"])
def test_each_attestation_passes_as_what_it_is(level: str) -> None:
    judgement = judge(examine(value(claims={"attest": level}), CLAIM, Rules(), UTC), CREDENTIAL, UTC)
    assert (judgement.verstat, judgement.attestation, judgement.code) == ("TN-Validation-Passed", level, None)


@pytest.mark.req("STI-060")
def test_the_facts_are_independent_and_the_first_failure_answers() -> None:
    exam = examine(value(claims={"iat": 1, "orig": {"tn": "12025550124"}}), CLAIM, Rules(), UTC)
    assert (exam.fresh, exam.orig, exam.dest) == (Fact.FAIL, Fact.FAIL, Fact.PASS)
    assert judge(exam, CREDENTIAL, UTC).slug == "identity-stale-iat"


@pytest.mark.req("STI-086", "STI-087", "STI-088", "LAB-11", "LAB-12", "LAB-18", "TRAP-10", "TRAP-11")
@pytest.mark.parametrize("bad", [None, *BAD])
@pytest.mark.parametrize("critical", [False, True])
def test_only_a_leaf_for_numbers_under_a_trusted_root_is_a_credential(bad: str | None, critical: bool) -> None:
    issued = AUTHORITY.leaf("709J", bad=bad, critical=critical)
    if bad in (None, "wrong-key"):
        assert validate(URL, issued.chain_pem(), ANCHORS, UTC).spc == "709J"
        return
    with pytest.raises(CredentialError) as caught:
        validate(URL, issued.chain_pem(), ANCHORS, UTC)
    assert caught.value.slug in FAILURES and FAILURES[caught.value.slug].code == 437


@pytest.mark.req("STI-061", "TRAP-29", "TRAP-31", "LAB-23")
def test_one_good_token_suffices_and_a_better_stale_one_lends_nothing() -> None:
    good = judge(examine(value(claims={"attest": "C"}), CLAIM, Rules(), UTC), CREDENTIAL, UTC)
    stale = judge(examine(value(claims={"iat": 1}), CLAIM, Rules(), UTC), CREDENTIAL, UTC)
    chosen = best([stale, good])
    assert chosen is good and chosen.attestation == "C"
    assert best([]) is None and best([stale]) is stale


@pytest.mark.req("STI-071", "LAB-14")
def test_a_certificate_that_does_not_come_leaves_the_call_without_validation() -> None:
    exam = examine(value(), CLAIM, Rules(), UTC)
    for nothing in (None, CredentialFailure("identity-unreachable", "unreachable", "late", URL)):
        judgement = judge(exam, nothing, UTC)
        assert (judgement.slug, judgement.code, judgement.verstat) == ("identity-unreachable", 436, "No-TN-Validation")
        assert judgement.chain is Fact.UNKNOWN


def test_a_signer_without_authority_is_told_whether_the_signature_is_theirs() -> None:
    """Anybody can write another's certificate URL: without a signature of theirs it says nothing about them."""
    issued = AUTHORITY.leaf(numbers=["12025550177"])
    theirs = validate(URL, issued.chain_pem(), ANCHORS, UTC)
    forged = judge(examine(value(), CLAIM, Rules(), UTC), theirs, UTC)
    own = judge(examine(token(issued.key, HEADER, CLAIMS) + f";info=<{URL}>".encode(), CLAIM, Rules(), UTC), theirs, UTC)
    assert (forged.slug, forged.authority, forged.signature) == ("identity-no-authority", Fact.FAIL, Fact.FAIL)
    assert (own.slug, own.authority, own.signature) == ("identity-no-authority", Fact.FAIL, Fact.PASS)


@pytest.mark.req("STI-065")
def test_a_chain_ends_with_its_anchor() -> None:
    short = Authority(UTC, seed="short", not_after=UTC + 86_400)
    long = short.leaf("709J", not_after=UTC + 30 * 86_400)
    assert validate(URL, long.chain_pem(), Anchors.of([short.anchors_pem]), UTC).not_after == UTC + 86_400


@pytest.mark.req("LAB-18")
@pytest.mark.parametrize(
    ("spc", "numbers", "numbered", "slugs"),
    [
        ("709J", (), False, (None, None)),
        (None, ("12025550123",), True, (None, "identity-no-authority")),
        ("709J", ("12025550123",), True, (None, "identity-no-authority")),
        (None, ("12025550177",), True, ("identity-no-authority", "identity-no-authority")),
    ],
)
def test_a_certificate_for_numbers_that_is_no_delegates_counts_as_the_operator_says(
    spc: str | None, numbers: tuple[str, ...], numbered: bool, slugs: tuple[str | None, str | None]
) -> None:
    issued = AUTHORITY.leaf(spc, numbers)
    credential = validate(URL, issued.chain_pem(), ANCHORS, UTC)
    assert credential.numbered is numbered
    octets = token(issued.key, HEADER, CLAIMS) + f";info=<{URL}>;ppt=shaken".encode()
    exam = examine(octets, CLAIM, Rules(), UTC)
    for allowed, slug in zip((True, False), slugs, strict=True):
        found = judge(exam, credential, UTC, None, allowed)
        assert (found.slug, found.code) == (slug, None if slug is None else 437)
        heard = conclude(open_hearing((octets, octets), CLAIM, Rules(numbered=allowed), UTC), {URL: credential}, UTC)
        assert [one.slug for one in heard.results] == [slug] * 2


@pytest.mark.req("STI-065", "STI-081", "LAB-19")
def test_a_certificate_speaks_for_its_numbers_and_its_time_only() -> None:
    issued = AUTHORITY.leaf(numbers=["12025550177"], ranges=[("12025550100", 50)])
    mine = validate(URL, issued.chain_pem(), ANCHORS, UTC)
    assert [mine.covers(tn) for tn in ("12025550177", "12025550149", "12025550150", "2025550177")] == [True, True, False, False]
    late = CREDENTIAL.not_after + 10
    exam = examine(value(claims={"iat": int(late)}), CLAIM, Rules(), late)
    assert judge(exam, CREDENTIAL, late).slug == "identity-expired"


@pytest.mark.req("STI-003", "STI-011", "TRAP-07", "TRAP-08", "TRAP-12", "TRAP-13", "TRAP-18", "TRAP-32")
@pytest.mark.parametrize(
    "payload",
    [b'{"iat":1,"iat":2}', b'{"iat":1e400}', b'{"iat":-1}', b"[]", b"{", b"\xff", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", b'{"iat":NaN}'],
)
def test_a_payload_that_two_readers_could_read_differently_is_none(payload: bytes) -> None:
    head = passport.encode(b'{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://a.example/b"}')
    with pytest.raises(ParseError):
        passport.parse(head + b"." + passport.encode(payload) + b"." + passport.encode(bytes(range(64))))


@pytest.mark.req("STI-011", "TRAP-07", "TRAP-08", "LAB-25")
@pytest.mark.parametrize("text", [b"QQ==", b"QQ=", b"Q", b"QR", b"QUJ", b"Q+", b"Q/", b"Q Q"])
def test_base64url_has_one_spelling(text: bytes) -> None:
    with pytest.raises(ParseError):
        passport.decode(text)


@pytest.mark.req("STI-031", "STI-032", "STI-033", "STI-034", "STI-035", "TRAP-33", "TRAP-34", "TRAP-35", "TRAP-36", "TRAP-37", "TRAP-38", "TRAP-48", "TRAP-49")
@pytest.mark.parametrize(
    ("user", "tn"),
    [
        ("+12025550123", "12025550123"), ("12025550123", "12025550123"), ("2025550123", "12025550123"),
        ("+1-(202)-555.0123", "12025550123"), ("%2B12025550123", "12025550123"), ("0012025550123", "12025550123"),
        ("01112025550123", "12025550123"), ("+12025550123;npdi;rn=+12025550000", "12025550123"),
        ("+12025550123;verstat=TN-Validation-Passed", "12025550123"), ("911", "911"), ("+390612345678", "390612345678"),
        ("5550123", "5550123"), ("+0123456789", None), ("+1234567890123456", None), ("alice", None), ("", None),
        ("\uff0b12025550123", None), ("+1202555012\u0663", None),
    ],
)  # fmt: skip
def test_numbers_have_one_canonical_form(user: str, tn: str | None) -> None:
    assert canonical(user) == tn


def test_a_local_number_needs_an_area() -> None:
    assert canonical("5550123", Plan(area="202")) == "12025550123"


@pytest.mark.req("STI-036", "STI-037", "STI-038", "TRAP-43")
@pytest.mark.parametrize(
    ("scheme", "user", "host", "kind"),
    [
        ("sip", "+12025550123", "h.example", "number"), ("tel", "+1-202-555-0123", "", "number"),
        ("sip", "anonymous", "anonymous.invalid", "anonymous"), ("sip", "Restricted", "h.example", "anonymous"),
        ("sip", "+266696687", "h.example", "anonymous"), ("sip", "", "h.example", "anonymous"),
        ("sip", "alice", "H.example", "uri"), ("sip", "+abc", "h.example", "invalid"), ("sip", "911", "h.example", "number"),
    ],
)  # fmt: skip
def test_a_uri_names_a_number_or_somebody_or_nobody(scheme: str, user: str, host: str, kind: str) -> None:
    assert party(scheme, user, host, {}).kind == kind


@pytest.mark.req("REG-003", "TRAP-46")
@pytest.mark.parametrize(
    ("tn", "possible"),
    [
        ("12025550123", True), ("442079460000", True), ("10125550100", False), ("12021110100", False), ("19115550100", False),
        ("12925550100", False), ("12995550100", False), ("13705550100", False), ("19605550100", False), ("1202555012", False),
    ],
)  # fmt: skip
def test_which_north_american_numbers_can_exist(tn: str, possible: bool) -> None:
    assert (nanp_fault(tn) is None) == possible


@pytest.mark.req("STI-080")
@pytest.mark.parametrize(("start", "count"), [("9", 2), ("#1", 2), ("12025550100", 1), ("", 2)])
def test_a_range_that_leaves_its_digits_is_none(start: str, count: int) -> None:
    with pytest.raises(ParseError):
        tnauthlist.check_range(start, count)


@given(st.binary(max_size=300))
def test_any_bytes_raise_our_errors_only(data: bytes) -> None:
    for read in (identity.parse, passport.parse, passport.decode, tnauthlist.from_der):
        try:
            read(data)
        except ParseError:
            pass
    for chain in (data, b"-----BEGIN CERTIFICATE-----\n" + data + b"\n-----END CERTIFICATE-----"):
        try:
            load_chain(chain)
        except CredentialError:
            pass


@given(st.binary(max_size=200), st.sampled_from([b"", b".", b"..", value()[:200], value()]))
def test_examine_never_raises(data: bytes, before: bytes) -> None:
    judge(examine(before + data, CLAIM, Rules(), UTC), CREDENTIAL, UTC)


@given(st.text(max_size=40))
def test_canonical_form_is_stable(user: str) -> None:
    tn = canonical(user)
    assert tn is None or canonical(("+" if len(tn) > 10 and tn[0] != "0" and tn.isdigit() else "") + tn) in (tn, None) or tn[0] == "0"


def test_a_signature_with_r_or_s_out_of_range_is_none() -> None:
    for raw in (bytes(64), b"\xff" * 64, bytes(31) + b"\x01" + bytes(32), bytes(63)):
        assert not CREDENTIAL.holds(raw, b"x")
    other = Credential(**{name: getattr(CREDENTIAL, name) for name in Credential.__slots__} | {"key": ec.generate_private_key(ec.SECP256R1()).public_key()})
    good = examine(value(), CLAIM, Rules(), UTC)
    assert judge(good, other, UTC).slug == "identity-bad-signature"
