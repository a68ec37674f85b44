"""/card: the signed card that a 608 names, made anew for whoever asks (RFC 8688 section 3.2.1).

The operator's web server passes its public URL on to here: we stand on a management address.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from policy.rulebook import Redress
from shaken.card import card
from shaken.sign import Signer

TYPE = "application/jose"


def routes(
    signer: Callable[[], Signer | None], redress: Callable[[], Redress], utc: Callable[[], float]
) -> list[web.RouteDef]:
    """What the server serves under /card. `signer`: who signs now, if anybody may."""

    async def show(request: web.Request) -> web.Response:
        signs, known = signer(), redress()
        if signs is None:
            raise web.HTTPNotFound(text="nothing can be signed")
        if not known:
            raise web.HTTPNotFound(text="no redress contact is set")
        made = card(signs, utc(), known.name, known.url, known.tel, known.email)
        return web.Response(body=made, content_type=TYPE, headers={"Cache-Control": "no-store"})

    return [web.get("/card", show)]
