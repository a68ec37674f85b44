"""Demands that concern more than one key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import HealthSettings, HopSettings, PeerSettings, read

Complaints = Callable[..., list[str]]
Change = Callable[[dict[str, Any]], object]

SIGNING = {
    "key": ".",
    "certificate_url": "https://a.example/b",
    "origid": "de305d54-75b4-431b-adb2-eb6b9e546014",
}


def put(*path: str | int, value: object) -> Change:
    def change(data: dict[str, Any]) -> None:
        for step in path[:-1]:
            data = data.setdefault(step, {}) if isinstance(data, dict) else data[step]
        data[path[-1]] = value  # type: ignore[index]

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "a wildcard without an advertised address": (
        put("listen", 0, "address", value="0.0.0.0"), "listen[1].advertise"
    ),
    "an advertised wildcard": (put("listen", 0, "advertise", value="::"), "listen[1].advertise"),
    "blocked calls kept too short": (put("journal", "keep_days", "blocked", value=7), "journal.keep_days.blocked"),
    "numbers masked too soon": (put("journal", "mask_days", value=27), "journal.mask_days"),
    "a day that is none": (put("trunk", 0, "blocked_since", value="yesterday"), "trunk[1].blocked_since"),
    "a customer's profile that is none": (
        put("customer", value=[{"name": "Shop", "profile": "nonsense"}]), "customer[1].profile"
    ),
    "a line with two profiles": (
        put("profile", value={"a": {"numbers": ["+12025550100"]}, "b": {"numbers": ["+12025550100"]}}), "profile.b.numbers"
    ),
    "a country that is none": (
        put("policy", "country", value=[{"countries": ["usa"], "action": "deny"}]), "policy.country[1].countries"
    ),
    "a rule for no country": (
        put("policy", "country", value=[{"countries": [], "action": "deny"}]), "policy.country[1].countries: it is empty"
    ),
    "a rule for a peer that is none": (
        put("policy", "country", value=[{"countries": ["US"], "action": "tag", "peers": ["nobody"]}]), "policy.country[1].peers"
    ),
    "names without a place for the number": (
        put("policy", "names", value={"url": "https://names.example.com/"}), "policy.names.url"
    ),
    "names over an open network": (
        put("policy", "names", value={"url": "http://names.example.com/{number}"}), "policy.names.url"
    ),
    "a mark that leaves no room": (put("marking", "name_tagged", value="THIS IS PROBABLY SPAM "), "marking.name_tagged"),
    "reports without a journal": (put("journal", "quality", value=True), "journal.quality"),
    "a fleet of nothing": (put("fleet", value={}), "fleet: it names neither"),
    "a fleet without a secret": (put("fleet", value={"redis": "redis://127.0.0.1:6379/0"}), "fleet.redis: all machines"),
    "records of no journal": (put("fleet", value={"postgres": "postgresql://127.0.0.1/x"}), "fleet.postgres: records are"),
    "an engine nowhere": (put("fleet", value={"redis": "127.0.0.1:6379"}), "fleet.redis: this is no address"),
    "an engine at two places": (
        put("fleet", value={"redis": "redis://127.0.0.1/0", "redis_file": "."}), "fleet.redis: it stands in redis_file too"
    ),
    "no listener": (put("listen", value=[]), "listen: there is no listening address"),
    "one address twice": (
        put("listen", value=[{"address": "192.0.2.10"}, {"address": "192.0.2.10:5060"}]), "listen[2]"
    ),
    "port 0 outside the lab": (put("listen", 0, "address", value="192.0.2.10:0"), "listen[1].address"),
    "two trunks of one name": (put("trunk", 1, "name", value="carrier"), "trunk[2].name"),
    "one source in two trunks": (
        put("trunk", 1, "sources", value=["198.51.100.7"]), "belongs to carrier already"
    ),
    "a trunk without sources": (put("trunk", 1, "sources", value=[]), "trunk[2].sources"),
    "everybody trusted": (put("trunk", 0, "sources", value=["0.0.0.0/0"]), "is everybody"),
    "a profile that is not there": (put("trunk", 0, "profile", value="defaut"), "did you mean `default`?"),
    "a profile that never tags": (
        put("profile", "p", value={"tag_at": 9, "reject_at": 8}), "profile.p.tag_at"
    ),
    "signing without a key": (put("trunk", 1, "sign", value=True), "add [signing]"),
    "a carrier's calls signed": (put("trunk", 0, "sign", value=True), "not ours to sign"),
    "half a signing table": (put("signing", value={"key": "."}), "signing.origid: it is missing"),
    "an admin table without address": (put("admin", value={}), "admin.address: it is missing"),
    "nowhere to go": (put("next_hop", "pbx", value=[]), "have nowhere to go"),
    "a hop of another family": (put("next_hop", "pbx", value=["2001:db8::1"]), "no listener can reach"),
    "a hop that is ourselves": (put("next_hop", "pbx", value=["192.0.2.10"]), "is ourselves"),
    "an older hop beside a peer's": (put("trunk", 0, "hops", value=["198.51.100.7"]), "next_hop.carrier: the carrier side"),
    "a hop that leads nowhere": (put("trunk", 0, "hops", value=["0.0.0.0"]), "trunk[1].hops: '0.0.0.0' leads nowhere"),
    "a hop by a transport that is coming": (put("trunk", 0, "hops", value=["ws:a.example"]), "trunk[1].hops: WebSocket"),
    "a peer of which nothing is said": (
        put("peer", value=[{"name": "x", "side": "pbx"}]), "peer[1].sources: it is missing; list"
    ),
    "a name without sources": (
        put("peer", value=[{"name": "x", "side": "carrier", "hops": ["sip.example.net"]}]), "sip.example.net is a name"
    ),
    "one name for a peer and a trunk": (
        put("peer", value=[{"name": "pbx", "side": "pbx", "sources": ["192.0.2.9"]}]), "trunk[2].name: another one"
    ),
    "silence in two places": (
        lambda data: (data["next_hop"].update(silence_ms=500), data.update(health={"silence_ms": 400})),
        "next_hop.silence_ms: it stands in [health] too",
    ),
    "a clock outside the lab": (put("lab", "clock", value="+2d"), "in the lab only"),
    "a secret twice": (lambda data: data.update(secret="x" * 16, secret_file="."), "given twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_is(case: str, small: dict[str, Any], complaints: Complaints) -> None:
    change, said = REFUSED[case]
    change(small)
    assert said in "\n".join(complaints(small))


@pytest.mark.req("TRAP-91")
@pytest.mark.parametrize(
    ("address", "advertise", "refused"),
    [
        ("8.8.8.8", None, True),
        ("10.0.0.1", "8.8.8.8", True),
        ("127.0.0.1:0", None, False),
        ("10.0.0.1", "lab.example.com", False),
        ("0.0.0.0", "192.168.1.1", False),
    ],
)
def test_a_lab_may_not_be_reached_from_the_open_network(
    small: dict[str, Any], complaints: Complaints, address: str, advertise: str | None, refused: bool
) -> None:
    small["lab"] = {"enabled": True, "clock": "+2d"}
    small["listen"] = [{"address": address} | ({} if advertise is None else {"advertise": advertise})]
    assert bool(complaints(small)) is refused


def test_an_advertised_address_may_have_a_port_of_its_own(small: dict[str, Any]) -> None:
    small["listen"] = [
        {"address": "0.0.0.0:5070", "advertise": "203.0.113.5:5060", "transport": "udp"},
        {"address": "192.0.2.10:5080", "advertise": "sip.example.com", "transport": "udp"},
    ]
    one, two = read(small).listeners
    assert (one.host, one.port, one.advertised_host, one.advertised_port) == (
        "0.0.0.0",
        5070,
        "203.0.113.5",
        5060,
    )
    assert (two.advertised_host, two.advertised_port) == ("sip.example.com", 5080)


def test_the_environment_comes_before_the_file_and_the_key(small: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the secret file\n")
    small["secret_file"] = "secret"
    assert read(small, folder=tmp_path).secret == b"from the secret file"
    environ = {"RINGWARDEN_SECRET": "from the environment"}
    assert read(small, folder=tmp_path, environ=environ).secret == b"from the environment"
    del small["secret_file"]
    small["secret"] = "from the key itself"
    found = read(small, folder=tmp_path)
    assert found.secret == b"from the key itself"
    assert "from the key" not in repr(found)


@pytest.mark.parametrize("octets", [b"short", b"\xff" * 32, b""])
def test_a_bad_secret_is_refused_and_not_repeated(
    small: dict[str, Any], complaints: Complaints, tmp_path: Path, octets: bytes
) -> None:
    (tmp_path / "secret").write_bytes(octets)
    small["secret_file"] = "secret"
    (line,) = complaints(small)
    assert "secret_file" in line and "short" not in line.replace(str(tmp_path), "")
    small.pop("secret_file")
    (line,) = complaints(small, environ={"RINGWARDEN_SECRET": "short"})
    assert "environment RINGWARDEN_SECRET" in line


@pytest.mark.req("SIP-091")
def test_who_listens_by_udp_listens_by_tcp_too_unless_told_otherwise(small: dict[str, Any]) -> None:
    small["listen"] = [{"address": "192.0.2.10"}, {"address": "192.0.2.11", "transport": "udp"}]
    assert [(one.transport, one.host) for one in read(small).listeners] == [
        ("udp", "192.0.2.10"), ("tcp", "192.0.2.10"), ("udp", "192.0.2.11"),
    ]  # fmt: skip


def test_tls_needs_a_certificate_and_a_port_of_its_own(
    small: dict[str, Any], tmp_path: Path, complaints: Complaints
) -> None:
    small["listen"].append({"address": "192.0.2.10", "transport": "tls"})
    assert any("add [tls]" in line for line in complaints(small))
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    small["tls"] = {"certificate": str(tmp_path / "c.pem"), "key": str(tmp_path / "k.pem")}
    assert read(small).listeners[-1].port == 5061
    small["tls"]["clients"] = "required"
    assert any("tls.client_ca" in line for line in complaints(small))


def test_a_hop_needs_a_listener_of_its_transport(small: dict[str, Any], complaints: Complaints) -> None:
    small["listen"] = [{"address": "192.0.2.10", "transport": "udp"}]
    small["next_hop"]["pbx"] = ["udp+tcp:192.0.2.20"]
    assert any("by TCP" in line for line in complaints(small))


def test_an_older_file_gives_peers_in_its_order_and_nobody_is_pinged(small: dict[str, Any]) -> None:
    small["next_hop"] = {"carrier": ["198.51.100.7", "198.51.100.8:5070"], "pbx": ["192.0.2.20"], "silence_ms": 700}
    found = read(small)
    assert [(one.name, one.side, str(one.hops[0].host), one.hops[0].port, one.priority) for one in found.peers] == [
        ("carrier-1", "carrier", "198.51.100.7", 5060, 1), ("carrier-2", "carrier", "198.51.100.8", 5070, 2),
        ("pbx-1", "pbx", "192.0.2.20", 5060, 1),
    ]  # fmt: skip
    assert not any(one.ping for one in found.peers)
    assert found.health == HealthSettings(silence_ms=700)


def test_a_peer_says_in_one_place_who_it_is_and_where_its_calls_go() -> None:
    found = read(
        {
            "listen": [{"address": "192.0.2.10"}],
            "peer": [
                {"name": "a", "side": "carrier", "hops": ["198.51.100.7:5070", "198.51.100.8"], "weight": 3},
                {"name": "b", "side": "carrier", "hops": ["sip.example.net"], "sources": ["198.51.100.64/28"], "priority": 2},
                {"name": "in", "side": "carrier", "sources": ["198.51.100.9"]},
                {"name": "pbx", "side": "pbx", "hops": ["udp:192.0.2.20"], "ping": False},
            ],
        }
    )
    hops = (HopSettings("udp", "198.51.100.7", 5070, True), HopSettings("udp", "198.51.100.8", 5060, True))
    assert found.peers == (
        PeerSettings("a", "carrier", hops, 1, 3),
        PeerSettings("b", "carrier", (HopSettings(None, "sip.example.net", None, True),), 2),
        PeerSettings("pbx", "pbx", (HopSettings("udp", "192.0.2.20", 5060),), ping=False),
    )
    # Its messages come from where its calls go, unless it is said otherwise.
    names = [found.trunk_table.find(f"198.51.100.{n}") for n in (7, 8, 65, 9)]
    assert [one.name for one in names if one] == ["a", "a", "b", "in"]
    assert found.health == HealthSettings()


def test_the_journal_keeps_what_it_is_told_to(small: dict[str, Any]) -> None:
    assert not any(read(small).journal.keep_days.values()) and read(small).journal.mask == "hash"
    small["journal"] = {"keep_days": {"allowed": 7, "blocked": 28}, "mask_days": 28, "mask": "digits"}
    kept = read(small).journal
    assert (kept.keep_days["allowed"], kept.keep_days["blocked"], kept.mask_days, kept.mask) == (7, 28, 28, "digits")
