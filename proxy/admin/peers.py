"""/peers: what is known of each hop, and the operator's orders.

    GET  /peers                     every target of every peer
    POST /peers/NAME/drain          no new calls, but emergency calls and those that have no other way
    POST /peers/NAME/enable         takes an order back
    POST /peers/NAME/force          {"state": "up"} or {"state": "down"}, whatever is seen

Everybody who reaches the address may look. Orders are taken from this machine only: there is no password. A page in
somebody's browser can reach loopback too, so what a page could send unasked (an Origin, RFC 6454; no JSON) is refused.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from aiohttp import web

from proxy.peers import Row

ORDERS = {"drain": "drain", "enable": ""}


class Desk(Protocol):
    """Who knows the peers."""

    def rows(self) -> Sequence[Row]: ...

    def order(self, name: str, order: str) -> None:
        """`order`: drain, up, down, or empty to take it back. Raises KeyError for no such peer."""


def routes(desk: Desk) -> list[web.RouteDef]:
    """What the server serves under /peers."""

    async def show(request: web.Request) -> web.Response:
        return told(desk.rows())

    async def order(request: web.Request) -> web.Response:
        if (why := refused(request)) is not None:
            return web.json_response({"error": why}, status=403)
        name, verb = request.match_info["name"], request.match_info["verb"]
        if verb == "force":
            try:
                body = await request.json()
            except (json.JSONDecodeError, RecursionError, UnicodeDecodeError):
                body = None
            wanted = body.get("state") if isinstance(body, dict) else None
            if wanted not in ("up", "down"):
                return web.json_response({"error": 'send {"state": "up"} or {"state": "down"}'}, status=400)
        else:
            wanted = ORDERS[verb]
        try:
            desk.order(name, wanted)
        except KeyError:
            known = ", ".join(dict.fromkeys(row.peer for row in desk.rows()))
            return web.json_response({"error": f"there is no such peer; known here: {known}"}, status=404)
        return told([row for row in desk.rows() if row.peer == name])

    return [web.get("/peers", show), web.post("/peers/{name}/{verb:drain|enable|force}", order)]


def told(rows: Sequence[Row]) -> web.Response:
    return web.json_response({"peers": [asdict(row) for row in rows]}, headers={"Cache-Control": "no-store"})


def refused(request: web.Request) -> str | None:
    """Why an order is not taken; None: it is."""
    if not _loopback(request.remote or ""):
        return "orders are taken from this machine only"
    if "Origin" in request.headers or request.content_type != "application/json":
        return "orders are taken as application/json, and from no web page"
    if not _loopback(request.host.rpartition(":")[0].strip("[]") or request.host):
        return "orders are taken at a loopback address only"
    return None


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
