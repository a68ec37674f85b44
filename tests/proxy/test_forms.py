"""The forms of tokens that a running ringwarden reads and writes where its operator says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from proxy.lab.cases import ABROAD, CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.screening.dates import sip_date_line
from shaken import identity, passport
from shaken.passport import canonical_json, encode
from shaken.sign import sign_octets

CALLER, OURS = "13015550101", "12025550100"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVP 0\r\n"
    b"a=fingerprint:SHA-256 ab:cd:00:11:22:33:44:55\r\n"
)


def bare(world: World, iat: int, *, compact: bool) -> str:
    """A token without a kind, by the carrier's key (RFC 8225; RFC 8224 section 4.1.1)."""
    url = world.carrier_signer.x5u
    head = encode(canonical_json({"alg": "ES256", "typ": "passport", "x5u": url}))
    claims = encode(canonical_json({"dest": {"tn": [CALLEE]}, "iat": iat, "orig": {"tn": CALLER}}))
    signature = encode(sign_octets(world.carrier_leaf.key, head + b"." + claims)).decode()
    token = f"..{signature}" if compact else f"{head.decode()}.{claims.decode()}.{signature}"
    return f"Identity: {token};info=<{url}>;alg=ES256"


async def arrives(world: World, *lines: str, status: int = 200) -> str:
    """What the call shows at the PBX; nothing where it is refused."""
    shown = f"<sip:+{CALLER}@127.0.0.1:{world.ports['carrier']}>"
    to = f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}"
    sent = Invitation(to, shown, lines=(f"P-Asserted-Identity: {shown}", *lines))
    assert (await world.carrier.call(sent, world.proxy)).status == status
    if status != 200:
        return ""
    heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
    return heard.header("p-asserted-identity") or ""


@pytest.mark.req("STI-067", "STI-064")
async def test_a_token_without_a_kind_proves_a_number_where_the_operator_wants_it(tmp_path: Path) -> None:
    def stir(text: str) -> str:
        return text.replace("[identity]", "[identity]\ncompact = true\nplain = true")

    async with World(tmp_path, amend=stir) as world:
        now = int(time.time())
        date = sip_date_line(now).decode()
        assert "verstat=TN-Validation-Passed" in await arrives(world, date, bare(world, now, compact=True))
        assert "verstat=TN-Validation-Passed" in await arrives(world, bare(world, now, compact=False))
        # The date that was signed is the one of the call, or it is another token.
        await arrives(world, date, bare(world, now - 1, compact=True), status=438)
        assert "verstat=No-TN-Validation" in await arrives(world, bare(world, now, compact=True))


@pytest.mark.req("STI-017", "STI-024", "TRAP-15")
async def test_media_keys_are_bound_and_compared_and_the_kind_quoted_where_the_operator_wants_it(tmp_path: Path) -> None:
    def wanted(text: str) -> str:
        text = text.replace("[identity]", "[identity]\nmedia_keys = true")
        return text.replace("[signing]", "[signing]\nquoted = true\nmedia_keys = true")

    async with World(tmp_path, amend=wanted) as world:
        keys = [{"alg": "sha-256", "dig": "ABCD001122334455"}]
        signed = {"orig": CALLER, "dest": [CALLEE], "attest": "A", "origid": "123e4567-e89b-42d3-a456-426655440000"}

        async def verstat(body: bytes) -> str:
            value = world.carrier_signer.identity(iat=int(time.time()), mky=keys, **signed).decode()  # type: ignore[arg-type]
            shown = f"<sip:+{CALLER}@127.0.0.1:{world.ports['carrier']}>"
            to = f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}"
            sent = Invitation(to, shown, lines=(f"P-Asserted-Identity: {shown}", f"Identity: {value}"), body=body)
            assert (await world.carrier.call(sent, world.proxy)).status == 200
            heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
            return heard.header("p-asserted-identity") or ""

        assert "verstat=TN-Validation-Passed" in await verstat(SDP)
        assert "verstat=TN-Validation-Failed" in await verstat(SDP.replace(b"ab:cd", b"ab:ce"))
        to = f"sip:+{ABROAD}@127.0.0.1:{world.ports['proxy']}"
        sent = Invitation(to, f"<sip:+{OURS}@pbx.example.com>", body=SDP)
        assert (await world.pbx.call(sent, world.proxy)).status == 200
        heard = await world.carrier.hears("INVITE", call_id=sent.call_id)
        value = (heard.header("identity") or "").encode()
        assert value.endswith(b';ppt="shaken"')
        claims = passport.parse(identity.parse(value).token).claims
        assert claims["mky"] == keys and claims["attest"] == "A"
