"""/card: the signed card that a 608 names, made anew for whoever asks (RFC 8688 section 3.2.1).

The operator's web server passes its public URL on to here: we stand on a management address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from certs.keys import Keyring
from policy.rulebook import Redress
from shaken.card import card

TYPE = "application/jose"


def routes(
    keyring: Callable[[], Keyring], redress: Callable[[], Redress], utc: Callable[[], float]
) -> list[web.RouteDef]:
    """What the server serves under /card: nothing where there is no contact, or no key that counts now."""

    async def show(request: web.Request) -> web.Response:
        keys, known = keyring(), redress()
        await asyncio.to_thread(keys.look)
        signer = keys.serving(utc()).get("")
        if signer is None or not known:
            raise web.HTTPNotFound(text="there is no redress contact, or nothing to sign with")
        made = card(signer, utc(), known.name, known.url, known.tel, known.email)
        return web.Response(body=made, content_type=TYPE, headers={"Cache-Control": "no-store"})

    return [web.get("/card", show)]
