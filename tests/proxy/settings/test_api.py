"""[api]: where others ask, and what they get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.settings import SettingsError, read
from proxy.settings.identity import ServiceSettings
from proxy.settings.values import ApiSettings

BASE: dict[str, Any] = {"listen": [{"address": "192.0.2.10:5060"}], "peer": [{"name": side, "side": side, "hops": [f"192.0.2.{place}:5060"]} for place, side in ((20, "carrier"), (30, "pbx"))]}


def test_it_is_off_until_somebody_gives_it_an_address() -> None:
    assert read(BASE).api is None
    assert read({**BASE, "api": {"address": "127.0.0.1"}}).api == ApiSettings("127.0.0.1", 9496, "no", "atis")
    assert read({**BASE, "api": {"address": "127.0.0.1:80", "dialect": "3gpp"}}).api == ApiSettings("127.0.0.1", 80, "no", "3gpp")


def test_it_cannot_sign_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="api.sign: there is nothing to sign with"):
        read({**BASE, "api": {"address": "127.0.0.1", "sign": "asked"}})
    with pytest.raises(SettingsError, match="api.address: it is missing"):
        read({**BASE, "api": {}})
    (tmp_path / "key.pem").touch()
    pair = {"key": str(tmp_path / "key.pem"), "certificate_url": "https://cr.example.net/a.pem", "origid": "123e4567-e89b-42d3-a456-426655440000"}
    found = read({**BASE, "signing": pair, "api": {"address": "127.0.0.1", "sign": "entitled"}})
    assert found.api is not None and found.api.sign == "entitled"


PAIR = {"origid": "123e4567-e89b-42d3-a456-426655440000"}


def test_somebody_else_may_sign_in_our_place() -> None:
    found = read({**BASE, "signing": {**PAIR, "service": "http://127.0.0.1:8080"}})
    assert found.signing is None and found.service == ServiceSettings("http://127.0.0.1:8080", PAIR["origid"], 400)
    assert [one.sign for one in found.trunks] == [False, True]
    ours = read({**BASE, "signing": {**PAIR, "service": "http://127.0.0.1:8080", "certificate_url": "https://a.example/b.pem"}})
    assert ours.service is not None and ours.service.certificate_url == "https://a.example/b.pem"
    for wrong, text in (
        ({"service": "http://signer.example.com"}, "signing.service: .* is not on this machine"),
        ({"service": "http://192.0.2.1"}, "is not on this machine"),
        ({"service": "http://127.0.0.1:99999"}, "is not a URL"),
        ({"service": "ftp://a"}, "is not a plain https URL"),
        ({"service": "https://signer.example.com", "peers": {"pbx": {}}}, "signing.peers: signing.service signs for all"),
        ({}, "signing.key: it is missing"),
    ):
        with pytest.raises(SettingsError, match=text):
            read({**BASE, "signing": {**PAIR, **wrong}})


def test_a_carrier_whose_verdicts_are_not_believed_has_no_form_for_them() -> None:
    carrier = {**BASE["peer"][0], "verdicts": "twilio"}
    with pytest.raises(SettingsError, match="its verdicts are not believed"):
        read({**BASE, "peer": [carrier, BASE["peer"][1]]})
    found = read({**BASE, "peer": [{**carrier, "trust": "verdicts"}, BASE["peer"][1]]})
    assert [one.verdicts for one in found.trunks] == ["twilio", "3gpp"]
