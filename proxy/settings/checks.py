"""What concerns more than one key: no wildcard without an advertised address, every trunk has a way out,
the lab stays at home.

Takes what `reading` made of the file and gives the Settings, or None with the faults noted. A value that
was wrong on its own is absent here and is not complained of twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from proxy.settings.addresses import Endpoint
from proxy.settings.api import api_of
from proxy.settings.callers import countries_of, names_of
from proxy.settings.certificates import certificates_of, service_of, signing_of
from proxy.settings.errors import Faults, Wrong, nearest
from proxy.settings.fleet import fleet_of
from proxy.settings.hep import hep_of
from proxy.settings.identity import CustomerSettings, IdentitySettings, NumberSettings, ProviderSettings
from proxy.settings.judgement import (
    HookSettings,
    ListSettings,
    PolicySettings,
    ProfileSettings,
    RedressSettings,
    VelocitySettings,
)
from proxy.settings.kinds import secret
from proxy.settings.network import ConnectionSettings
from proxy.settings.notice import notice_of
from proxy.settings.reach import (
    at_home,
    health_of,
    listeners_of,
    peers_of,
    tls_of,
    trunks_of,
    ways,
)
from proxy.settings.trunks import TrunkTable
from proxy.settings.values import (
    AdminSettings,
    JournalSettings,
    LabSettings,
    LoadSettings,
    LogSettings,
    MarkingSettings,
    PathSettings,
    RegistrationSettings,
    Settings,
)

Raw = dict[str, Any]
SECRET_VARIABLE = "RINGWARDEN_SECRET"
MAX_SECRET_FILE = 4096


def settled(raw: Raw, file: Path, faults: Faults, environ: Mapping[str, str]) -> Settings | None:
    """The Settings of a file that was read; None where something that they cannot do without is missing."""
    lab = LabSettings(**raw["lab"])
    if lab.clock is not None and not lab.enabled:
        faults.add(
            "lab.clock", "a clock can be set in the lab only", "set lab.enabled = true, or remove lab.clock"
        )
    listeners = listeners_of(raw["listen"], lab, faults)
    profiles = profiles_of(raw["profile"], faults)
    tables = [(f"{word}[{place}]", table) for word in ("peer", "trunk") for place, table in enumerate(raw[word], 1)]
    trunks = trunks_of(tables, profiles, raw["signing"] is not None, faults)
    peers = peers_of(tables, raw["next_hop"], faults)
    ways(listeners, trunks, peers, faults)
    tls = tls_of(raw["tls"], listeners, peers, faults)
    if lab.enabled:
        at_home(listeners, faults)
    if raw["tls"] is not None and tls is None:
        assert faults.found
        return None
    service = service_of(raw["signing"], faults) if raw["signing"] is not None else None
    signing = signing_of(raw["signing"], trunks, faults) if raw["signing"] is not None and service is None else None
    if raw["signing"] is not None and (signing or service) is None:
        assert faults.found
        return None
    if raw["admin"] is not None and raw["admin"]["address"] is None:
        assert faults.found
        return None
    policy = raw["policy"]
    return Settings(
        file=file,
        role=raw["role"],
        listeners=listeners,
        trunks=trunks,
        peers=tuple(peer for _, peer in peers),
        health=health_of(raw["health"], raw["next_hop"]["silence_ms"], faults),
        identity=IdentitySettings(**raw["identity"]),
        numbers=NumberSettings(**raw["numbers"]),
        customers=customers_of(raw["customer"], profiles, faults),
        signing=signing,
        service=service,
        policy=PolicySettings(
            profiles=MappingProxyType(profiles),
            codes=MappingProxyType(policy["codes"]),
            weights=MappingProxyType(policy["weights"]),
            velocity=VelocitySettings(**policy["velocity"]),
            redress=RedressSettings(**policy["redress"]),
            checks=MappingProxyType(policy["checks"]),
            limits=MappingProxyType({name: limit for name, limit in policy["limits"].items() if limit is not None}),
            brands=tuple(name.strip().lower() for name in policy["brands"]),
            methods=policy["methods"],
            refusals=MappingProxyType({kind: code for kind, code in policy["refusals"].items() if code is not None}),
            telemarketing=policy["telemarketing"],
            network_level=policy["network_level"],
            unknown_zone_is_open=policy["unknown_zone_is_open"],
            learned_days=policy["learned_days"],
            hook=HookSettings(**policy["hook"]) if policy["hook"] is not None else None,
            countries=countries_of(policy["country"], trunks, faults),
            names=names_of(policy["names"], faults),
        ),
        lists=ListSettings(**raw["lists"]),
        marking=MarkingSettings(**raw["marking"]),
        admin=admin_of(raw["admin"]),
        paths=PathSettings(**raw["paths"]),
        log=LogSettings(**raw["log"]),
        lab=lab,
        tls=tls,
        trunk_table=TrunkTable(trunks),
        notice=notice_of(raw["notice"], faults),
        connections=ConnectionSettings(**raw["connections"]),
        registration=RegistrationSettings(**raw["registration"]),
        load=LoadSettings(**raw["load"]),
        certificates=certificates_of(raw, faults),
        hep=hep_of(raw["hep"]),
        journal=journal_of(raw["journal"], raw["paths"]["journal"] is not None, faults),
        provider=ProviderSettings(**raw["provider"]),
        api=api_of(raw["api"], signing is not None, faults),
        secret=(secret := secret_of(raw, faults, environ)),
        fleet=fleet_of(raw["fleet"], secret, raw["paths"]["journal"] is not None, faults),
    )


def profiles_of(raw: Raw, faults: Faults) -> dict[str, ProfileSettings]:
    owners: dict[str, str] = {}
    profiles = {"default": ProfileSettings("default")}
    for name, table in raw.items():
        profiles[name] = ProfileSettings(name, **table)
        for number in table["numbers"]:
            if (owner := owners.setdefault(number, name)) != name:
                faults.add(f"profile.{name}.numbers", f"{number} has the profile {owner} already", "list it once")
        if profiles[name].tag_at > profiles[name].reject_at:
            faults.add(
                f"profile.{name}.tag_at", "it is above reject_at, so nothing would ever be tagged", "lower it"
            )
    return profiles


def customers_of(tables: list[Raw], profiles: Raw, faults: Faults) -> tuple[CustomerSettings, ...]:
    """Customers by name; one that stands twice is an error."""
    names: set[str] = set()
    for place, table in enumerate(tables, 1):
        if table["name"] is not None and table["name"] in names:
            faults.add(f"customer[{place}].name", f"another one is called {table['name']}", "put both together")
        names.add(table["name"])
        if table["profile"] and table["profile"] not in profiles:
            faults.add(
                f"customer[{place}].profile", f"there is no [profile.{table['profile']}]",
                nearest(table["profile"], profiles),
            )  # fmt: skip
    return tuple(CustomerSettings(**table) for table in tables)


def admin_of(raw: Raw | None) -> AdminSettings | None:
    if raw is None:
        return None
    address: Endpoint = raw["address"]
    return AdminSettings(address.host, 9495 if address.port is None else address.port)


def journal_of(raw: Raw, kept_somewhere: bool, faults: Faults) -> JournalSettings:
    """A list of blocked calls must reach back 28 days, whoever asks for it (47 CFR 64.1200(k)(10))."""
    days: Mapping[str, int] = raw["keep_days"]
    for key, kept in (("keep_days.blocked", days["blocked"]), ("mask_days", raw["mask_days"])):
        if 0 < kept < BLOCKED_DAYS:
            faults.add(
                f"journal.{key}", f"blocked calls must be told for {BLOCKED_DAYS} days", f"write {BLOCKED_DAYS} or more"
            )
    if raw["quality"] and not kept_somewhere:
        faults.add("journal.quality", "there is no journal to keep it in", "set paths.journal")
    return JournalSettings(
        MappingProxyType(dict(days)), mask_days=raw["mask_days"], mask=raw["mask"], quality=raw["quality"]
    )


BLOCKED_DAYS = 28


def secret_of(raw: Raw, faults: Faults, environ: Mapping[str, str]) -> bytes | None:
    """The environment first, then the file, then the key."""
    if raw["secret"] is not None and raw["secret_file"] is not None:
        faults.add("secret_file", "the secret is given twice", "keep one of secret and secret_file")
    if SECRET_VARIABLE in environ:
        try:
            return secret(environ[SECRET_VARIABLE], Path())
        except Wrong as wrong:
            faults.add(f"environment {SECRET_VARIABLE}", wrong.what, wrong.cure)
            return None
    path: Path | None = raw["secret_file"]
    if path is not None:
        try:
            with path.open("rb") as stream:
                return secret(stream.read(MAX_SECRET_FILE).decode("utf-8"), Path())
        except (OSError, UnicodeDecodeError) as error:
            faults.add(
                "secret_file",
                f"{path} cannot be read as text ({type(error).__name__})",
                "make it a readable file",
            )
        except Wrong as wrong:
            faults.add("secret_file", wrong.what, wrong.cure)
        return None
    found: bytes | None = raw["secret"]
    return found
