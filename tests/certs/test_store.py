"""The cache in virtual time: real chains and real validation, a fetch that ends when the test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from certs.chains import EARLY, MAX_KEPT, SPREAD, Kept
from certs.failures import Terms
from certs.fetch import Fetched, FetchError
from certs.flights import Bounds
from certs.lab import DAY, Authority, Issued, tnauthlist
from certs.store import COUNTS, SUSPICION, UNREACHABLE, Store, StoreLimits
from shaken.credential import Anchors, Credential, CredentialFailure
from shaken.revocation import RevocationList, Revocations, path

UTC = 1_767_225_600.0
URL = "https://cr.example.net/709J.pem"


class Library:
    """A store, its two clocks, and the repositories of the world behind it."""

    def __init__(self, authority: Authority, limits: StoreLimits | None = None) -> None:
        self.utc, self.now = UTC, 1_000.0
        self.files: dict[str, bytes | Exception] = {}
        self.seconds: float | None = None
        self.kept: dict[str, Kept] = {}
        self.asked: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()
        self.store = Store(
            self._get,
            Anchors.of([authority.anchors_pem]),
            lambda: self.utc,
            lambda: self.now,
            limits or StoreLimits(),
            self._count,
            self.kept.__setitem__,
        )

    async def _get(self, url: str) -> Fetched:
        self.asked[url] += 1
        await self.open.wait()
        found = self.files.get(url, FetchError("status", "answered 404"))
        if isinstance(found, Exception):
            raise found
        return Fetched(found, self.seconds)

    def _count(self, name: str) -> None:
        assert name in COUNTS
        self.counts[name] += 1

    def passes(self, seconds: float) -> None:
        self.utc += seconds
        self.now += seconds

    async def landed(self) -> None:
        for _ in range(1_000):
            if not self.store.flying:
                return
            await asyncio.sleep(0)
        raise AssertionError("something still flies")


@pytest.fixture
async def library(authority: Authority) -> AsyncIterator[Library]:
    library = Library(authority)
    library.files[URL] = authority.leaf("709J").chain_pem()
    yield library
    await library.store.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.req("STI-072", "STI-096")
async def test_a_chain_is_fetched_once_and_then_remembered_whole(library: Library) -> None:
    assert library.store.peek(URL) is None
    first = await library.store.get(URL, 1.0)
    assert isinstance(first, Credential) and first.spc == "709J"
    assert library.store.peek(URL) is first
    assert await library.store.get(URL, 1.0) is first
    assert library.asked[URL] == 1 and len(library.store) == 1
    assert library.counts == {"missed": 1, "verified": 1}


@pytest.mark.req("STI-072")
async def test_a_hundred_callers_share_one_fetch(library: Library) -> None:
    library.open.clear()
    callers = [asyncio.create_task(library.store.get(URL, 60.0)) for _ in range(100)]
    await asyncio.sleep(0)
    library.open.set()
    results = await asyncio.gather(*callers)
    assert library.asked[URL] == 1
    assert len(set(map(id, results))) == 1 and isinstance(results[0], Credential)
    assert library.counts == {"missed": 100, "joined": 99, "verified": 1}


@pytest.mark.req("STI-071", "TRAP-79")
async def test_a_slow_fetch_lets_the_caller_go_and_fills_the_cache_later(library: Library) -> None:
    library.open.clear()
    late = await library.store.get(URL, 0.0)
    assert isinstance(late, CredentialFailure) and (late.slug, late.kind) == (UNREACHABLE, "unreachable")
    assert library.store.peek(URL) is None  # being late is no fact about the repository
    assert library.store.flying == 1
    library.open.set()
    await library.landed()
    assert isinstance(library.store.peek(URL), Credential)
    assert library.asked[URL] == 1


async def test_a_caller_that_is_cancelled_does_not_end_the_fetch_of_another(library: Library) -> None:
    library.open.clear()
    one, other = (asyncio.create_task(library.store.get(URL, 60.0)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    library.open.set()
    assert isinstance(await other, Credential)
    with pytest.raises(asyncio.CancelledError):
        await one


@pytest.mark.req("TRAP-80")
async def test_each_url_stands_for_itself_alone(library: Library, authority: Authority) -> None:
    other = "https://cr.example.net/999X.pem"
    library.files[other] = authority.leaf("999X").chain_pem()
    first, second = [await library.store.get(url, 1.0) for url in (URL, other)]
    assert isinstance(first, Credential) and isinstance(second, Credential)
    assert (first.spc, second.spc) == ("709J", "999X")
    assert isinstance(await library.store.get(URL.upper().replace("HTTPS", "https"), 1.0), CredentialFailure)


@pytest.mark.req("STI-072", "TRAP-81")
async def test_a_failure_is_remembered_longer_each_time_but_never_beyond_half_a_minute(library: Library) -> None:
    good = library.files[URL]
    library.files[URL] = FetchError("status", "answered 404")
    for times, seconds in enumerate((5, 10, 20, 30, 30), 1):
        failure = await library.store.get(URL, 1.0)
        assert isinstance(failure, CredentialFailure) and failure.kind == "unreachable" and "404" in failure.detail
        library.passes(seconds - 0.1)
        assert library.store.peek(URL) is failure and library.asked[URL] == times
        library.passes(0.1)
        assert library.store.peek(URL) is None
    library.files[URL] = good
    assert isinstance(await library.store.get(URL, 1.0), Credential)
    assert library.counts["failed-status"] == 5


async def test_a_moved_lab_clock_asks_again_at_once(library: Library, authority: Authority) -> None:
    begins = UTC + 10 * DAY
    library.files[URL] = authority.leaf(not_before=begins).chain_pem()
    early = await library.store.get(URL, 1.0)
    assert isinstance(early, CredentialFailure) and early.kind == "invalid" and early.slug == "identity-expired"
    library.utc = begins + 1
    assert isinstance(await library.store.get(URL, 1.0), Credential)
    library.utc = begins - 1
    assert library.store.peek(URL) is None


@pytest.mark.req("STI-086", "STI-088", "TRAP-83", "TRAP-84")
@pytest.mark.parametrize(
    ("bad", "slug"),
    [
        ("expired", "identity-expired"),
        ("not-yet-valid", "identity-expired"),
        ("self-signed", "identity-untrusted-chain"),
        ("stranger", "identity-untrusted-chain"),
        ("ca-leaf", "identity-untrusted-chain"),
        ("by-leaf", "identity-untrusted-chain"),
        ("no-tnauthlist", "identity-no-authority"),
        ("empty-tnauthlist", "identity-bad-certificate"),
        ("garbage-tnauthlist", "identity-bad-certificate"),
        ("p384", "identity-bad-certificate"),
        ("no-intermediate", "identity-untrusted-chain"),
        ("web", "identity-untrusted-chain"),
    ],
)
async def test_a_bad_chain_is_a_failure_that_says_why(
    library: Library, authority: Authority, bad: str, slug: str
) -> None:
    library.files[URL] = authority.leaf(bad=bad).chain_pem()
    failure = await library.store.get(URL, 1.0)
    assert isinstance(failure, CredentialFailure)
    assert (failure.kind, failure.slug, failure.url) == ("invalid", slug, URL)
    assert library.store.peek(URL) is failure and len(library.store) == 0
    assert library.counts["invalid"] == 1


@pytest.mark.parametrize("body", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\n", bytes(range(256)) * 16])
async def test_octets_that_are_no_certificate_are_a_failure(library: Library, body: bytes) -> None:
    library.files[URL] = body
    failure = await library.store.get(URL, 1.0)
    assert isinstance(failure, CredentialFailure) and failure.kind == "invalid"


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


@pytest.mark.req("STI-072", "TRAP-79")
async def test_no_flood_of_failures_pushes_out_a_good_chain(authority: Authority) -> None:
    library = Library(authority, StoreLimits(urls=4, failures=Terms(urls=8)))
    library.files[URL] = authority.leaf("709J").chain_pem()
    good = await library.store.get(URL, 1.0)
    for number in range(100):
        await library.store.get(f"https://evil{number}.example/a.pem", 1.0)
    assert library.store.peek(URL) is good
    assert len(library.store) == 1 and len(library.store._failures) <= 8
    await library.store.close()


async def test_of_good_chains_the_least_lately_used_goes_first(authority: Authority) -> None:
    library = Library(authority, StoreLimits(urls=2))
    names = [f"https://cr.example.net/{number}.pem" for number in range(3)]
    for name in names:
        library.files[name] = authority.leaf("709J").chain_pem()
    await library.store.get(names[0], 1.0)
    await library.store.get(names[1], 1.0)
    library.store.peek(names[0])
    await library.store.get(names[2], 1.0)
    assert [library.store.peek(name) is not None for name in names] == [True, False, True]
    assert library.counts["evicted"] == 1


async def test_old_failures_leave_by_themselves(library: Library) -> None:
    for number in range(10):
        await library.store.get(f"https://h{number}.example/a.pem", 1.0)
    library.passes(36)
    for number in range(10, 20):
        await library.store.get(f"https://h{number}.example/a.pem", 1.0)
    assert len(library.store._failures) == 10


@pytest.mark.req("TRAP-79")
async def test_too_many_fetches_fail_at_once_and_are_not_remembered(authority: Authority) -> None:
    library = Library(authority, StoreLimits(bounds=Bounds(flights=1, per_host=1, waiting=1)))
    library.open.clear()
    first, second, third = (f"https://{name}.example/a.pem" for name in "abc")
    await library.store.get(first, 0.0)
    await library.store.get(second, 0.0)
    failure = await library.store.get(third, 60.0)
    assert isinstance(failure, CredentialFailure) and failure.slug == UNREACHABLE
    assert library.counts == {"missed": 3, "late": 2, "busy": 1}
    assert library.store.peek(third) is None
    await library.store.close()


@pytest.mark.req("STI-088")
async def test_new_anchors_are_asked_about_all_chains_without_a_fetch(library: Library, authority: Authority) -> None:
    other = Authority(UTC, seed="another")
    old = await library.store.get(URL, 1.0)
    library.store.replace_anchors(Anchors.of([other.anchors_pem, authority.anchors_pem]))
    assert len(library.store) == 0
    again = await library.store.get(URL, 1.0)
    assert isinstance(again, Credential) and again is not old and library.asked[URL] == 1
    library.store.replace_anchors(Anchors.of([other.anchors_pem]))
    assert isinstance(await library.store.get(URL, 1.0), CredentialFailure)
    assert library.asked[URL] == 1 and library.counts["revalidated"] == 2


async def test_new_anchors_do_not_make_an_old_file_young(library: Library, authority: Authority) -> None:
    await library.store.get(URL, 1.0)
    library.passes(DAY * EARLY - 1)
    library.store.replace_anchors(Anchors.of([authority.anchors_pem]))
    assert isinstance(await library.store.get(URL, 1.0), Credential)
    library.passes(DAY * SPREAD + 1)
    await library.store.get(URL, 1.0)
    await library.landed()
    assert library.asked[URL] == 2


async def test_a_long_file_is_not_kept_but_fetched_again_for_new_anchors(
    library: Library, authority: Authority
) -> None:
    chain = library.files[URL]
    assert isinstance(chain, bytes)
    library.files[URL] = chain + b"A trailing note.\n" * (MAX_KEPT // 16)
    await library.store.get(URL, 1.0)
    library.store.replace_anchors(Anchors.of([authority.anchors_pem]))
    assert isinstance(await library.store.get(URL, 1.0), Credential)
    assert library.asked[URL] == 2


async def test_anchors_that_change_during_a_fetch_are_the_ones_that_count(library: Library) -> None:
    library.open.clear()
    await library.store.get(URL, 0.0)
    library.store.replace_anchors(Anchors.of([Authority(UTC, seed="another").anchors_pem]))
    library.open.set()
    await library.landed()
    assert isinstance(library.store.peek(URL), CredentialFailure)


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


@pytest.mark.req("TRAP-79")
async def test_a_host_that_does_not_answer_rests_and_is_tried_once(library: Library, authority: Authority) -> None:
    names = [f"https://dead.example/{number}.pem" for number in range(40)]
    for name in names:
        library.files[name] = FetchError("timeout", "not complete after 2 s")
    for name in names[:5]:
        await library.store.get(name, 1.0)
    for name in names[5:20]:
        failure = library.store.peek(name)  # known without waiting, and without a fetch
        assert isinstance(failure, CredentialFailure) and failure.kind == "unreachable"
    assert sum(library.asked.values()) == 5 and library.store.resting == 1
    assert isinstance(await library.store.get(URL, 1.0), Credential)  # the others do not notice
    library.passes(5)
    library.open.clear()
    assert library.store.peek(names[20]) is None
    await library.store.get(names[20], 0.0)
    assert isinstance(library.store.peek(names[21]), CredentialFailure)  # while the trial is under way
    library.files[names[20]] = authority.leaf("709J").chain_pem()
    library.open.set()
    await library.landed()
    assert isinstance(library.store.peek(names[20]), Credential)
    assert library.store.peek(names[21]) is None and library.store.resting == 0


async def test_a_host_that_rests_is_still_asked_for_what_it_gave_before(library: Library) -> None:
    old = await library.store.get(URL, 1.0)
    for number in range(5):
        name = f"https://cr.example.net/slow{number}.pem"
        library.files[name] = FetchError("timeout", "not complete after 2 s")
        await library.store.get(name, 1.0)
    assert isinstance(library.store.peek("https://cr.example.net/other.pem"), CredentialFailure)
    library.passes(DAY)
    for number in range(5):
        await library.store.get(f"https://cr.example.net/slow{number}.pem", 1.0)
    assert library.store.resting == 1
    assert library.store.peek(URL) is old
    await library.landed()
    assert library.asked[URL] == 2 and library.store.resting == 0


@pytest.mark.req("TRAP-79")
async def test_files_that_are_missing_do_not_close_a_host_that_serves_others(
    library: Library, authority: Authority
) -> None:
    for number in range(50):
        await library.store.get(f"https://cr.example.net/missing{number}.pem", 1.0)
    other = "https://cr.example.net/other.pem"
    library.files[other] = authority.leaf("999X").chain_pem()
    assert isinstance(await library.store.get(other, 1.0), Credential)


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


@pytest.mark.req("STI-088")
async def test_what_was_kept_is_checked_as_if_it_had_come_just_now(library: Library, authority: Authority) -> None:
    stranger = Authority(UTC, seed="another")
    library.files[URL] = FetchError("status", "answered 404")
    library.store.stock({URL: Kept(stranger.leaf("709J").chain_pem(), UTC, DAY)})
    failure = library.store.peek(URL)
    assert isinstance(failure, CredentialFailure) and failure.slug == "identity-untrusted-chain"
    library.passes(5)
    assert library.store.peek(URL) is None  # and then fetched


async def test_what_is_forgotten_is_fetched_again(library: Library) -> None:
    await library.store.get(URL, 1.0)
    library.store.forget([URL, "https://cr.example.net/unknown.pem"])
    assert library.store.peek(URL) is None and not library.store.urls
    await library.store.get(URL, 1.0)
    assert library.asked[URL] == 2


def taken_back(*leaves: Issued) -> Revocations:
    entries = frozenset(path((leaf.certificate,))[0] for leaf in leaves)
    return Revocations((RevocationList(entries, "administrator", 1, UTC, None),))


@pytest.mark.req("STI-091", "LAB-13")
async def test_a_revoked_leaf_is_a_failure_with_a_name_of_its_own(library: Library, authority: Authority) -> None:
    leaf, other = authority.leaf("709J"), authority.leaf("999X")
    library.files[URL] = leaf.chain_pem()
    library.files["https://cr.example.net/999X.pem"] = other.chain_pem()
    library.store.replace_revocations(taken_back(leaf))
    failure = await library.store.get(URL, 1.0)
    assert isinstance(failure, CredentialFailure)
    assert (failure.slug, failure.kind) == ("identity-revoked", "invalid")
    assert isinstance(await library.store.get("https://cr.example.net/999X.pem", 1.0), Credential)
    assert library.counts["revoked"] == 1 and not library.kept.keys() & {URL}


async def test_what_is_held_goes_at_once_when_it_is_revoked_and_its_neighbour_stays(
    library: Library, authority: Authority
) -> None:
    leaf, other = authority.leaf("709J"), authority.leaf("999X")
    names = [URL, "https://cr.example.net/999X.pem"]
    library.files.update(zip(names, (leaf.chain_pem(), other.chain_pem()), strict=True))
    for name in names:
        await library.store.get(name, 1.0)
    neighbour = library.store.peek(names[1])
    library.store.replace_revocations(taken_back(leaf))
    failure = library.store.peek(URL)
    assert isinstance(failure, CredentialFailure) and failure.slug == "identity-revoked"
    assert library.store.peek(names[1]) is neighbour
    # And it comes back when it stands there no more.
    library.store.replace_revocations(Revocations())
    assert library.store.peek(URL) is None
    assert isinstance(await library.store.get(URL, 1.0), Credential)


async def test_a_revoked_intermediate_takes_all_below_it(library: Library, authority: Authority) -> None:
    await library.store.get(URL, 1.0)
    library.store.replace_revocations(taken_back(authority.intermediate))
    failure = library.store.peek(URL)
    assert isinstance(failure, CredentialFailure) and failure.slug == "identity-revoked"


@pytest.mark.req("STI-093")
async def test_what_is_withheld_counts_as_not_at_hand_and_comes_back_without_a_fetch(
    library: Library, authority: Authority
) -> None:
    await library.store.get(URL, 1.0)
    library.open.clear()
    other = "https://cr.example.net/other.pem"
    library.files[other] = authority.leaf("999X").chain_pem()
    await library.store.get(other, 0.0)
    library.store.replace_revocations(Revocations(), "a revocation list is required")
    library.open.set()
    await library.landed()
    for name in (URL, other):
        failure = await library.store.get(name, 1.0)
        assert isinstance(failure, CredentialFailure)
        assert (failure.kind, failure.slug, failure.detail) == (
            "unreachable", UNREACHABLE, "a revocation list is required",
        )  # fmt: skip
    library.store.replace_revocations(Revocations())
    assert isinstance(library.store.peek(URL), Credential) and isinstance(library.store.peek(other), Credential)
    assert library.asked == {URL: 1, other: 1}


@pytest.mark.req("STI-083")
async def test_numbers_that_a_certificate_points_to_are_fetched_with_it_and_kept(
    library: Library, authority: Authority
) -> None:
    where = "https://cr.example.net/big.tnl"
    library.files[URL] = authority.leaf(numbers=["12025550100"], listed_at=where).chain_pem()
    library.files[where] = tnauthlist((), [("12025550100", 50)], ())
    credential = await library.store.get(URL, 1.0)
    assert isinstance(credential, Credential) and credential.covers("12025550149")
    assert library.asked == {URL: 1, where: 1}
    again = Library(authority)
    again.store.stock(library.kept)
    assert isinstance(again.store.peek(URL), Credential) and not again.asked
    await again.store.close()


@pytest.mark.req("STI-083", "TRAP-79")
async def test_a_list_that_cannot_be_had_is_unreachable_and_a_stranger_sends_us_nowhere(
    library: Library, authority: Authority
) -> None:
    where = "https://cr.example.net/big.tnl"
    library.files[URL] = authority.leaf(numbers=["12025550100"], listed_at=where).chain_pem()
    failure = await library.store.get(URL, 1.0)
    assert isinstance(failure, CredentialFailure) and failure.kind == "unreachable" and library.asked[where] == 1
    other = "https://cr.example.net/other.pem"
    library.files[other] = Authority(UTC, seed="another").leaf(numbers=["12025550100"], listed_at=where).chain_pem()
    failure = await library.store.get(other, 1.0)
    assert isinstance(failure, CredentialFailure) and failure.kind == "invalid" and library.asked[where] == 1
    third = "https://cr.example.net/third.pem"
    library.files[third] = authority.leaf(numbers=["12025550100"], listed_at=where).chain_pem()
    library.files[where] = b"garbage"
    failure = await library.store.get(third, 1.0)
    assert isinstance(failure, CredentialFailure) and failure.slug == "identity-no-authority"


async def test_a_fault_of_ours_is_an_answer_a_count_and_a_report(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    library.files[URL] = ZeroDivisionError()
    assert isinstance(await library.store.get(URL, 1.0), CredentialFailure)

    def broken(*arguments: object) -> Credential:
        raise RuntimeError("a bug")

    monkeypatch.setattr("certs.store.validate", broken)
    other = "https://cr.example.net/other.pem"
    library.files[other] = b"x"
    assert isinstance(await library.store.get(other, 1.0), CredentialFailure)
    assert library.counts["fault"] == 2
    assert [type(context["exception"]) for context in reported] == [ZeroDivisionError, RuntimeError]


async def test_a_fetch_that_does_not_end_is_ended(authority: Authority) -> None:
    library = Library(authority, StoreLimits(seconds=0.0))
    library.open.clear()
    failure = await library.store.get(URL, 60.0)
    assert isinstance(failure, CredentialFailure) and failure.kind == "unreachable"
    assert library.counts["failed-timeout"] == 1
    await library.store.close()


async def test_the_end_answers_all_who_wait_and_leaves_no_task(authority: Authority) -> None:
    library = Library(authority)
    library.open.clear()
    callers = [asyncio.create_task(library.store.get(f"https://h{n}.example/a.pem", 60.0)) for n in range(100)]
    await asyncio.sleep(0)
    await library.store.close()
    results = await asyncio.gather(*callers)
    assert {result.slug for result in results if isinstance(result, CredentialFailure)} == {UNREACHABLE}
    assert isinstance(await library.store.get(URL, 60.0), CredentialFailure)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_the_counts_are_few_and_distinct() -> None:
    assert len(set(COUNTS)) == len(COUNTS) < 32
