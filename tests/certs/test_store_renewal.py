"""How long a chain serves, what has it fetched again, and what a restart begins with."""

from __future__ import annotations

import pytest

from certs.chains import EARLY, SPREAD
from certs.fetch import FetchError
from certs.lab import DAY, Authority
from certs.store import SUSPICION
from shaken.credential import Credential, CredentialFailure
from tests.certs.library import URL, UTC, Library


@pytest.mark.req("STI-072")
async def test_a_chain_is_used_no_longer_than_it_is_valid(library: Library, authority: Authority) -> None:
    library.files[URL] = authority.leaf(not_after=UTC + 60).chain_pem()
    assert isinstance(await library.store.get(URL, 1.0), Credential)
    library.passes(61)
    assert library.store.peek(URL) is None
    failure = await library.store.get(URL, 1.0)
    assert isinstance(failure, CredentialFailure) and failure.slug == "identity-expired"
@pytest.mark.req("STI-072")
async def test_a_chain_is_fetched_again_before_its_day_is_over_and_serves_meanwhile(
    library: Library, authority: Authority
) -> None:
    old = await library.store.get(URL, 1.0)
    library.passes(DAY * EARLY - 1)
    assert library.store.peek(URL) is old and not library.store.flying
    library.files[URL] = authority.leaf("709J").chain_pem()
    library.open.clear()
    library.passes(DAY * SPREAD + 1)
    for _ in range(10):
        assert library.store.peek(URL) is old  # at once, and one fetch
    assert library.store.flying == 1 and library.counts["early"] == 1
    library.open.set()
    await library.landed()
    new = library.store.peek(URL)
    assert isinstance(new, Credential) and new is not old
    assert library.asked[URL] == 2
@pytest.mark.req("STI-072")
async def test_a_chain_of_yesterday_serves_while_it_is_fetched_again(library: Library, authority: Authority) -> None:
    old = await library.store.get(URL, 1.0)
    library.passes(DAY)
    library.files[URL] = authority.leaf("709J").chain_pem()
    library.open.clear()
    assert library.store.peek(URL) is old
    assert await library.store.get(URL, 0.0) is old
    library.open.set()
    await library.landed()
    new = library.store.peek(URL)
    assert isinstance(new, Credential) and new is not old
    assert library.asked[URL] == 2 and library.counts["stale"] == 1
@pytest.mark.req("STI-072")
@pytest.mark.parametrize(
    ("said", "days"),
    [(None, 1), (0.0, 1), (60.0, 1), (3 * DAY, 3), (365 * DAY, 7)],
    ids=["nothing", "not at all", "a minute", "three days", "a year"],
)
async def test_the_server_says_how_long_from_a_day_to_a_week(
    library: Library, said: float | None, days: float
) -> None:
    library.seconds = said
    await library.store.get(URL, 1.0)
    library.passes(days * DAY * EARLY - 1)
    library.store.peek(URL)
    assert not library.store.flying
    library.passes(days * DAY * SPREAD + 1)
    library.store.peek(URL)
    await library.landed()
    assert library.asked[URL] == 2
async def test_what_came_together_is_not_fetched_again_together(library: Library, authority: Authority) -> None:
    pem = authority.leaf("709J").chain_pem()
    names = [f"https://h{number}.example/a.pem" for number in range(100)]
    for name in names:
        library.files[name] = pem
        await library.store.get(name, 1.0)
    dues = sorted(library.store._held[name].due for name in names)
    assert dues[-1] - dues[0] > 0.1 * DAY
    assert max(late - early for early, late in zip(dues, dues[1:], strict=False)) < 0.02 * DAY
@pytest.mark.parametrize(
    "today",
    [FetchError("connect", "nobody there"), b"", b"garbage", "stranger"],
    ids=["dead", "empty", "garbage", "another root"],
)
async def test_nothing_that_a_repository_does_takes_a_chain_away_that_is_still_valid(
    library: Library, authority: Authority, today: Exception | bytes | str
) -> None:
    old = await library.store.get(URL, 1.0)
    library.files[URL] = authority.leaf(bad=today).chain_pem() if isinstance(today, str) else today
    library.passes(DAY)
    assert await library.store.get(URL, 1.0) is old
    await library.landed()
    for _ in range(10):
        assert await library.store.get(URL, 1.0) is old
    assert library.asked[URL] == 2  # and it is not asked at each call
    library.passes(5)
    assert await library.store.get(URL, 1.0) is old
    await library.landed()
    assert library.asked[URL] == 3
    for _ in range(120):
        library.passes(1)
        library.store.peek(URL)
        await library.landed()
    assert library.asked[URL] <= 3 + 3 + 120 // 30  # less and less often
@pytest.mark.req("TRAP-82")
async def test_a_bad_signature_has_the_file_fetched_again_once_a_minute(
    library: Library, authority: Authority
) -> None:
    old = await library.store.get(URL, 1.0)
    assert isinstance(old, Credential)
    library.files[URL] = authority.leaf("709J").chain_pem()
    assert library.store.suspect(URL, old)
    new = await library.store.successor(URL, old, 1.0)
    assert isinstance(new, Credential) and new.fingerprint != old.fingerprint
    assert library.store.peek(URL) is new
    assert library.store.suspect(URL, old)  # who was judged by the old one a moment ago gets the new one at once
    assert await library.store.successor(URL, old, 0.0) is new
    for _ in range(100):
        assert not library.store.suspect(URL, new)
    assert library.asked[URL] == 2 and library.counts["suspected"] == 1
    library.passes(SUSPICION)
    assert library.store.suspect(URL, new)
    assert await library.store.successor(URL, new, 1.0) is None  # the same file: the signature is bad
    assert library.asked[URL] == 3
@pytest.mark.req("TRAP-82")
async def test_a_flood_of_bad_signatures_joins_one_fetch_and_waits_no_longer_than_it_may(library: Library) -> None:
    old = await library.store.get(URL, 1.0)
    assert isinstance(old, Credential)
    library.open.clear()
    assert all(library.store.suspect(URL, old) for _ in range(100))
    assert await library.store.successor(URL, old, 0.0) is None
    assert library.store.peek(URL) is old and library.store.flying == 1
    assert not library.store.suspect("https://cr.example.net/unknown.pem", old)
    library.open.set()
    await library.landed()
    assert library.asked[URL] == 2
async def test_what_was_verified_is_handed_out_to_be_kept_and_serves_the_next_start(
    library: Library, authority: Authority
) -> None:
    await library.store.get(URL, 1.0)
    await library.store.get("https://cr.example.net/missing.pem", 1.0)
    assert list(library.kept) == [URL] and library.kept[URL].fetched == UTC
    again = Library(authority)
    again.passes(DAY / 2)
    again.store.stock(library.kept)
    assert isinstance(again.store.peek(URL), Credential)  # in the first call, without a fetch
    assert not again.asked and not again.kept and again.counts == {"revalidated": 1, "verified": 1}
    again.passes(DAY / 2)
    again.store.peek(URL)
    assert again.store.flying == 1  # its day is over, though we have run for half of it
    await again.store.close()
async def test_what_is_forgotten_is_fetched_again(library: Library) -> None:
    await library.store.get(URL, 1.0)
    library.store.forget([URL, "https://cr.example.net/unknown.pem"])
    assert library.store.peek(URL) is None and not library.store.urls
    await library.store.get(URL, 1.0)
    assert library.asked[URL] == 2
