"""TLS with programs of others: a Kamailio before ringwarden and one behind it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import feed
from benchmarks.programs import Program, free_port
from benchmarks.sender import Planned, alive, place
from benchmarks.sipp import Address
from benchmarks.stage import Stage
from certs.lab import Authority
from tests.interop.patient import Ringwarden

MODULE = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so")
HERE = Path(__file__).parent


def tcp_port(host: str) -> int:
    return free_port(host)


def certificates(folder: Path, **hosts: str) -> None:
    """A certificate for each address, and the root of all of them."""
    authority = Authority(seed="interop")
    (folder / "ca.pem").write_bytes(authority.web_ca_pem)
    for name, host in hosts.items():
        authority.tls((host,)).save(folder, name)


def listening(folder: Path, port: int) -> str:
    """The tables that make ringwarden speak TLS."""
    return f"""
[[listen]]
transport = "tls"
address = "127.0.0.1:{port}"

[tls]
certificate = "{folder}/ours.pem"
key = "{folder}/ours.key"
ca = "{folder}/ca.pem"
client_ca = "{folder}/ca.pem"
clients = "required"
"""


def kamailio(me: Address, tls: int, following: str, folder: Path) -> Program:
    """A Kamailio that speaks UDP and TLS and sends calls on to `following`; it has a certificate and wants one."""
    run = folder / "kamailio"
    run.mkdir()
    settings = "\n".join(
        f"[{side}:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n"
        f"private_key = {folder}/theirs.key\ncertificate = {folder}/theirs.pem\nca_list = {folder}/ca.pem\n"
        for side in ("server", "client")
    )
    (run / "tls.cfg").write_text(settings)
    text = (HERE / "kamailio-tls.cfg").read_text()
    for word, value in {
        "HOST": me.host, "PORT": str(me.port), "TLS": str(tls), "CONFIG": str(run / "tls.cfg"), "NEXT": following,
    }.items():  # fmt: skip
        text = text.replace(f"@{word}@", value)
    (run / "kamailio.cfg").write_text(text)
    program = Program(
        "kamailio", ["kamailio", "-f", str(run / "kamailio.cfg"), "-DD", "-E", "-m", "64", "-Y", str(run), "-w", str(run)], run
    )
    try:
        program.ready(lambda: alive(me))
    except BaseException:
        program.stop()
        raise
    return program


@pytest.mark.peer("kamailio")
@pytest.mark.skipif(not MODULE.exists(), reason="Kamailio has no TLS here (Debian: kamailio-tls-modules)")
@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_verified_call_completes_by_tls_with_kamailio(where: str, tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        certificates(tmp_path, ours="127.0.0.1", theirs=stage.second.host if where == "behind" else "127.0.0.4")
        ours_tls, theirs_tls = tcp_port("127.0.0.1"), tcp_port("127.0.0.4")
        tables = listening(tmp_path, ours_tls)
        if where == "before":
            # carrier -UDP-> Kamailio -TLS-> ringwarden -UDP-> PBX
            entry, me = stage.second, stage.proxy
            following = f"{me.host}:{ours_tls};transport=tls"
            options = {"carrier": Address("127.0.0.4", stage.second.port)}
        else:
            # carrier -UDP-> ringwarden -TLS-> Kamailio -UDP-> PBX
            entry, me = stage.proxy, stage.proxy
            following = str(stage.pbx)
            options = {}
        with kamailio(stage.second, theirs_tls, following, tmp_path):
            if where == "behind":
                options["pbx"] = Address(stage.second.host, theirs_tls)
            with Ringwarden(
                stage, tmp_path, me=me, transport="tls" if where == "behind" else "udp", more=tables, **options
            ) as ours:
                call = feed.signed(1, stage.signer, time.time())[0]
                timing = place([Planned(0.0, call)], stage.carrier, stage.pbx, entry)[0]
                assert (timing.status, bool(timing.ended)) == (200, True)
                assert ours.count("ringwarden_verify_total", result="passed") == 1
                way = "in" if where == "before" else "out"
                assert ours.count("ringwarden_connections_begun_total", transport="tls", way=way) >= 1
                assert ours.count("ringwarden_retransmissions_total") == 0
