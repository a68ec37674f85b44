"""`[certificates]`, whom we believe besides `identity.anchors` and what is kept of the certificates of others; and
`[signing]`, our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from proxy.settings.addresses import https
from proxy.settings.errors import Faults, nearest
from proxy.settings.identity import CertificateSettings, ServiceSettings, SigningSettings
from proxy.settings.kinds import existing, text
from proxy.settings.network import Trunk

Raw = dict[str, Any]


def origin(value: object, folder: Path) -> Path | str:
    """Where a list comes from: an https URL that we fetch ourselves, or a file that must be there."""
    written = text(value, folder)
    if "://" not in written:
        return existing(value, folder)
    return https(value, folder)


def certificates_of(raw: Raw, faults: Faults) -> CertificateSettings:
    """Each signed list needs who signs it, and what is fetched a place to lie in."""
    found = CertificateSettings(**raw["certificates"])
    for key, there, signers, present in (
        ("trust_list_keys", found.trust_list is not None, found.trust_list_keys, "trust_list"),
        ("crl_signers", bool(found.crls), found.crl_signers, "crls"),
    ):
        if there and signers is None and not faults.about(f"certificates.{key}"):
            faults.add(f"certificates.{key}", f"nothing says who signs {present}", "name a PEM file of the signer")
    if found.trust_list is not None and raw["identity"]["anchors"] is not None:
        faults.add("certificates.trust_list", "identity.anchors says it too", "keep one of the two")
    if found.crl_required and not found.crls:
        faults.add("certificates.crl_required", "there is no revocation list", "name one in crls, or remove it")
    ours = found.trust_list is not None or raw["identity"]["anchors"] is not None
    if raw["identity"]["service"] is not None and ours:
        faults.add("identity.service", "anchors or a trust list say that we verify ourselves", "keep one of the two")
    fetched = [one for one in (found.trust_list, *found.crls) if isinstance(one, str)]
    if fetched and raw["paths"]["state"] is None:
        faults.add("paths.state", f"what comes from {fetched[0]} has no place to be kept", "set it")
    return found


def service_of(raw: Raw, faults: Faults) -> ServiceSettings | None:
    """Who signs in our place; None where we sign ourselves."""
    if raw["service"] is None:
        return None
    for key in ("key", "certificate", "quoted", "media_keys"):
        if raw[key]:
            faults.add(f"signing.{key}", "signing.service signs in its place", "keep one of the two")
    if raw["peers"]:
        faults.add("signing.peers", "signing.service signs for all", "remove one of the two")
    return ServiceSettings(
        raw["service"], raw["origid"] or "", raw["milliseconds"], raw["certificate_url"] or "", raw["dialect"]
    )


def signing_of(raw: Raw, trunks: Sequence[Trunk], faults: Faults) -> SigningSettings | None:
    """What calls are signed with, and what those of single peers are. None where a key is missing, which was said."""
    for key in ("key", "certificate_url"):
        if raw[key] is None and not faults.about(f"signing.{key}"):
            faults.add(f"signing.{key}", "it is missing", "add it; deploy/ringwarden.example.toml shows how")
    names = [trunk.name for trunk in trunks if trunk.side == "pbx" and trunk.name]
    peers = {}
    for name, table in raw["peers"].items():
        if name not in names:
            faults.add(f"signing.peers.{name}", "no peer of side pbx has this name", nearest(name, names))
        if None not in (table["key"], table["certificate_url"], table["origid"]):
            peers[name] = SigningSettings(**table)
    if None in (raw["key"], raw["certificate_url"], raw["origid"]):
        return None
    pair = {key: raw[key] for key in ("key", "certificate_url", "origid", "certificate", "quoted", "media_keys")}
    return SigningSettings(**pair, peers=MappingProxyType(peers))
