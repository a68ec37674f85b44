"""The demands on the network that concern more than one key: listeners, trunks and their sources, where calls go and by
which listener, certificates where TLS is spoken, and that a lab stays at home. `checks` calls each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from proxy.settings.addresses import SIP_PORT, SIPS_PORT, Endpoint
from proxy.settings.errors import Faults, nearest
from proxy.settings.network import (
    NO_COUNTRY,
    HealthSettings,
    HopSettings,
    ListenSettings,
    NamedCertificate,
    NextHop,
    PeerSettings,
    Source,
    TlsSettings,
    Trunk,
)
from proxy.settings.values import SIDES, LabSettings

Raw = dict[str, Any]


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


def trunks_of(
    tables: list[tuple[str, Raw]], profiles: Mapping[str, object], signing: bool, faults: Faults
) -> tuple[Trunk, ...]:
    trunks: list[Trunk] = []
    names: set[str] = set()
    owners: dict[Source, str] = {}
    for path, table in tables:
        name, side = table["name"], table["side"]
        if name is not None and name in names:
            faults.add(f"{path}.name", f"another one is called {name}", "give each a name of its own")
        names.add(name)
        if table["profile"] not in profiles:
            faults.add(
                f"{path}.profile",
                f"there is no [profile.{table['profile']}]",
                nearest(table["profile"], profiles),
            )
        sources = sources_of(path, table, faults)
        # A configured carrier is believed when it says who calls; a PBX is not, until somebody says so.
        trust = table["trust"] or ("identity" if side == "carrier" else "none")
        if table["verdicts"] is not None and trust != "verdicts":
            faults.add(f"{path}.verdicts", "its verdicts are not believed", 'set trust = "verdicts", or remove it')
        for source in dict.fromkeys(sources):
            if (owner := owners.setdefault(source, str(name))) != str(name):
                faults.add(
                    f"{path}.sources", f"{spelled(source)} belongs to {owner} already", "list it once"
                )
            if source.network.prefixlen == 0 and trust != "none":
                faults.add(
                    f"{path}.sources",
                    f"{source.network} is everybody, and it would be trusted",
                    'list addresses, or set trust = "none"',
                )
        if table["country"] == NO_COUNTRY and table["area"]:
            faults.add(f"{path}.area", "local numbers have no place where every number comes in full", "remove it")
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
                verdicts=table["verdicts"] or "3gpp",
                mode=table["mode"], enforce_percent=table["enforce_percent"],
                country=table["country"], area=table["area"],
                sign=(signing and side == "pbx") if sign is None else sign,
                customer=table["customer"], transit=table["transit"], attest=table["attest"],
                attest_other=table["attest_other"], origid=table["origid"],
                blocked=table["blocked"], blocked_since=table["blocked_since"], rmd=table["rmd"],
                run_by=table["run_by"],
                shell=table["shell"], go_on=table["go_on"], embed=table["embed"],
                follow_redirects=table["follow_redirects"],
                folds_tokens=table["folds_tokens"],
                calls_per_second=table["calls_per_second"], calls_per_source=table["calls_per_source"],
                contact=written(table["contact"]) if table["contact"] is not None else "",
            )
        )  # fmt: skip
    return tuple(trunks)


def sources_of(path: str, table: Raw, faults: Faults) -> tuple[Source, ...]:
    """Where its messages come from: what is said, or else the addresses of its hops."""
    if table["sources"] == ():
        faults.add(f"{path}.sources", "it is empty: nothing would belong to it", "list its addresses")
        return ()
    if table["sources"] is not None:
        found: tuple[Source, ...] = table["sources"]
        return found
    hops: tuple[HopSettings, ...] = table["hops"]
    if faults.about(f"{path}.sources") or faults.about(f"{path}.hops"):
        return ()
    if not hops:
        faults.add(f"{path}.sources", "it is missing", "list the addresses that its messages come from")
    for hop in hops:
        if not is_numeric(hop.host):
            faults.add(
                f"{path}.sources",
                f"it is missing, and {hop.host} is a name, whose addresses may change",
                "list the addresses that its messages come from",
            )
    return tuple(dict.fromkeys(Source(ip_network(hop.host)) for hop in hops if is_numeric(hop.host)))


Peers = list[tuple[str, PeerSettings]]
"""Key, and what stands there."""


def peers_of(tables: list[tuple[str, Raw]], next_hop: Raw, faults: Faults) -> Peers:
    """Where calls go: the hops of each peer; or, in older files, of each side."""
    peers: Peers = []
    for path, table in tables:
        if table["hops"] and table["name"] is not None and table["side"] is not None:
            one = PeerSettings(
                table["name"], table["side"], table["hops"], table["priority"], table["weight"], table["ping"],
                tuple(domain.lower() for domain in table["domains"]), table["route"],
            )  # fmt: skip
            peers.append((f"{path}.hops", one))
    for side in SIDES:
        hops: tuple[NextHop, ...] = next_hop[side]
        if hops and any(peer.side == side for _, peer in peers):
            faults.add(
                f"next_hop.{side}",
                f"the {side} side has peers with hops, so it is said twice where its calls go",
                "remove it here, and give each peer its hops and its priority",
            )
            continue
        # They are tried in their order. Nobody asked for pings in such a file, so none are sent.
        peers += [
            (f"next_hop.{side}", PeerSettings(f"{side}-{place}", side, (HopSettings(*as_way(hop)),), place, 1, False))
            for place, hop in enumerate(hops, 1)
        ]
    return peers


def as_way(hop: NextHop) -> tuple[str, str, int, bool]:
    return hop.transport, hop.host, hop.port, hop.unsaid


def health_of(raw: Raw, older: int | None, faults: Faults) -> HealthSettings:
    silence: int | None = raw["silence_ms"]
    if silence is not None and older is not None:
        faults.add("next_hop.silence_ms", "it stands in [health] too", "remove it here")
    told = silence if silence is not None else older
    return HealthSettings(
        HealthSettings().silence_ms if told is None else told,
        raw["ping_seconds"], raw["down_after"], raw["up_after"],
    )  # fmt: skip


def ways(listeners: tuple[ListenSettings, ...], trunks: tuple[Trunk, ...], peers: Peers, faults: Faults) -> None:
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
        if all(peer.side != other for _, peer in peers) and any(
            trunk.side == side and trunk.shell == "inline" for trunk in trunks
        ):
            if any(".hops: " in line or ": next_hop" in line for line in faults.found):
                continue  # what was to be the way is wrong, and that is said
            faults.add(
                "peer",
                f"calls from the {side} side have nowhere to go",
                f'add hops = ["192.0.2.20:5060"] to a [[peer]] with side = "{other}"',
            )
    for path, peer in peers:
        for hop in peer.hops:
            for word in hop.transport.split("+") if families and hop.transport is not None else ():
                # A name may have addresses of any family that we have.
                version = ip_address(hop.host).version if is_numeric(hop.host) else None
                if all(word != spoken or version not in (None, family) for spoken, family in families):
                    faults.add(
                        path,
                        f"no listener can reach {hop.host} by {word.upper()}",
                        f'add a [[listen]] with transport = "{word}" and an address of its family',
                    )
            if (hop.host, hop.port) in ours:
                faults.add(path, f"{hop.host}:{hop.port} is ourselves", "name the other side's address")


def is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def tls_of(
    raw: Raw | None, listeners: tuple[ListenSettings, ...], peers: Peers, faults: Faults
) -> TlsSettings | None:
    """The certificates; they are needed as soon as anything speaks TLS."""
    spoken = any(one.transport == "tls" for one in listeners) or any(
        hop.transport == "tls" for _, peer in peers for hop in peer.hops
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


def written(address: Endpoint) -> str:
    """A host with its port, if one was given, as a URI has it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return host if address.port is None else f"{host}:{address.port}"


def spelled(source: Source) -> str:
    network = source.network
    host = str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
    return host if source.port is None else f"{host} port {source.port}"
