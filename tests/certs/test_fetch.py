"""Real HTTPS on loopback, by the lab's own repository; the rules about names and addresses are tables."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs import fetch
from certs.fetch import Fetcher, FetchError, Limits, check, tls_context
from certs.lab import Authority
from proxy.lab.repository import Repository

Make = Callable[[Limits], Fetcher]

PUBLIC = Limits()
LAB = Limits(lab=True)


async def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchError) as error:
        await fetcher.get(url)
    assert error.value.slug in fetch.SLUGS
    return error.value.slug


@pytest.mark.req("STI-071")
async def test_a_file_comes_as_it_is(fetcher: Fetcher, repository: Repository, authority: Authority) -> None:
    pem = authority.leaf().chain_pem()
    assert await fetcher.get(repository.put("carrier.pem", pem)) == pem
    assert repository.hits["/carrier.pem"] == 1


@pytest.mark.req("STI-071", "TRAP-79")
@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        ("redirect", "redirect"),
        ("status-301", "redirect"),
        ("status-204", "status"),
        ("status-404", "status"),
        ("status-503", "server"),
        ("huge", "size"),
        ("endless", "size"),
        ("bomb", "encoding"),
        ("type", "type"),
        ("cut", "broken"),
    ],
)
async def test_a_faulty_answer_is_refused(
    fetcher: Fetcher, repository: Repository, authority: Authority, fault: str, slug: str
) -> None:
    url = repository.put("carrier.pem", authority.leaf().chain_pem(), fault)
    assert await refusal(fetcher, url) == slug
    assert repository.hits == {"/carrier.pem": 1}  # in particular, no redirect was followed


@pytest.mark.req("STI-071")
async def test_a_file_that_is_said_to_be_too_long_is_not_read(
    fetcher: Fetcher, repository: Repository, authority: Authority
) -> None:
    with pytest.raises(FetchError, match="allowed are 65536"):
        await fetcher.get(repository.put("carrier.pem", authority.leaf().chain_pem(), "huge"))


@pytest.mark.req("STI-071", "TRAP-79")
@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_the_deadline_is_one_for_the_whole(
    fetching: Make, repository: Repository, authority: Authority, fault: str
) -> None:
    fetcher = fetching(Limits(lab=True, seconds=0.2, tls_ca=authority.web_ca_pem))
    url = repository.put("carrier.pem", authority.leaf().chain_pem(), fault)
    assert await refusal(fetcher, url) == "timeout"


async def test_a_file_of_just_the_allowed_size_passes(fetcher: Fetcher, repository: Repository) -> None:
    assert len(await fetcher.get(repository.put("full.pem", b"A" * fetch.MAX_SIZE))) == fetch.MAX_SIZE
    assert await refusal(fetcher, repository.put("over.pem", b"A" * (fetch.MAX_SIZE + 1))) == "size"


async def test_a_server_that_closes_at_once_is_an_ordinary_failure(fetcher: Fetcher) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await refusal(fetcher, f"https://127.0.0.1:{port}/a.pem") in ("connect", "tls", "broken")


async def test_nobody_listening_is_an_ordinary_failure(fetcher: Fetcher) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        assert await refusal(fetcher, f"https://127.0.0.1:{held.getsockname()[1]}/a.pem") == "connect"


@pytest.mark.req("STI-071")
async def test_a_repository_must_prove_who_it_is(fetching: Make, repository: Repository, tmp_path: Path) -> None:
    url = repository.put("carrier.pem", b"x")
    other = Authority(seed="another web")
    assert await refusal(fetching(Limits(lab=True, tls_ca=other.web_ca_pem)), url) == "tls"
    assert await refusal(fetching(Limits(lab=True)), url) == "tls"  # the system's roots
    assert repository.hits == {}


@pytest.mark.req("STI-071", "STI-088")
async def test_a_certificate_for_another_name_is_refused(
    fetcher: Fetcher, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.tls(("cr.example.net",)).save(tmp_path, "other")
    async with Repository(cert, key) as repository:
        assert await refusal(fetcher, repository.put("carrier.pem", b"x")) == "tls"


@pytest.mark.req("STI-088")
async def test_the_roots_for_calls_do_not_vouch_for_web_servers(
    fetching: Make, repository: Repository, authority: Authority
) -> None:
    url = repository.put("carrier.pem", b"x")
    assert await refusal(fetching(Limits(lab=True, tls_ca=authority.anchors_pem)), url) == "tls"


@pytest.mark.req("STI-071", "TRAP-79")
async def test_a_name_that_leads_to_this_machine_is_refused_outside_of_a_lab(
    fetching: Make, repository: Repository, authority: Authority
) -> None:
    port = int(repository.put("carrier.pem", b"x").rpartition(":")[2].partition("/")[0])
    fetcher = fetching(Limits(ports=(port,), tls_ca=authority.web_ca_pem))
    assert await refusal(fetcher, f"https://localhost:{port}/carrier.pem") == "address"
    assert await refusal(fetcher, f"https://127.0.0.1:{port}/carrier.pem") == "address"
    assert await refusal(fetcher, f"https://0x7f000001:{port}/carrier.pem") in ("address", "dns")
    assert repository.hits == {}


@pytest.mark.req("STI-071")
async def test_a_second_look_up_cannot_swap_the_address(
    fetching: Make, repository: Repository, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that is public when it is judged and private when it is used."""
    answers = [[(socket.AF_INET, "8.8.8.8"), (socket.AF_INET, "127.0.0.1")], [(socket.AF_INET, "127.0.0.1")]]
    asked: list[str] = []

    def look_up(host: str, port: int, family: socket.AddressFamily) -> list[tuple[socket.AddressFamily, str]]:
        asked.append(host)
        return answers[len(asked) - 1]

    monkeypatch.setattr(fetch, "_look_up", look_up)
    kept = await fetch._Resolver(lab=False).resolve("cr.example.net", 443)
    assert [found["host"] for found in kept] == ["8.8.8.8"]  # a private one beside a public one is left out
    port = int(repository.base.rpartition(":")[2])
    fetcher = fetching(Limits(ports=(port,), tls_ca=authority.web_ca_pem))
    assert await refusal(fetcher, f"https://cr.example.net:{port}/carrier.pem") == "address"
    assert asked == ["cr.example.net"] * 2  # judged and used from the same answer: one look-up a fetch


async def test_a_name_that_does_not_resolve_is_an_ordinary_failure(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, port: int, family: socket.AddressFamily) -> list[tuple[socket.AddressFamily, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(fetch, "_look_up", look_up)
    assert await refusal(fetcher, "https://nowhere.example/a.pem") == "dns"


async def test_a_label_that_dns_cannot_carry_does_not_resolve(fetcher: Fetcher) -> None:
    assert await refusal(fetcher, f"https://{'a' * 64}.example/a.pem") in ("dns", "url")


@pytest.mark.req("STI-071", "STI-073", "TRAP-79")
@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("http://cr.example.net/a.pem", "url"),
        ("ftp://cr.example.net/a.pem", "url"),
        ("file:///etc/passwd", "url"),
        ("https:/cr.example.net/a.pem", "url"),
        ("https:///a.pem", "url"),
        ("https://user@cr.example.net/a.pem", "url"),
        ("https://cr.example.net@127.0.0.1/a.pem", "url"),
        ("https://cr.example.net/a.pem?x=1", "url"),
        ("https://cr.example.net/a.pem#y", "url"),
        ("https://cr.example.net\\@127.0.0.1/a.pem", "url"),
        ("https://cr.example.net/a b", "url"),
        ("https://cr.example.net/a\r\nHost: x", "url"),
        ("https://cr.example.net/\u0440", "url"),
        ("https://cr.examp\u217ce.net/a.pem", "url"),
        ("https://cr.example.net:99999/a.pem", "url"),
        ("https://cr.example.net:0/a.pem", "url"),
        ("https://[fe80::1%25eth0]/a.pem", "url"),
        ("https://cr.example.net/" + "a" * fetch.MAX_URL, "url"),
        ("https://cr.example.net:8080/a.pem", "host"),
        ("https://cr.example.net:22/a.pem", "host"),
        ("https://127.0.0.1/a.pem", "address"),
        ("https://127.1/a.pem", "address"),
        ("https://2130706433/a.pem", "address"),
        ("https://017700000001/a.pem", "address"),
        ("https://169.254.169.254/latest/meta-data", "address"),
        ("https://10.0.0.1:8443/a.pem", "address"),
        ("https://[::1]/a.pem", "address"),
        ("https://[::ffff:127.0.0.1]/a.pem", "address"),
        ("https://[::ffff:8.8.8.8]/a.pem", "address"),
        ("https://[fd00::1]/a.pem", "address"),
    ],
)
def test_a_url_that_may_not_be_fetched_is_refused_before_any_look_up(url: str, slug: str) -> None:
    with pytest.raises(FetchError) as error:
        check(url, PUBLIC)
    assert error.value.slug == slug


@pytest.mark.req("STI-073")
@pytest.mark.parametrize(
    "url",
    [
        "https://cr.example.net/a.pem",
        "https://cr.example.net:443/a.pem",
        "https://cr.example.net:8443/709J/a.pem",
        "https://CR.Example.NET./a%20b.crt",
        "https://cr.example.net",
        "https://8.8.8.8/a.pem",
        "https://[2606:4700::1111]/a.pem",
        "https://cr_1.example.net/a.pem",
    ],
)
def test_a_url_as_carriers_write_them_is_accepted(url: str) -> None:
    check(url, PUBLIC)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:4711/a.pem", "https://[::1]:4711/a.pem", "https://localhost:1/a.pem"]
)
def test_a_lab_url_may_name_this_machine_and_any_port(url: str) -> None:
    check(url, LAB)


@pytest.mark.req("STI-071")
def test_only_configured_hosts_are_asked_when_they_are_configured() -> None:
    limits = Limits(hosts=frozenset({"cr.example.net"}))
    check("https://CR.example.net/a.pem", limits)
    check("https://cr.example.net./a.pem", limits)
    for host in ("example.net", "xcr.example.net", "cr.example.net.evil.example", "8.8.8.8"):
        with pytest.raises(FetchError) as error:
            check(f"https://{host}/a.pem", limits)
        assert error.value.slug == "host"


@given(st.text() | st.from_regex(r"https://[^/]{0,30}/.{0,30}", fullmatch=True))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    with contextlib.suppress(FetchError):
        check(text, PUBLIC)


@pytest.mark.parametrize(
    "kind",
    [
        "application/pem-certificate-chain",
        "application/x-pem-file",
        "application/x-x509-ca-cert",
        "application/pkix-cert",
        "application/octet-stream",
        "binary/octet-stream",
        "text/plain; charset=utf-8",
        "application/x-x509-user-cert",
        "Application/PEM-Certificate-Chain",
    ],
)
def test_the_ways_in_which_servers_name_pem_are_accepted(kind: str) -> None:
    assert fetch.names_certificate(kind)


@pytest.mark.parametrize("kind", ["text/html", "application/json", "image/png", "multipart/mixed", "nonsense"])
def test_what_is_no_certificate_by_its_own_word_is_refused(kind: str) -> None:
    assert not fetch.names_certificate(kind)


def test_tls_is_verified_and_not_old(authority: Authority) -> None:
    for context in (tls_context(), tls_context(authority.web_ca_pem)):
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(tls_context(authority.web_ca_pem).get_ca_certs()) == 1  # these roots and no others


@pytest.mark.parametrize("ca", [b"", b"no certificate", b"\xff"])
def test_a_file_without_roots_is_refused(ca: bytes) -> None:
    with pytest.raises(ValueError, match="certificate authority"):
        tls_context(ca)


async def test_a_fetcher_that_was_never_used_closes(fetching: Make) -> None:
    await fetching(LAB).close()
