"""Failures told upstream: which token, which code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken.hearing import conclude, open_hearing
from shaken.reason import parse, ppi, reason, reasons, without_ours
from shaken.verdict import FAILURES
from shaken.verify import Claim, Rules

SIGNATURE = b"VEvRSoaKb0P_1zT1CYzPzrMepHPhhH2JoIv47NIzVH2NmmX4fzSGitThCNow_K3aB6koUFYZk7ecoGeadom9DA"
OTHER = b"thCGhs0mrIxLWoscVl8GVR1Vsn5ZZway-FQXeUBl_YfnzDTpM3ryQmh7JHerYLI33e-yRPRyhhJIXuTHDqSh-g"
LINE = b'Reason: STIR ;cause=436 ;text="Bad Identity Info" ;ppi="..' + SIGNATURE + b'"'


@pytest.mark.req("STI-110")
def test_a_reason_names_the_token_by_its_signature() -> None:
    value = b"eyJh.eyJi." + SIGNATURE + b";info=<https://a.example/b>"
    assert reason(FAILURES["identity-unreachable"], ppi(value)) == LINE
    assert ppi(b".." + SIGNATURE) == b".." + SIGNATURE
    assert ppi(b'"QQ=="') is None and ppi(b"") is None and ppi(b"a.b.c d;x") is None
    assert reason(FAILURES["identity-syntax"], None) == b'Reason: STIR ;cause=438 ;text="Invalid Identity Header"'


@pytest.mark.req("STI-110", "TRAP-71")
def test_each_failed_header_has_a_line_and_a_kind_that_is_not_known_has_none() -> None:
    values = [
        b"eyJhbGciOiJub25lIn0.e30." + SIGNATURE + b";info=<https://a.example/b>;ppt=shaken",
        b"eyJh.eyJi.c2ln;info=<https://a.example/b>;ppt=msec",
        b"eyJh.eyJi." + OTHER + b";info=<http://a.example/b>;ppt=div",
    ]
    hearing = open_hearing(values, Claim("12025550123", None, ("12025550199",)), Rules(), 0.0)
    lines = reasons(hearing, conclude(hearing, {}, 0.0))
    assert [line.rpartition(b"ppi=")[2] for line in lines] == [b'"..' + SIGNATURE + b'"', b'"..' + OTHER + b'"']
    assert parse([line.partition(b": ")[2] for line in lines]) == [(438, b".." + SIGNATURE), (438, b".." + OTHER)]


@pytest.mark.req("STI-111")
def test_what_is_said_of_our_own_token_goes_no_further() -> None:
    own, foreign, other = (
        b'STIR ;cause=436 ;ppi="..' + SIGNATURE + b'"',
        b'STIR ;cause=438 ;ppi="..' + OTHER + b'"',
        b'SIP ;cause=603 ;text="x"',
    )
    assert without_ours([own, foreign, other], {b".." + SIGNATURE}) == [foreign, other]
    full = b'stir;cause=436;ppi="eyJh.eyJi.' + SIGNATURE + b'"'
    assert without_ours([full], {b".." + SIGNATURE}) == []
    assert without_ours([own], set()) == [own]


@pytest.mark.req("TRAP-71")
def test_several_reasons_of_one_protocol_are_read() -> None:
    assert parse([b"STIR;cause=436", b"Q.850;cause=21", b"STIR ; cause=438", b"STIR;cause=9999", b"STIRRED;cause=438"]) == [
        (436, None),
        (438, None),
    ]


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_left(data: bytes) -> None:
    for value in (data, b"STIR" + data, b"STIR;ppi=" + data):
        parse([value])
        without_ours([value], {b".." + SIGNATURE})
        named = ppi(value)
        assert named is None or (b"\r" not in named and b"\n" not in named and b'"' not in named)
