"""The lab's repository, seen by an ordinary HTTPS client: it serves, it fails as it is told to, it counts, and it ends."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from certs.lab import Authority
from proxy.lab.repository import FAULTS, HUGE, Repository
from tests.waiting import SECONDS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    Authority(seed="repository").save(folder)
    return folder


@pytest.fixture
async def repository(folder: Path) -> AsyncIterator[Repository]:
    async with Repository(folder / "repository.pem", folder / "repository.key", folder=folder) as repository:
        yield repository


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=folder / "web-ca.pem")
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context), auto_decompress=False, timeout=timeout
    ) as client:
        yield client


async def test_what_was_put_is_served_and_counted(repository: Repository, client: aiohttp.ClientSession) -> None:
    url = repository.put("carriers/709J.pem", b"a chain")
    for _ in range(2):
        async with client.get(url) as response:
            assert (response.status, await response.read()) == (200, b"a chain")
            assert response.content_type == "application/pem-certificate-chain"
    async with client.get(repository.base + "/none.pem") as response:
        assert response.status == 404
    assert repository.hits == {"/carriers/709J.pem": 2, "/none.pem": 1}


@pytest.mark.parametrize(
    ("fault", "status", "kind", "size"),
    [
        ("status-503", 503, "text/plain", None),
        ("redirect", 302, "application/octet-stream", None),
        ("type", 200, "text/html", None),
        ("garbage", 200, "application/pem-certificate-chain", 1024),
        ("empty", 200, "application/pem-certificate-chain", 0),
        ("huge", 200, "application/pem-certificate-chain", HUGE),
        ("endless", 200, "application/pem-certificate-chain", HUGE),
    ],
)
async def test_a_fault_is_what_its_name_says(
    repository: Repository, client: aiohttp.ClientSession, fault: str, status: int, kind: str, size: int | None
) -> None:
    async with client.get(repository.put("a.pem", b"a chain", fault), allow_redirects=False) as response:
        assert (response.status, response.content_type) == (status, kind)
        body = await response.read()
    assert size is None or len(body) == size


async def test_the_bomb_is_small_on_the_wire(repository: Repository, client: aiohttp.ClientSession) -> None:
    async with client.get(repository.put("a.pem", b"", "bomb")) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(await response.read()) < 64 * 1024


async def test_a_cut_answer_is_cut(repository: Repository, client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with client.get(repository.put("a.pem", b"a chain" * 100, "cut")) as response:
            await response.read()


async def test_a_drip_begins(repository: Repository, client: aiohttp.ClientSession) -> None:
    async with client.get(repository.put("a.pem", b"abc", "drip")) as response:
        assert await response.content.readexactly(1) == b"a"
        response.close()


async def test_what_hangs_answers_when_it_is_released(repository: Repository, client: aiohttp.ClientSession) -> None:
    url = repository.put("a.pem", b"a chain", "hang")

    async def ask() -> bytes:
        async with client.get(url) as response:
            return await response.read()

    asking = asyncio.create_task(ask())
    await asyncio.wait_for(repository.waiting.wait(), SECONDS)
    assert not asking.done()
    repository.release()
    assert await asking == b"a chain"


async def test_what_hangs_does_not_hold_up_the_end(folder: Path, client: aiohttp.ClientSession) -> None:
    async with Repository(folder / "repository.pem", folder / "repository.key") as repository:
        asking = asyncio.create_task(client.get(repository.put("a.pem", b"", "hang")).__aenter__())
        await asyncio.wait_for(repository.waiting.wait(), SECONDS)
    (result,) = await asyncio.gather(asking, return_exceptions=True)
    if isinstance(result, aiohttp.ClientResponse):
        result.close()


def test_an_unknown_fault_is_a_mistake_of_the_caller(folder: Path) -> None:
    repository = Repository(folder / "repository.pem", folder / "repository.key")
    for fault in ("hung", "status-", "status-99", "status-600"):
        with pytest.raises(ValueError, match="no such fault"):
            repository.put("a.pem", b"", fault)


async def test_a_folder_is_served_without_its_keys(repository: Repository, client: aiohttp.ClientSession) -> None:
    expected = {
        "/web-ca.pem": 200, "/repository.key": 404, "/../web-ca.pem": 200, "/x/web-ca.pem": 404, "/.web-ca.pem": 404,
        "/%2e%2e%2fweb-ca.pem": 404, "/status-418/web-ca.pem": 418, "/type/web-ca.pem": 200, "/hang/none.pem": 404,
    }  # fmt: skip
    for path, status in expected.items():
        async with client.get(repository.base + path) as response:
            assert response.status == status, path


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_can_stand_in_a_path(fault: str) -> None:
    assert "/" not in fault and not fault.endswith(".pem")


async def test_a_subprocess_says_where_it_is_and_ends_when_told(folder: Path, client: aiohttp.ClientSession) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy.lab.repository", "--folder", str(folder), "--cert", str(folder / "repository.pem"),
        "--key", str(folder / "repository.key"), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        base = (await asyncio.wait_for(process.stdout.readline(), SECONDS)).decode().strip()
        async with client.get(base + "/web-ca.pem") as response:
            assert await response.read() == (folder / "web-ca.pem").read_bytes()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
