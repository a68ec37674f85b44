"""Files that outlive a restart: what is written is what is read, and nothing that lies in the folder is believed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.chains import Kept
from certs.fetch import Limits
from certs.files import FileError
from certs.shelf import MAX_QUEUE, Scribe, Shelf, brought, name, parse, written

URL = "https://cr.example.net/709J.pem"
UTC = 1_767_225_600.0
KEPT = Kept(b"-----BEGIN CERTIFICATE-----\n", UTC, 86_400.0)


@given(st.binary(max_size=300), st.integers(0, 2**33), st.integers(0, 2**31))
def test_what_is_written_is_what_is_read(body: bytes, fetched: int, fresh: int) -> None:
    kept = Kept(body, float(fetched), float(fresh))
    assert parse(written(URL, kept)) == (URL, kept)


@given(st.binary(max_size=200))
def test_any_other_file_is_none_of_ours(octets: bytes) -> None:
    assert parse(octets) is None or octets.startswith(b"x5u: ")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"x5u: https://a/b\nfetched: 1\nfresh: 1\n",
        b"x5u: https://a/b\nfetched: 1\nfresh: -1\n\n",
        b"x5u: https://a/b\nfetched: nan\nfresh: 1\n\n",
        b"x5u: https://a/\xff\nfetched: 1\nfresh: 1\n\n",
        b"fetched: 1\nx5u: https://a/b\nfresh: 1\n\n",
        b"x5u: https://a/b\nfetched: 1\nfresh: 1\nmore: 1\n\n",
        b"x5u: https://a/b\nfetched: 1\nfresh: 1\n\n" + bytes(65 * 1024),
    ],
)
def test_a_damaged_file_is_passed_over(octets: bytes) -> None:
    assert parse(octets) is None


@pytest.mark.req("TRAP-80")
def test_a_folder_gives_back_what_was_put_and_passes_over_the_rest(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "new" / "folder")
    assert shelf.load() == {}
    other = "https://cr.example.net/../../709J.pem?"
    shelf.put(URL, KEPT)
    shelf.put(other, KEPT._replace(fetched=UTC + 1))
    folder = shelf.folder
    (folder / "note.x5u").write_bytes(b"a note")
    (folder / "copy.x5u").write_bytes(written("https://cr.example.net/copied.pem", KEPT))
    (folder / name("https://a/folder")).mkdir()
    assert list(shelf.load()) == [other, URL]
    assert {path.parent for path in folder.iterdir()} == {folder}
    assert list(Shelf(folder, most=1).load()) == [other]
    assert shelf.remove([URL, URL]) == 1 and list(shelf.load()) == [other]


def test_a_draft_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / name(URL)).mkdir()
    (tmp_path / name(URL) / "in the way").touch()
    with pytest.raises(OSError):
        shelf.put(URL, KEPT)
    assert [path.name for path in tmp_path.iterdir()] == [name(URL)]


def test_the_scribe_writes_beside_the_calls_and_knows_what_was_purged(tmp_path: Path) -> None:
    scribe = Scribe(Shelf(tmp_path))
    assert scribe.purged([URL]) == set()
    scribe.put("https://cr.example.net/2.pem", KEPT)
    scribe.close()
    assert list(scribe.shelf.load()) == ["https://cr.example.net/2.pem"]
    assert scribe.purged(["https://cr.example.net/2.pem"]) == {URL}


def test_a_disk_that_is_full_or_slow_is_said_once_and_costs_files_only(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    (tmp_path / "file").touch()
    scribe = Scribe(Shelf(tmp_path / "file"), lambda event, **fields: said.append({"event": event, **fields}))
    for number in range(3):
        scribe.put(f"https://a/{number}.pem", KEPT)
    scribe.close()
    assert scribe.dropped == 3 and [one["event"] for one in said] == ["certificate-unkept"]

    gate = threading.Event()
    slow = Scribe(Shelf(tmp_path / "slow"))
    slow._thread.submit(gate.wait, 30)
    for number in range(MAX_QUEUE + 5):
        slow.put(f"https://a/{number}.pem", KEPT)
    assert slow.dropped == 5
    gate.set()
    slow.close()
    assert len(slow.shelf.load()) == MAX_QUEUE


def bring(path: Path, url: str | None = None) -> dict[str, Kept | str]:
    return dict(brought(path, url, UTC, Limits()))


def test_a_folder_as_wget_leaves_it_says_the_urls(tmp_path: Path) -> None:
    for file in ("cr.example.net/spc/709J.pem", "cr.example.net:8443/a.crt", "cr.example.net:22/b.pem", "stray.pem"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"octets")
    (tmp_path / "cr.example.net" / "index.html").write_bytes(b"no")
    found = bring(tmp_path)
    assert found.pop("https://cr.example.net/spc/709J.pem") == Kept(b"octets", UTC, 86_400.0)
    assert found.pop("https://cr.example.net:8443/a.crt") == Kept(b"octets", UTC, 86_400.0)
    assert "port 22" in str(found.pop("https://cr.example.net:22/b.pem"))
    assert "--url" in str(found.pop(str(tmp_path / "stray.pem"))) and not found


def test_a_single_file_is_told_its_url_and_one_of_a_shelf_knows_it(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(b"octets")
    assert bring(tmp_path / "a.pem", URL) == {URL: Kept(b"octets", UTC, 86_400.0)}
    shelf = Shelf(tmp_path / "shelf")
    shelf.put(URL, KEPT)
    assert bring(shelf.folder) == {URL: KEPT}
    assert bring(shelf.folder / name(URL), "https://other.example.net/a.pem") == {
        "https://other.example.net/a.pem": KEPT
    }


def test_a_folder_without_certificates_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no certificate file"):
        bring(tmp_path)
