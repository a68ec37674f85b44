"""Lists that change while calls come: what the store is told, what is said, and what it does to a call."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from certs.fetch import Fetched
from certs.keys import Keyring, Pair
from certs.lab import DAY, Authority
from certs.lab_pa import Administrator
from certs.store import Store
from certs.trust import Sources, Trust
from proxy.lab.cases import CALLEE, CASES, place
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.settings import Settings, read
from proxy.trusting import Watch, courier, errands, sources
from shaken.credential import Anchors, CredentialFailure
from shaken.revocation import Revocations
from tests.waiting import counted

UTC = 1_767_225_600.0
URL = "https://sti-pa.example.com:8443/ca-list"


class Told:
    """A store that only notes what it is told."""

    def __init__(self) -> None:
        self.anchors: list[Anchors] = []
        self.revocations: list[tuple[int, str]] = []

    def replace_anchors(self, anchors: Anchors) -> None:
        self.anchors.append(anchors)

    def replace_revocations(self, revocations: Revocations, withheld: str = "") -> None:
        self.revocations.append((revocations.count, withheld))


class Office:
    def __init__(self, folder: Path, pairs: dict[str, Pair] | None = None, **more: Any) -> None:
        self.authority, self.pa, self.utc = Authority(UTC, seed="tests"), Administrator(UTC), UTC
        self.list, self.crl = folder / "list.jwt", folder / "revoked.crl"
        (folder / "list.pem").write_bytes(self.pa.list_pem)
        (folder / "crl.pem").write_bytes(self.pa.crl_pem)
        self.list.write_bytes(self.pa.trust_list([self.authority.root.certificate]))
        self.crl.write_bytes(self.pa.crl([]))
        self.told = Told()
        self.said: list[str] = []
        self.trust = Trust(
            Sources(
                trust_list=self.list, trust_list_keys=folder / "list.pem", crls=(self.crl,),
                crl_signers=folder / "crl.pem", copies=folder / "good", lab=True, **more,
            ),
            UTC,
        )  # fmt: skip
        self.ring, self.resigned = Keyring(pairs or {}), 0
        self.watch = Watch(
            self.trust, self.ring, lambda: self.told, self.resign, lambda: self.utc, self.say  # type: ignore[arg-type,return-value]
        )

    def resign(self) -> None:
        self.resigned += 1

    def say(self, event: str, **fields: Any) -> None:
        self.said.append(event)


async def test_what_changes_reaches_the_store_and_what_is_wrong_is_said_once(tmp_path: Path) -> None:
    office = Office(tmp_path)
    await office.watch.look()
    assert (office.told.anchors, office.told.revocations, office.said) == ([], [], [])
    other = Authority(UTC, seed="another").root.certificate
    office.list.write_bytes(office.pa.trust_list([office.authority.root.certificate, other], 2))
    office.crl.write_bytes(office.pa.crl([other], 2))
    await office.watch.look()
    assert [anchors.count for anchors in office.told.anchors] == [2] and office.told.revocations == [(1, "")]
    assert office.said == ["roots-changed", "revocations-changed"]
    assert (office.watch.standing.roots, office.watch.standing.revoked, office.watch.complaints) == (2, 1, 0)
    assert len(list((tmp_path / "good").iterdir())) == 2
    office.list.write_bytes(b"garbage, and longer than before")
    for _ in range(3):
        await office.watch.look()
    assert office.said[2:] == ["trust"] and office.watch.complaints == 1 and office.watch.standing.roots == 2


@pytest.mark.req("STI-093")
async def test_a_required_list_that_does_not_come_withholds_proof_until_it_is_there(tmp_path: Path) -> None:
    office = Office(tmp_path, crl_required=True)
    office.utc += DAY + 1
    await office.watch.look()
    await office.watch.look()
    assert [bool(why) for _, why in office.told.revocations] == [True]
    assert "nothing-proved" in office.said and office.watch.revoked_age == DAY + 1
    office.crl.write_bytes(office.pa.crl([], 2, issued=office.utc))
    await office.watch.look()
    assert office.told.revocations[-1] == (0, "") and office.watch.complaints == 0


async def test_copies_that_cannot_be_written_are_said(tmp_path: Path) -> None:
    office = Office(tmp_path)
    (tmp_path / "good").touch()
    await office.watch.kept()
    assert office.said == ["lists-unkept"]


async def test_keys_that_are_exchanged_or_end_reach_those_who_sign(tmp_path: Path) -> None:
    authority = Authority(UTC, seed="own")
    leaf = authority.leaf("709J", not_after=UTC + 60)
    chain, key = leaf.save(tmp_path, "own")
    office = Office(tmp_path, {"": Pair(key, "https://cr.example.net/own.pem", chain)})
    await office.watch.look()
    assert office.resigned == 0 and office.watch.left == 60
    authority.leaf("709J", not_after=UTC + 120).save(tmp_path, "own")
    await office.watch.look()
    assert office.resigned == 1 and office.watch.left == 120 and office.ring.generation == 2
    office.utc += 121
    await office.watch.look()
    await office.watch.look()
    assert office.resigned == 2 and office.said.count("keys-changed") == 2 and not office.ring.serving(office.utc)


def configured(folder: Path, **certificates: Any) -> Settings:
    for name in ("list.pem", "crl.pem", "a.crl"):
        (folder / name).touch()
    found = read(
        {
            "listen": [{"address": "192.0.2.10"}],
            "peer": [
                {"name": "carrier", "side": "carrier", "hops": ["198.51.100.7"]},
                {"name": "pbx", "side": "pbx", "hops": ["192.0.2.20"]},
            ],
            "paths": {"state": "state"},
            "certificates": certificates,
        },
        "ringwarden.toml",
        folder,
    )
    assert isinstance(found, Settings)
    return found


@pytest.mark.req("STI-090", "STI-094")
async def test_urls_are_the_operators_and_lie_in_the_state_folder(tmp_path: Path) -> None:
    settings = configured(
        tmp_path, trust_list=URL, trust_list_keys="list.pem", crls=["a.crl"], crl_signers="crl.pem", refresh_minutes=5
    )
    found = sources(settings)
    assert found.trust_list is not None and found.trust_list.parent == tmp_path / "state" / "trust"
    assert found.crls == (tmp_path / "a.crl",) and found.copies == tmp_path / "state" / "trust"
    assert list(errands(settings, _bare(found))) == [URL]
    made = courier(settings, _bare(found), None, lambda: UTC, lambda event, **fields: None)
    assert made is not None
    await made[1].close()
    assert courier(configured(tmp_path), Trust(), None, lambda: UTC, lambda event, **fields: None) is None


def _bare(found: Sources) -> Trust:
    trust = Trust()
    trust.sources = found
    return trust


@pytest.mark.req("LAB-13")
async def test_the_figures_say_nothing_that_the_calls_do_not_know_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are read in a thread, which may take long: the store goes by what was there before until it is told."""
    leaf = Authority(UTC, seed="ours").leaf("810K")
    pair = Pair(tmp_path / "ours.key", "https://cr.example.net/ours.pem", tmp_path / "ours.pem")
    leaf.save(tmp_path, "ours")
    office = Office(tmp_path, {"": pair})
    await office.watch.look()
    before = office.watch.standing
    assert (before.roots, before.revoked, before.keys_generation) == (1, 0, 1)
    other = Authority(UTC, seed="another")
    office.list.write_bytes(office.pa.trust_list([office.authority.root.certificate, other.root.certificate], 2))
    office.crl.write_bytes(office.pa.crl([other.root.certificate], 2))
    other.leaf("810K").save(tmp_path, "ours")
    look, meanwhile = office.ring.look, []

    def looked() -> bool:
        changed = look()
        assert changed and office.trust.anchors is not None and office.trust.anchors.count == 2
        meanwhile.append((office.watch.standing, len(office.told.anchors), office.resigned))
        return changed

    monkeypatch.setattr(office.ring, "look", looked)
    await office.watch.look()
    assert meanwhile == [(before, 0, 0)]
    after = office.watch.standing
    assert (after.roots, after.revoked, after.keys_generation) == (2, 1, 2) and office.resigned == 1
    generations = (after.roots_generation, after.lists_generation)
    assert generations == (before.roots_generation + 1, before.lists_generation + 1)


@pytest.mark.req("STI-089", "STI-091", "TRAP-86", "LAB-13")
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_running_ringwarden_fetches_its_roots_and_learns_what_was_taken_back(
    tmp_path: Path, workers: int
) -> None:
    pa = Administrator(time.time())
    crl = tmp_path / "revoked.crl"

    def amend(text: str) -> str:
        (tmp_path / "list.pem").write_bytes(pa.list_pem)
        (tmp_path / "crl.pem").write_bytes(pa.crl_pem)
        crl.write_bytes(pa.crl([]))
        url = world.repository.put("ca-list", pa.trust_list([world.authority.root.certificate], 7))
        return text.replace('anchors = "anchors.pem"\n', "") + (
            f'[certificates]\ntrust_list = "{url}"\ntrust_list_keys = "list.pem"\n'
            'crls = ["revoked.crl"]\ncrl_signers = "crl.pem"\n'
        )

    world = World(tmp_path, amend=amend, workers=workers)
    async with world:

        async def call() -> None:
            caller = "13015550101"
            one = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", f"<sip:+{caller}@carrier.example.net>")
            answer = await world.carrier.call(one.with_lines(f"Identity: {world.sign(caller, [CALLEE])}"), world.proxy)
            assert answer.status == 200

        await counted(world, "ringwarden_trust_roots", 1)
        await call()
        await counted(world, 'ringwarden_verify_total{attest="A",result="passed"}', 1)
        crl.write_bytes(pa.crl([world.carrier_leaf.certificate], 2))
        await counted(world, "ringwarden_crl_entries", 1)
        await counted(world, "ringwarden_crl_generation", 2)
        await call()
        await counted(world, 'ringwarden_verify_total{attest="A",result="passed"}', 1)
        await counted(world, 'ringwarden_verify_total{attest="none",result="identity-revoked"}', 1)
        assert world.repository.hits["/carrier.pem"] == 1  # known from the list, not fetched again


async def test_keys_that_are_exchanged_sign_the_next_call_of_a_running_ringwarden(tmp_path: Path) -> None:
    case = next(one for one in CASES if one.name == "PBX calls, own number")
    key = 'key = "pbx.key"\n'
    async with World(tmp_path, amend=lambda text: text.replace(key, key + 'certificate = "pbx.pem"\n')) as world:
        assert (await place(case, world))[1] == []  # the carrier proves it by what it fetches
        leaf = world.authority.leaf("810K")
        world.repository.put("pbx.pem", leaf.chain_pem())
        leaf.save(tmp_path, "pbx")
        await counted(world, "ringwarden_signing_generation", 2)
        assert (await place(case, world))[1] == []


async def test_a_store_is_told_through_the_watch(tmp_path: Path) -> None:
    """The same with a real store: a chain that stands on the list is gone at once."""
    office = Office(tmp_path)
    leaf = office.authority.leaf("709J")
    url = "https://cr.example.net/709J.pem"

    async def get(asked: str) -> Fetched:
        return Fetched(leaf.chain_pem())

    assert office.trust.anchors is not None
    store = Store(get, office.trust.anchors, lambda: office.utc, lambda: 0.0)
    watch = Watch(office.trust, office.ring, lambda: store, office.resign, lambda: office.utc, office.say)
    credential = await store.get(url, 1.0)
    office.crl.write_bytes(office.pa.crl([leaf.certificate], 2))
    await watch.look()
    now = store.peek(url)
    assert now is not credential and isinstance(now, CredentialFailure) and now.slug == "identity-revoked"
    await store.close()
