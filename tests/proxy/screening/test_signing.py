"""Calls of the PBX that leave signed: with which level, over which numbers, and what is left as it came."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from policy.attest import Terms
from policy.inventory import Grant, Inventory
from policy.rulebook import Profile
from proxy.screening.case import Case, Lane, open_case
from proxy.screening.dates import sip_date, sip_date_line
from proxy.screening.marks import strip
from proxy.screening.signing import Signed, divert, sign
from proxy.settings import Trunk
from proxy.sip.message import Request
from shaken import identity, passport
from shaken.hearing import conclude, open_hearing
from shaken.number import Plan
from shaken.sign import Signer
from shaken.verify import Claim, Rules
from tests.proxy.screening.messages import made
from tests.shaken.tokens import CREDENTIAL, IAT, KEY, URL, vector

ORIGID = "123e4567-e89b-42d3-a456-426655440000"
SIGNER = Signer(KEY, URL)
INVENTORY = Inventory([Grant("12025550100", "12025550149", "Ann", "ordered"), Grant("12025550199", "12025550199", "Bob", "ported")])
TERMS = Terms(ORIGID)
NOW = "Date: Thu, 01 Jan 2026 00:00:00 GMT"


def invite(*lines: str, caller: str = "+12025550123", to: str = "+12025550199", target: str = "+12025550199", body: str = "") -> Request:
    sender, callee = f"<sip:{caller}@pbx.example.com>;tag=9f2c", f"<sip:{to}@carrier.example.net>"
    return made(f"INVITE sip:{target}@carrier.example.net", sender, callee, *lines, call_id="4a1d7e90@192.0.2.20", body=body)


def opened(request: Request, side: str = "pbx") -> Case:
    trunk = Trunk("pbx", side, (), trust="identity")
    lane = Lane(trunk, side, Plan("1", "202"), Profile(), "observe", 100, Rules())  # type: ignore[arg-type]
    return open_case(request, lane, float(IAT))


def signed(request: Request, terms: Terms = TERMS, side: str = "pbx", **more: bool) -> Signed:
    return sign(request, opened(request, side), SIGNER, INVENTORY, terms, float(IAT), **more)


def token(done: Signed) -> passport.Passport:
    value = done.lines[-1].removeprefix(b"Identity: ")
    return passport.parse(identity.parse(value).token)


@pytest.mark.req("STI-042", "STI-043", "STI-048", "STI-056", "STI-057")
@pytest.mark.parametrize(
    ("caller", "terms", "level", "why"),
    [
        ("+12025550123", TERMS, "A", "own-number"),
        ("+12125550147", TERMS, "B", "other-number"),
        ("+12025550123", Terms(ORIGID, transit=True), "C", "transit"),
        ("+12125550147", Terms(ORIGID, other=None), None, "other-number"),
        ("anonymous", TERMS, None, "no-number"),
        ("2177", TERMS, None, "impossible-number"),
    ],
)
def test_a_call_leaves_with_the_level_that_it_has_a_right_to(caller: str, terms: Terms, level: str | None, why: str) -> None:
    done = signed(invite(caller=caller), terms)
    assert (done.attestation, done.why) == (level, why)
    if level is None:
        assert done.lines == () and done.result in ("not-entitled", "no-number")
    else:
        made = token(done)
        assert (made.attest, made.origid, made.iat, made.dest_tns) == (level, ORIGID, IAT, ("12025550199",))
        assert done.lines[0].startswith(b"Date: ")
        assert done.names == (b".." + done.lines[-1].partition(b";")[0].rpartition(b".")[2],)


@pytest.mark.req("STI-056")
@pytest.mark.parametrize(
    ("lines", "orig"), [((), "12025550123"), (("P-Asserted-Identity: <sip:+12025550101@pbx.example.com>",), "12025550101")]
)
def test_the_caller_is_whom_p_asserted_identity_names_and_the_callee_is_to(lines: tuple[str, ...], orig: str) -> None:
    made = token(signed(invite(*lines, to="+12025550188", target="+12025550199")))
    assert (made.orig_tn, made.dest_tns) == (orig, ("12025550188",))


@pytest.mark.req("STI-045", "STI-046", "TRAP-76")
@pytest.mark.parametrize(
    ("date", "result"),
    [
        ("Thu, 01 Jan 2026 00:00:59 GMT", "signed"),
        ("Wed, 31 Dec 2025 23:59:00 GMT", "signed"),
        ("Thu, 01 Jan 2026 00:01:01 GMT", "stale-date"),
        ("Wed, 31 Dec 2025 23:58:59 GMT", "stale-date"),
        ("Thu, 01 Jan 2026 00:00:00 UTC", "stale-date"),
        ("Thu, 01 Jan 2026 00:00:00 EST", "stale-date"),
        ("Thu, 01 Jan 26 00:00:00 GMT", "stale-date"),
        ("Do, 01 Jan 2026 00:00:00 GMT", "stale-date"),
        ("Thu, 32 Jan 2026 00:00:00 GMT", "stale-date"),
        ("", "stale-date"),
    ],
)
def test_nothing_is_signed_over_a_date_that_is_not_fresh(date: str, result: str) -> None:
    done = signed(invite(f"Date: {date}"))
    assert done.result == result and len(done.lines) == (result == "signed")


@pytest.mark.req("STI-046")
def test_the_date_that_we_write_is_the_one_that_we_read() -> None:
    for utc in (0.0, 951_782_400.0, float(IAT), 4_102_444_799.0):
        assert sip_date(sip_date_line(utc).partition(b": ")[2].decode()) == utc


@pytest.mark.req("STI-049")
def test_a_call_that_is_signed_already_is_left_and_other_kinds_stay_beside_ours() -> None:
    mine = vector("VEC-1").decode()
    assert signed(invite(f"Identity: {mine}")).result == "already-signed"
    rph = "Identity: a.b.c;info=<https://a.example/b>;ppt=rph"
    request = invite(rph)
    done = signed(request)
    assert done.result == "signed" and len(done.lines) == 2 and len(request.all("identity")) == 1


@pytest.mark.req("STI-055", "STI-057", "LAB-27")
@pytest.mark.parametrize(
    ("asked", "caller", "side", "level"),
    [
        ("B", "+12025550123", "pbx", "B"),
        ("c", "+12025550123", "pbx", "C"),
        ("None", "+12025550123", "pbx", None),
        ("A", "+12125550147", "pbx", "B"),
        ("A; drop", "+12025550123", "pbx", "A"),
        ("C", "+12025550123", "carrier", "A"),  # from outside nobody asks for anything
    ],
)
def test_the_pbx_may_ask_for_less_and_only_the_pbx(asked: str, caller: str, side: str, level: str | None) -> None:
    request = invite(f"X-Screen-Attest: {asked}", caller=caller)
    assert signed(request, side=side).attestation == level
    marks = strip(request, prefix="x-screen-", keep_verdicts=False, keep_asserted=True)
    assert marks.stripped == 1  # and it does not leave with the call


@pytest.mark.req("STI-017")
def test_media_keys_are_bound_where_the_operator_wants_it() -> None:
    body = "v=0\r\na=fingerprint:sha-256 AB:CD:00:11:22:33:44:55\r\n"
    request = invite("Content-Type: application/sdp", body=body)
    assert "mky" not in token(signed(request)).claims
    assert token(signed(request, media=True)).claims["mky"] == [{"alg": "sha-256", "dig": "ABCD001122334455"}]


# --- diversions


def arrived(*lines: str) -> Case:
    return opened(invite(*lines, caller="+12025550123", to="+12025550199"), "carrier")


@pytest.mark.req("STI-040", "STI-097", "STI-098")
def test_a_call_that_we_send_elsewhere_says_so_and_the_chain_holds() -> None:
    case = arrived("Identity: " + vector("VEC-1").decode())
    done = divert(case, SIGNER, INVENTORY, "12025550177", IAT + 2.0)
    assert done.result == "signed"
    value = done.lines[0].removeprefix(b"Identity: ")
    assert value == vector("VEC-4")
    hearing = open_hearing((vector("VEC-1"), value), Claim("12025550123", None, ("12025550177",)), Rules(), IAT + 3.0)
    found = conclude(hearing, {URL: CREDENTIAL}, IAT + 3.0)
    assert found.judgement is not None and found.judgement.attestation == "A" and found.via == ("12025550199",)


@pytest.mark.req("STI-097")
@pytest.mark.parametrize(
    ("lines", "became", "inventory", "result"),
    [
        ((), "12025550177", INVENTORY, "no-identity"),
        (("Identity: " + vector("VEC-1").decode(),), "12025550199", INVENTORY, "no-number"),  # another spelling only
        (("Identity: " + vector("VEC-1").decode(),), None, INVENTORY, "no-number"),
        (("Identity: " + vector("VEC-1").decode(),), "12025550177", Inventory(), "not-entitled"),
        (("Identity: x",), "12025550177", INVENTORY, "no-identity"),
        (("Identity: " + vector("VEC-3").decode(),), "12025550177", INVENTORY, "no-identity"),  # of a kind that is not heard
    ],
)
def test_no_diversion_is_signed_without_need_or_right(lines: tuple[str, ...], became: str | None, inventory: Inventory, result: str) -> None:
    done = divert(arrived(*lines), SIGNER, inventory, became, IAT + 2.0)
    assert (done.result, done.lines) == (result, ())


def test_a_signer_that_cannot_sign_costs_no_call() -> None:
    late = Signer(ec.generate_private_key(ec.SECP256R1()), URL, valid=(0.0, 1.0))
    request = invite()
    done = sign(request, opened(request), late, INVENTORY, TERMS, float(IAT))
    assert (done.result, done.lines) == ("failed", ())
    case = arrived("Identity: " + vector("VEC-1").decode())
    assert divert(case, late, INVENTORY, "12025550177", float(IAT)).result == "failed"
