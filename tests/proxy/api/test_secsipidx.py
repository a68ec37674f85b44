"""The two calls of secsipidx, asked as its users ask: with curl's own content type, in plain text."""

from __future__ import annotations

import aiohttp
import pytest

from shaken import identity, passport
from tests.proxy.api.test_server import CALLED, CALLER, LEAF, ORIGID, STRANGER, URL, Asker, made, opened
from tests.shaken.tokens import IAT


async def ask(asker: Asker, path: str, text: str, **headers: str) -> tuple[int, str]:
    assert asker.site.address is not None
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        async with session.post(f"http://127.0.0.1:{asker.site.address[1]}{path}", data=text.encode(), headers=form) as got:
            return got.status, await got.text()


async def test_a_row_becomes_a_header_that_holds() -> None:
    async with opened() as asker:
        status, value = await ask(asker, "/v1/sign-csv", f"{CALLER},{CALLED},B,{ORIGID},https://theirs.example.net/a.pem\n")
        token = passport.parse(identity.parse(value.strip().encode()).token)
        assert (status, token.attest, token.origid, token.x5u, token.iat) == (200, "B", ORIGID, URL, IAT)
        assert await ask(asker, "/v1/check", value) == (200, "OK\n")
        status, other = await ask(asker, "/v1/sign-csv", f"{CALLER},{CALLED},A,,")
        assert status == 200 and passport.parse(identity.parse(other.strip().encode()).token).origid != ORIGID
        assert asker.counted == [("signing", "done"), ("verification", "done"), ("signing", "done")]


@pytest.mark.parametrize(
    ("row", "status", "why"),
    [("", 400, "too few tokens"), ("1,2,3,4", 400, "too few tokens"), (f"{CALLER},{CALLED},D,,", 400, "attest"), (f"bob,{CALLED},A,,", 400, "orig.tn")],
)
async def test_a_row_that_cannot_be_signed_says_why(row: str, status: int, why: str) -> None:
    async with opened() as asker:
        got = await ask(asker, "/v1/sign-csv", row)
        assert got[0] == status and why in got[1]


@pytest.mark.req("STI-057")
async def test_the_inventory_counts_here_too() -> None:
    async with opened("entitled") as asker:
        _, value = await ask(asker, "/v1/sign-csv", f"12125550147,{CALLED},A,,")
        assert passport.parse(identity.parse(value.strip().encode()).token).attest == "B"
    async with opened("no") as asker:
        assert (await ask(asker, "/v1/sign-csv", f"{CALLER},{CALLED},A,,"))[0] == 404


@pytest.mark.parametrize("value", ["", "abc", made(key=STRANGER.key), made(claims={"iat": IAT - 61}), made(key=LEAF.key).replace("shaken", "zzz")])
async def test_what_does_not_hold_has_failed(value: str) -> None:
    async with opened() as asker:
        assert await ask(asker, "/v1/check", value) == (500, "FAILED\n")


async def test_no_web_page_is_served() -> None:
    async with opened() as asker:
        assert (await ask(asker, "/v1/check", made(), Origin="https://evil.example.com"))[0] == 403
