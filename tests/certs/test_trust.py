"""Whom we believe while files come, change, break and go back: nothing but a good and newer one changes anything."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from certs import trust
from certs.files import FileError
from certs.lab import DAY, Authority
from certs.lab_pa import Administrator
from certs.trust import Sources, Trust
from shaken.revocation import identities

UTC = 1_767_225_600.0
OTHER = Authority(UTC, seed="another", name="SHAKEN Other Root")


class Office:
    """A folder with everything, and an administrator who signs what goes into it."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder, self.authority = folder, authority
        self.pa = Administrator(UTC)
        self.ticks = 0
        (folder / "list.pem").write_bytes(self.pa.list_pem)
        (folder / "crl.pem").write_bytes(self.pa.crl_pem)
        self.list, self.crl = folder / "list.jwt", folder / "revoked.crl"
        self.sources = Sources(
            trust_list=self.list,
            trust_list_keys=folder / "list.pem",
            crls=(self.crl,),
            crl_signers=folder / "crl.pem",
            copies=folder / "good",
            lab=True,
        )

    def put(self, path: Path, octets: bytes) -> None:
        path.write_bytes(octets)
        self.ticks += 1  # a clock of files that is coarse must not hide a change
        os.utime(path, ns=(self.ticks * 10**9, self.ticks * 10**9))

    def lists(self, sequence: int = 1, *authorities: Authority) -> None:
        roots = [one.root.certificate for one in authorities or (self.authority,)]
        self.put(self.list, self.pa.trust_list(roots, sequence))

    def revokes(self, number: int, *certificates: x509.Certificate, issued: float = UTC) -> None:
        self.put(self.crl, self.pa.crl(certificates, number, issued=issued))


@pytest.fixture
def office(tmp_path: Path, authority: Authority) -> Office:
    office = Office(tmp_path, authority)
    office.lists()
    office.revokes(1)
    return office


@pytest.mark.req("STI-089")
def test_a_newer_list_takes_the_place_of_the_old_one_whole(office: Office) -> None:
    held = Trust(office.sources, UTC)
    assert held.anchors is not None and held.anchors.certificates == (office.authority.root.certificate,)
    assert (held.roots.generation, held.roots.since, held.withheld(UTC), held.complaints(UTC)) == (1, UTC, "", [])
    assert not held.look(UTC + 1)
    office.lists(2, office.authority, OTHER)
    assert held.look(UTC + 2)
    assert held.anchors.count == 2 and (held.roots.generation, held.roots.since) == (2, UTC + 2)
    assert any("2 from" in line and "sequence 2" in line for line in held.report(UTC))


@pytest.mark.req("STI-089")
@pytest.mark.parametrize(
    ("what", "why"),
    [("tampered", "does not hold"), ("rolled back", "older"), ("expired", "time is over"), ("gone", "cannot be read"),
     ("garbage", "no token")],
)  # fmt: skip
def test_whatever_is_wrong_with_a_list_leaves_the_last_good_one_and_is_said(
    office: Office, what: str, why: str
) -> None:
    office.lists(5)
    held = Trust(office.sources, UTC)
    root = [OTHER.root.certificate]
    if what == "gone":
        office.list.unlink()
    else:
        office.put(
            office.list,
            {
                "tampered": office.pa.trust_list(root, 6, key=office.pa.crl_key),
                "rolled back": office.pa.trust_list(root, 4),
                "expired": office.pa.trust_list(root, 6, UTC - 1),
                "garbage": b"<html>",
            }[what],
        )
    assert not held.look(UTC)
    assert held.anchors is not None and held.anchors.certificates == (office.authority.root.certificate,)
    assert held.roots.generation == 1 and not held.withheld(UTC)
    (complaint,) = held.complaints(UTC)
    assert why in complaint
    office.lists(6, OTHER)
    assert held.look(UTC) and held.complaints(UTC) == []


@pytest.mark.req("TRAP-86", "STI-089")
def test_a_start_on_a_bad_day_has_the_last_good_copies(office: Office) -> None:
    leaf = office.authority.leaf("709J").certificate
    office.lists(5)
    office.revokes(7, leaf)
    first = Trust(office.sources, UTC)
    first.keep()
    office.put(office.list, b"<html>")
    office.crl.unlink()
    again = Trust(office.sources, UTC)
    assert again.anchors == first.anchors and again.revocations == first.revocations
    assert len(again.complaints(UTC)) == 2 and again.withheld(UTC) == ""
    # Nor does a start forget which sequence was the last one.
    office.lists(4, OTHER)
    office.revokes(6)
    late = Trust(office.sources, UTC)
    assert late.anchors == first.anchors and late.revocations.count == 1
    assert all("older" in text for text in late.complaints(UTC))


@pytest.mark.req("TRAP-86")
def test_without_any_list_that_holds_nothing_is_believed_and_nothing_refused(office: Office) -> None:
    office.put(office.list, b"garbage")
    office.crl.unlink()
    held = Trust(office.sources, UTC)
    assert held.anchors is not None and held.anchors.count == 0
    assert "no list of authorities" in held.withheld(UTC)
    office.lists()
    assert held.look(UTC) and not held.withheld(UTC)
    assert len(held.complaints(UTC)) == 1  # the revocation list is still missing, which holds up nothing


def test_a_list_whose_time_is_over_serves_on_and_is_said(office: Office) -> None:
    held = Trust(office.sources, UTC)
    later = UTC + 31 * DAY
    assert held.anchors is not None and held.anchors.count == 1
    assert any("time is over" in text for text in held.complaints(later))
    # A start finds no better one and takes it too.
    assert Trust(office.sources, later).anchors == held.anchors


@pytest.mark.req("STI-091", "STI-093")
def test_a_newer_revocation_list_is_taken_and_an_older_one_is_not(office: Office) -> None:
    leaf = office.authority.leaf("709J").certificate
    held = Trust(office.sources, UTC)
    assert held.revocations.revoked(identities((leaf,))) is None and held.lists.generation == 1
    office.revokes(3, leaf, issued=UTC + 60)
    assert held.look(UTC + 120)
    assert held.revocations.revoked(identities((leaf,))) and (held.lists.generation, held.age(UTC + 120)) == (2, 60)
    office.revokes(2)
    assert not held.look(UTC + 180)
    assert held.revocations.count == 1 and "older" in held.complaints(UTC)[0]
    office.put(office.crl, office.pa.crl([], 4, key=office.pa.list_key))
    assert not held.look(UTC + 180) and held.revocations.count == 1
    assert any("1 certificates" in line and "number 3" in line for line in held.report(UTC))


@pytest.mark.req("STI-093")
@pytest.mark.parametrize("required", [False, True])
def test_a_stale_revocation_list_serves_on_unless_a_current_one_is_required(office: Office, required: bool) -> None:
    held = Trust(replace(office.sources, crl_required=required), UTC)
    late = UTC + DAY + 1
    assert held.withheld(UTC) == ""
    assert bool(held.withheld(late)) is required
    assert any("newer list was due" in text for text in held.complaints(late))


def test_a_folder_of_roots_is_read_again_when_a_file_in_it_changes(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "roots"
    folder.mkdir()
    (folder / "a.pem").write_bytes(office.authority.anchors_pem)
    held = Trust(Sources(anchors=folder, lab=True), UTC)
    assert held.anchors is not None and held.anchors.count == 1 and not held.look(UTC)
    office.put(folder / "b.pem", OTHER.anchors_pem)
    assert held.look(UTC + 5) and held.anchors.count == 2 and held.roots.generation == 2
    office.put(folder / "b.pem", b"half a fi")
    assert not held.look(UTC + 6) and held.anchors.count == 2
    assert "can be read" in held.complaints(UTC)[0]


def test_a_root_of_the_lab_does_not_come_in_by_a_list(office: Office) -> None:
    sources = Sources(trust_list=office.list, trust_list_keys=office.folder / "list.pem")
    held = Trust(sources, UTC)
    assert held.anchors is not None and held.anchors.count == 0
    assert "root of the lab" in held.complaints(UTC)[0]


@pytest.mark.parametrize("file", ["list.pem", "crl.pem"])
def test_a_key_file_that_holds_no_key_is_for_the_operator_to_correct(office: Office, file: str) -> None:
    (office.folder / file).write_bytes(b"garbage")
    with pytest.raises(FileError, match=file):
        Trust(office.sources, UTC)


def test_one_that_follows_counts_on_where_the_other_was(office: Office) -> None:
    former = Trust(office.sources, UTC)
    office.revokes(2, OTHER.root.certificate)
    former.look(UTC + 1)
    same = Trust(office.sources, UTC + 100)
    same.follow(former)
    assert (same.roots.generation, same.roots.since) == (1, UTC)
    assert (same.lists.generation, same.lists.since) == (2, UTC + 1)
    office.lists(2, OTHER)
    other = Trust(office.sources, UTC + 200)
    other.follow(same)
    assert (other.roots.generation, other.roots.since) == (2, UTC + 200)


def test_a_reload_on_a_bad_day_keeps_what_the_last_one_had(office: Office) -> None:
    sources = replace(office.sources, copies=None)
    office.lists(5)
    office.revokes(5, OTHER.root.certificate)
    former = Trust(sources, UTC)
    office.put(office.list, b"<html>")
    office.revokes(4)
    again = Trust(sources, UTC + 1)
    assert again.withheld(UTC + 1)
    again.follow(former)
    assert again.anchors == former.anchors and again.revocations == former.revocations
    assert (again.withheld(UTC + 1), again.roots.generation, again.lists.generation) == ("", 1, 1)


def test_without_any_source_nothing_is_believed() -> None:
    held = Trust(Sources(), UTC)
    assert held.anchors is None and held.revocations.count == 0 and held.report(UTC) == []
    assert trust.moment(None) == "?"
