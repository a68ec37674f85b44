"""What concerns more than one key: no wildcard without an advertised address, every trunk has a way out,
the lab stays at home.

Takes what `reading` made of the file and gives the Settings, or None with the faults noted. A value that
was wrong on its own is absent here and is not complained of twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any

from proxy.settings.errors import Faults, Wrong, nearest
from proxy.settings.kinds import SIP_PORT, SIPS_PORT, Endpoint, secret
from proxy.settings.trunks import TrunkTable
from proxy.settings.values import (
    SIDES,
    AdminSettings,
    HookSettings,
    IdentitySettings,
    LabSettings,
    ListenSettings,
    ListSettings,
    LogSettings,
    MarkingSettings,
    NamedCertificate,
    NumberSettings,
    PathSettings,
    PolicySettings,
    ProfileSettings,
    RedressSettings,
    Settings,
    SigningSettings,
    Source,
    TlsSettings,
    Trunk,
    VelocitySettings,
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
    trunks = trunks_of(raw["trunk"], profiles, raw["signing"] is not None, faults)
    next_hops = {side: raw["next_hop"][side] for side in SIDES}
    ways(listeners, trunks, next_hops, faults)
    tls = tls_of(raw["tls"], listeners, next_hops, faults)
    if lab.enabled:
        at_home(listeners, faults)
    if raw["tls"] is not None and tls is None:
        assert faults.found
        return None
    if raw["signing"] is not None and None in raw["signing"].values():
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
        next_hops=MappingProxyType(next_hops),
        silence_ms=raw["next_hop"]["silence_ms"],
        identity=IdentitySettings(**raw["identity"]),
        numbers=NumberSettings(**raw["numbers"]),
        signing=SigningSettings(**raw["signing"]) if raw["signing"] is not None else None,
        policy=PolicySettings(
            profiles=MappingProxyType(profiles),
            codes=MappingProxyType(policy["codes"]),
            weights=MappingProxyType(policy["weights"]),
            velocity=VelocitySettings(**policy["velocity"]),
            redress=RedressSettings(**policy["redress"]),
            checks=MappingProxyType(policy["checks"]),
            telemarketing=policy["telemarketing"],
            unknown_zone_is_open=policy["unknown_zone_is_open"],
            hook=HookSettings(**policy["hook"]) if policy["hook"] is not None else None,
        ),
        lists=ListSettings(**raw["lists"]),
        marking=MarkingSettings(**raw["marking"]),
        admin=admin_of(raw["admin"]),
        paths=PathSettings(**raw["paths"]),
        log=LogSettings(**raw["log"]),
        lab=lab,
        tls=tls,
        trunk_table=TrunkTable(trunks),
        secret=secret_of(raw, faults, environ),
    )


def listeners_of(raw: list[Raw], lab: LabSettings, faults: Faults) -> tuple[ListenSettings, ...]:
    listeners: list[ListenSettings] = []
    if not raw:
        faults.add(
            "listen", "there is no listening address", 'add [[listen]] with address = "192.0.2.10:5060"'
        )
    for place, table in enumerate(raw, 1):
        address: Endpoint | None = table["address"]
        shown: Endpoint | None = table["advertise"]
        if address is None:
            continue
        assert address.address is not None
        usual = SIPS_PORT if table["transport"] == "tls" else SIP_PORT
        port = usual if address.port is None else address.port
        if port == 0 and not lab.enabled:
            faults.add(
                f"listen[{place}].address",
                "port 0 serves in the lab only",
                f"write a port, such as {SIP_PORT}",
            )
        if address.address.is_unspecified and shown is None:
            faults.add(
                f"listen[{place}].advertise",
                f"{address.host} means every address of this machine, which nobody can be told to answer to",
                'add advertise = "203.0.113.5", the address that the other side reaches us by',
            )
        if shown is not None and shown.address is not None and (
            shown.address.is_unspecified or shown.address.is_multicast or shown.port == 0
        ):  # fmt: skip
            faults.add(
                f"listen[{place}].advertise",
                "nobody can answer to this address",
                "write one that the other side can reach",
            )
        told = shown or address
        for spoken in table["transport"].split("+"):
            found = ListenSettings(spoken, address.host, port, told.host, port if told.port is None else told.port)
            if port and any(
                (one.transport, one.host, one.port) == (found.transport, found.host, found.port) for one in listeners
            ):
                faults.add(f"listen[{place}].address", "this address is listened on already", "remove one of the two")
            listeners.append(found)
    return tuple(listeners)


def profiles_of(raw: Raw, faults: Faults) -> dict[str, ProfileSettings]:
    profiles = {"default": ProfileSettings("default")}
    for name, table in raw.items():
        profiles[name] = ProfileSettings(name, **table)
        if profiles[name].tag_at > profiles[name].reject_at:
            faults.add(
                f"profile.{name}.tag_at", "it is above reject_at, so nothing would ever be tagged", "lower it"
            )
    return profiles


def trunks_of(
    raw: list[Raw], profiles: Mapping[str, object], signing: bool, faults: Faults
) -> tuple[Trunk, ...]:
    trunks: list[Trunk] = []
    names: set[str] = set()
    owners: dict[Source, str] = {}
    for place, table in enumerate(raw, 1):
        path, name, side = f"trunk[{place}]", table["name"], table["side"]
        if name is not None and name in names:
            faults.add(f"{path}.name", f"another trunk is called {name}", "give each trunk a name of its own")
        names.add(name)
        if table["profile"] not in profiles:
            faults.add(
                f"{path}.profile",
                f"there is no [profile.{table['profile']}]",
                nearest(table["profile"], profiles),
            )
        sources: tuple[Source, ...] = table["sources"] or ()
        if table["sources"] == ():
            faults.add(
                f"{path}.sources", "it is empty: nothing would belong to this trunk", "list its addresses"
            )
        # A configured carrier is believed when it says who calls; a PBX is not, until somebody says so.
        trust = table["trust"] or ("identity" if side == "carrier" else "none")
        for source in dict.fromkeys(sources):
            if (owner := owners.setdefault(source, str(name))) != str(name):
                faults.add(
                    f"{path}.sources", f"{spelled(source)} belongs to trunk {owner} already", "list it once"
                )
            if source.network.prefixlen == 0 and trust != "none":
                faults.add(
                    f"{path}.sources",
                    f"{source.network} is everybody, and this trunk is trusted",
                    'list addresses, or set trust = "none"',
                )
        sign = table["sign"]
        if sign and not signing:
            faults.add(
                f"{path}.sign",
                "there is nothing to sign with",
                "add [signing] with key, certificate_url and origid",
            )
        if sign and side == "carrier":
            faults.add(f"{path}.sign", "calls from a carrier are not ours to sign", "remove it")
        trunks.append(
            Trunk(
                name=name, side=side, sources=sources, trust=trust, profile=table["profile"],
                mode=table["mode"], enforce_percent=table["enforce_percent"],
                country=table["country"], area=table["area"],
                sign=(signing and side == "pbx") if sign is None else sign,
            )
        )  # fmt: skip
    return tuple(trunks)


def ways(
    listeners: tuple[ListenSettings, ...],
    trunks: tuple[Trunk, ...],
    next_hops: Mapping[str, Any],
    faults: Faults,
) -> None:
    """Each side that calls come from needs the other side to go to, by a listener of its family, and never
    ourselves.
    """
    families = {(listener.transport, ip_address(listener.host).version) for listener in listeners}
    ours = {
        (host, port)
        for one in listeners
        for host, port in ((one.host, one.port), (one.advertised_host, one.advertised_port))
    }
    for side, other in (("carrier", "pbx"), ("pbx", "carrier")):
        if not next_hops[other] and any(trunk.side == side for trunk in trunks):
            faults.add(
                f"next_hop.{other}",
                f"calls from the {side} side have nowhere to go",
                f'add [next_hop] {other} = ["192.0.2.20:5060"]',
            )
        for hop in next_hops[other]:
            for word in hop.transport.split("+") if families else ():
                if (word, ip_address(hop.host).version) not in families:
                    faults.add(
                        f"next_hop.{other}",
                        f"no listener can reach {hop.host} by {word.upper()}",
                        f'add a [[listen]] with transport = "{word}" and an address of its family',
                    )
            if (hop.host, hop.port) in ours:
                faults.add(
                    f"next_hop.{other}",
                    f"{hop.host}:{hop.port} is ourselves",
                    "name the other side's address",
                )


def tls_of(
    raw: Raw | None, listeners: tuple[ListenSettings, ...], next_hops: Mapping[str, Any], faults: Faults
) -> TlsSettings | None:
    """The certificates; they are needed as soon as anything speaks TLS."""
    spoken = any(one.transport == "tls" for one in listeners) or any(
        hop.transport == "tls" for hops in next_hops.values() for hop in hops
    )
    if raw is None:
        if spoken:
            faults.add("tls", "TLS is spoken, but there is no certificate", "add [tls] with certificate and key")
        return None
    names = [one for one in raw.pop("name") if None not in one.values()]
    if raw["clients"] != "none" and raw["client_ca"] is None:
        faults.add(
            "tls.client_ca",
            "nothing says whose certificates callers may show",
            'name a PEM file, or set clients = "none"',
        )
    if raw["certificate"] is None or raw["key"] is None:
        return None
    return TlsSettings(**raw, names=tuple(NamedCertificate(**one) for one in names))


def at_home(listeners: tuple[ListenSettings, ...], faults: Faults) -> None:
    """A lab believes test roots: it may not be reached from the open network."""
    for place, one in enumerate(listeners, 1):
        for key, host in (("address", one.host), ("advertise", one.advertised_host)):
            try:
                public = ip_address(host).is_global
            except ValueError:
                continue
            if public:
                faults.add(
                    f"listen[{place}].{key}",
                    f"a lab may not listen on the public address {host}",
                    "use a loopback or private address, or set lab.enabled = false",
                )
                break


def admin_of(raw: Raw | None) -> AdminSettings | None:
    if raw is None:
        return None
    address: Endpoint = raw["address"]
    return AdminSettings(address.host, 9495 if address.port is None else address.port)


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


def spelled(source: Source) -> str:
    network = source.network
    host = str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
    return host if source.port is None else f"{host} port {source.port}"
