"""What a person does with the folder of certificate files, and what a running ringwarden makes of it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from certs.lab import Authority
from certs.lab_pa import Administrator
from certs.shelf import Shelf
from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from tests.two_peers import LOOPBACK
from tests.waiting import counted

CONFIG = LOOPBACK + """[identity]
anchors = "anchors.pem"
[paths]
state = "state"
[lab]
enabled = true
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(seed="commands")
    (tmp_path / "anchors.pem").write_bytes(authority.anchors_pem)
    (tmp_path / "ringwarden.toml").write_text(CONFIG)
    return authority


def certs(folder: Path, *words: str) -> int:
    return main(["certs", *words, "--config", str(folder / "ringwarden.toml")])


def test_a_folder_is_brought_in_listed_and_purged(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = tmp_path / "mirror"
    for file, pem in {
        "cr.example.net/709J.pem": authority.leaf("709J").chain_pem(),
        "cr.example.net/999X.pem": authority.leaf("999X").chain_pem(),
        "other.example.net/old.pem": authority.leaf(bad="expired").chain_pem(),
    }.items():
        (mirror / file).parent.mkdir(parents=True, exist_ok=True)
        (mirror / file).write_bytes(pem)
    assert certs(tmp_path, "import", str(mirror)) == NEGATIVE
    assert "2 of 3 kept" in capsys.readouterr().out
    assert certs(tmp_path, "list", "--json") == OK
    rows = json.loads(capsys.readouterr().out)["certificates"]
    assert {(row["url"], row["spc"], row["holds"]) for row in rows} == {
        ("https://cr.example.net/709J.pem", "709J", True),
        ("https://cr.example.net/999X.pem", "999X", True),
    }
    assert certs(tmp_path, "list") == OK
    assert "SHAKEN 709J" in capsys.readouterr().out
    assert certs(tmp_path, "purge", "https://cr.example.net/709J.pem") == OK
    assert "1 taken away, 1 left" in capsys.readouterr().out
    assert certs(tmp_path, "purge", "--host", "CR.example.net", "--json") == OK
    assert json.loads(capsys.readouterr().out) == {"purged": 1, "kept": 0}


@pytest.mark.req("STI-088")
def test_a_chain_that_holds_no_more_is_listed_as_such_and_can_be_purged(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.pem").write_bytes(authority.leaf("709J").chain_pem())
    assert certs(tmp_path, "import", str(tmp_path / "a.pem"), "--url", "https://cr.example.net/a.pem") == OK
    (tmp_path / "anchors.pem").write_bytes(Authority(seed="another").anchors_pem)
    assert certs(tmp_path, "list") == NEGATIVE
    assert "identity-untrusted-chain" in capsys.readouterr().out.replace("\n", "")
    assert certs(tmp_path, "purge", "--bad") == OK
    assert not Shelf(tmp_path / "state" / "certificates").load()


@pytest.mark.req("STI-091")
def test_what_was_taken_back_is_listed_as_such_by_the_signed_lists_too(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    pa, leaf = Administrator(time.time()), authority.leaf("709J")
    for name, octets in {
        "list.pem": pa.list_pem, "crl.pem": pa.crl_pem, "revoked.crl": pa.crl([leaf.certificate]),
        "list.jwt": pa.trust_list([authority.root.certificate]), "a.pem": leaf.chain_pem(),
        "b.pem": authority.leaf("999X").chain_pem(),
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(octets)
    config = tmp_path / "ringwarden.toml"
    config.write_text(
        config.read_text().replace('anchors = "anchors.pem"', "")
        + '[certificates]\ntrust_list = "list.jwt"\ntrust_list_keys = "list.pem"\n'
        + 'crls = ["revoked.crl"]\ncrl_signers = "crl.pem"\n'
    )
    assert certs(tmp_path, "import", str(tmp_path / "a.pem"), "--url", "https://cr.example.net/a.pem", "--json") == NEGATIVE
    assert "identity-revoked" in capsys.readouterr().out
    assert certs(tmp_path, "import", str(tmp_path / "b.pem"), "--url", "https://cr.example.net/b.pem") == OK


def test_wrong_use_is_said_with_its_cure(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certs(tmp_path, "purge") == USAGE
    assert certs(tmp_path, "import", str(tmp_path / "missing")) == USAGE
    text = (tmp_path / "ringwarden.toml").read_text()
    (tmp_path / "ringwarden.toml").write_text(text.replace('state = "state"', ""))
    assert certs(tmp_path, "list") == USAGE
    assert "[certificates] cache" in capsys.readouterr().err


async def test_a_restart_and_a_reload_begin_with_what_is_kept(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        (tmp_path / "state").mkdir(exist_ok=True)
        url = world.carrier_signer.x5u

        async def verified() -> None:
            caller = "13015550101"
            call = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", f"<sip:+{caller}@carrier.example.net>")
            answer = await world.carrier.call(call.with_lines(f"Identity: {world.sign(caller, [CALLEE])}"), world.proxy)
            assert answer.status == 200

        await verified()
        world.process.send_signal(signal.SIGTERM)
        await world.process.wait()
        assert list(Shelf(tmp_path / "state" / "certificates").load()) == [url]
        hits = sum(world.repository.hits.values())
        await world.run()
        await verified()
        assert sum(world.repository.hits.values()) == hits
        # What is purged is forgotten with the next reload, and nothing else is.
        Shelf(tmp_path / "state" / "certificates").remove([url])
        world.process.send_signal(signal.SIGHUP)
        await counted(world, 'ringwarden_reloads_total{result="ok"}', 1)
        await verified()
        assert sum(world.repository.hits.values()) == hits + 1
