"""One lab authority for all tests of this folder: minting costs milliseconds, so it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from certs.fetch import Fetcher, Limits
from certs.lab import Authority
from proxy.lab.repository import Repository
from tests.certs.library import URL, UTC, Library
from tests.waiting import SECONDS


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(UTC, seed="tests")


@pytest.fixture(scope="session")
def lab(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `Authority.save` writes."""
    folder = tmp_path_factory.mktemp("lab")
    authority.save(folder)
    return folder


@pytest.fixture
async def repository(lab: Path) -> AsyncIterator[Repository]:
    async with Repository(lab / "repository.pem", lab / "repository.key") as repository:
        yield repository


@pytest.fixture
async def fetching() -> AsyncIterator[Callable[[Limits], Fetcher]]:
    """Makes fetchers and closes them."""
    made: list[Fetcher] = []

    def make(limits: Limits) -> Fetcher:
        made.append(Fetcher(limits))
        return made[-1]

    yield make
    for fetcher in made:
        await fetcher.close()


@pytest.fixture
def fetcher(fetching: Callable[[Limits], Fetcher], authority: Authority) -> Fetcher:
    return fetching(Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=SECONDS))


@pytest.fixture
async def library(authority: Authority) -> AsyncIterator[Library]:
    library = Library(authority)
    library.files[URL] = authority.leaf("709J").chain_pem()
    yield library
    await library.store.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
