"""The cache in virtual time: real chains and real validation, a fetch that ends when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from certs.failures import Terms
from certs.fetch import FetchError
from certs.flights import Bounds
from certs.lab import DAY, Authority, tnauthlist
from certs.store import COUNTS, UNREACHABLE, StoreLimits
from shaken.credential import Credential, CredentialFailure
from tests.certs.library import URL, UTC, Library


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


@pytest.mark.req("STI-071", "STI-072")
async def test_of_several_urls_each_has_its_own_answer_after_one_wait(library: Library) -> None:
    other, late = "https://cr.example.net/none.pem", "https://cr.example.net/late.pem"
    known = await library.store.get(URL, 1.0)
    found = await library.store.get_all((URL, other), 1.0)
    assert list(found) == [URL, other] and found[URL] is known
    assert isinstance(found[other], CredentialFailure) and "404" in found[other].detail
    library.open.clear()
    found = await library.store.get_all((late, URL), 0.0)
    assert found[URL] is known and library.counts["late"] == 1
    assert isinstance(found[late], CredentialFailure) and found[late].detail == "not here within 0 s"
    library.open.set()
    await library.landed()
    assert await library.store.get_all((), 1.0) == {}


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
