"""`[certificates]`: a signed list needs its signer, and what is fetched a place to lie in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import Settings, read

URL = "https://sti-pa.example.com/ca-list"


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    for name in ("list.jwt", "list.pem", "crl.pem", "a.crl", "anchors.pem"):
        (tmp_path / name).touch()


@pytest.mark.parametrize(
    ("certificates", "more", "says"),
    [
        ({"trust_list": "list.jwt"}, {}, "certificates.trust_list_keys: nothing says who signs"),
        ({"crls": ["a.crl"]}, {}, "certificates.crl_signers: nothing says who signs"),
        ({"crls": ["a.crl"], "crl_signers": "none.pem"}, {}, "certificates.crl_signers: "),
        ({"crl_required": True}, {}, "certificates.crl_required: there is no revocation list"),
        ({"trust_list": "list.jwt", "trust_list_keys": "list.pem"}, {"identity": {"anchors": "anchors.pem"}},
         "certificates.trust_list: identity.anchors says it too"),
        ({"trust_list": URL, "trust_list_keys": "list.pem"}, {}, "paths.state: what comes from https://"),
        ({"trust_list": "http://sti-pa.example.com/ca-list", "trust_list_keys": "list.pem"}, {}, "certificates.trust_list: "),
        ({"trust_list": "missing.jwt", "trust_list_keys": "list.pem"}, {}, "certificates.trust_list: "),
        ({"refresh_minutes": 0}, {}, "certificates.refresh_minutes: "),
        ({}, {"identity": {"anchors": "anchors.pem", "service": "https://verifier.example.com"}},
         "identity.service: anchors or a trust list say that we verify ourselves"),
        ({}, {"identity": {"service": "http://192.0.2.1/"}}, "identity.service: "),
        ({}, {"identity": {"dialect": "vesper"}}, "identity.dialect: "),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_once_with_its_cure(
    small: dict[str, Any], complaints: Callable[..., list[str]], certificates: dict[str, Any], more: dict[str, Any], says: str
) -> None:
    (complaint,) = complaints({**small, **more, "certificates": certificates})
    assert says in complaint


def test_files_and_urls_are_told_apart(small: dict[str, Any], tmp_path: Path) -> None:
    settings = read(
        {
            **small,
            "paths": {"state": "state"},
            "certificates": {
                "trust_list": URL,
                "trust_list_keys": "list.pem",
                "crls": ["a.crl", "https://sti-pa.example.com/crl"],
                "crl_signers": "crl.pem",
            },
        },
        "ringwarden.toml",
        tmp_path,
    )
    assert isinstance(settings, Settings)
    assert settings.certificates.trust_list == URL
    assert settings.certificates.crls == (tmp_path / "a.crl", "https://sti-pa.example.com/crl")
    assert settings.certificate_folder == tmp_path / "state" / "certificates"


def test_without_a_state_folder_nothing_is_kept_unless_a_cache_is_named(small: dict[str, Any], tmp_path: Path) -> None:
    plain = read(small, "ringwarden.toml", tmp_path)
    named = read({**small, "certificates": {"cache": "cache"}}, "ringwarden.toml", tmp_path)
    assert isinstance(plain, Settings) and plain.certificate_folder is None
    assert isinstance(named, Settings) and named.certificate_folder == tmp_path / "cache"


PAIR = {
    "key": "own.key",
    "certificate_url": "https://cr.example.net/own.pem",
    "origid": "7d3bb1f0-57a2-4b6c-9a38-1f6c5f0d2a11",
}


def test_a_peer_may_sign_with_a_pair_of_its_own(small: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.key").touch()
    other = {**PAIR, "certificate_url": "https://cr.example.net/pbx.pem", "certificate": "list.pem"}
    settings = read({**small, "signing": {**PAIR, "peers": {"pbx": other}}}, "ringwarden.toml", tmp_path)
    assert isinstance(settings, Settings) and settings.signing is not None
    assert settings.signing.certificate is None
    assert settings.signing.peers["pbx"].certificate == tmp_path / "list.pem"


@pytest.mark.parametrize(
    ("peers", "says"),
    [
        ({"bpx": PAIR}, "signing.peers.bpx: no peer of side pbx has this name"),
        ({"carrier": PAIR}, "signing.peers.carrier: no peer"),
        ({"pbx": {**PAIR, "key": "missing.key"}}, "signing.peers.pbx.key: "),
        ({"pbx": {"key": "own.key", "origid": PAIR["origid"]}}, "signing.peers.pbx.certificate_url: it is missing"),
    ],
)
def test_a_pair_for_nobody_or_half_a_pair_is_said(
    small: dict[str, Any], tmp_path: Path, complaints: Callable[..., list[str]], peers: dict[str, Any], says: str
) -> None:
    (tmp_path / "own.key").touch()
    (complaint,) = complaints({**small, "signing": {**PAIR, "peers": peers}})
    assert says in complaint
