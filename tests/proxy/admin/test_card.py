"""/card: the card that a 608 names, signed at the moment of asking."""

from __future__ import annotations

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.keys import Keyring
from policy.rulebook import Redress
from proxy.admin.card import routes
from proxy.admin.health import Vitals
from proxy.admin.server import Admin
from shaken.card import parse
from shaken.sign import Signer

SIGNER = Signer(ec.generate_private_key(ec.SECP256R1()), "https://cr.example.net/a.pem")
KNOWN = Redress(url="https://redress.example.com", name="Example Company")


class Keys(Keyring):
    """One pair, or none."""

    def __init__(self, signer: Signer | None) -> None:
        super().__init__()
        self.signer = signer

    def serving(self, utc: float) -> dict[str, Signer]:
        return {"": self.signer} if self.signer is not None else {}


async def asked(signer: Signer | None, redress: Redress, utc: float = 1_767_225_600.0) -> tuple[int, str, bytes]:
    served = routes(lambda: Keys(signer), lambda: redress, lambda: utc)
    admin = Admin("127.0.0.1", 0, metrics=bytes, vitals=Vitals("1", "observe", False, []), more=served)
    await admin.start()
    try:
        assert admin.address is not None
        limit = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(f"http://127.0.0.1:{admin.address[1]}/card") as got:
            return got.status, got.content_type, await got.read()
    finally:
        await admin.stop()


@pytest.mark.req("STI-127", "STI-129")
async def test_each_asking_gets_a_card_of_this_moment() -> None:
    status, kind, body = await asked(SIGNER, KNOWN)
    assert (status, kind) == (200, "application/jose")
    found = parse(body)
    assert found.fresh(1_767_225_600.0) and found.ways["fn"] == "Example Company"
    assert not parse((await asked(SIGNER, KNOWN, 1_767_229_200.0))[2]).fresh(1_767_225_600.0)


async def test_there_is_none_without_a_key_or_a_contact() -> None:
    assert (await asked(None, KNOWN))[0] == 404
    assert (await asked(SIGNER, Redress()))[0] == 404
