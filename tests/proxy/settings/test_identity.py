"""Who is calling: whom we believe, and for whom we sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proxy.settings import read

SIGNING = {
    "key": ".",
    "certificate_url": "https://a.example/b",
    "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
}


def test_calls_of_a_pbx_are_signed_where_there_is_something_to_sign_with(
    small: dict[str, Any], tmp_path: Path
) -> None:
    small["signing"] = SIGNING
    carrier, pbx = read(small, folder=tmp_path).trunks
    assert (carrier.sign, pbx.sign) == (False, True)
    small["trunk"][1]["sign"] = False
    assert not read(small, folder=tmp_path).trunks[1].sign


def test_a_carrier_is_believed_who_calls_and_a_pbx_is_not(small: dict[str, Any]) -> None:
    assert [trunk.trust for trunk in read(small).trunks] == ["identity", "none"]


def test_unless_told_otherwise_no_chain_leads_anywhere_and_nothing_is_signed(small: dict[str, Any]) -> None:
    settings = read(small)
    assert settings.identity.anchors is None and settings.identity.service is None
    assert settings.signing is None and settings.service is None
    assert not any(trunk.sign for trunk in settings.trunks)


def test_a_customer_who_is_not_proved_yet_gets_no_more_than_c(small: dict[str, Any]) -> None:
    small["customer"] = [{"name": "dentist", "kyc": "pending"}]
    (customer,) = read(small).customers
    assert (customer.kyc, customer.cap) == ("pending", "C")
