"""What becomes of chains that are held when others are believed, or something was taken back."""

from __future__ import annotations

import pytest

from certs.chains import EARLY, MAX_KEPT, SPREAD, Kept
from certs.fetch import FetchError
from certs.lab import DAY, Authority, Issued, pem
from certs.store import UNREACHABLE
from shaken.credential import Anchors, Credential, CredentialFailure
from shaken.revocation import RevocationList, Revocations, identities
from tests.certs.library import URL, UTC, Library


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
@pytest.mark.req("STI-088")
async def test_what_was_kept_is_checked_as_if_it_had_come_just_now(library: Library, authority: Authority) -> None:
    stranger = Authority(UTC, seed="another")
    library.files[URL] = FetchError("status", "answered 404")
    library.store.stock({URL: Kept(stranger.leaf("709J").chain_pem(), UTC, DAY)})
    failure = library.store.peek(URL)
    assert isinstance(failure, CredentialFailure) and failure.slug == "identity-untrusted-chain"
    library.passes(5)
    assert library.store.peek(URL) is None  # and then fetched


def taken_back(*leaves: Issued) -> Revocations:
    entries = frozenset(identities((leaf.certificate,))[0] for leaf in leaves)
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
@pytest.mark.req("STI-091")
@pytest.mark.parametrize("late", [False, True])
async def test_a_certificate_of_the_same_name_hides_no_revoked_intermediate(
    library: Library, authority: Authority, late: bool
) -> None:
    leaf, real = authority.leaf("709J").chain
    beside = Authority(UTC, seed="another").intermediate.certificate
    library.files[URL] = pem(leaf) + pem(beside) + pem(real)
    if late:
        assert isinstance(await library.store.get(URL, 1.0), Credential)
    library.store.replace_revocations(taken_back(authority.intermediate))
    failure = await library.store.get(URL, 1.0)
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
