"""Keeps other websites out of the local server.

A name that someone else controls may point at this computer (DNS rebinding), so only names that
nobody can redirect pass: `localhost`, addresses in numbers, and the name that the server was bound
to. Requests that a page of another origin sends are refused.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """Middleware that refuses foreign requests and adds headers that shut others out."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if reason := refusal(Headers(scope=scope), self._host):
            await JSONResponse({"error": reason}, 403)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_guarded)


def refusal(headers: Any, bound: str) -> str | None:
    """Why a request is refused, or None. headers: by lower-case name. bound: the server's host."""
    host = headers.get("host", "")
    if not _trusted(_hostname(host), bound):
        return f"the host name {host!r} is not this computer's: open the address that serve printed"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.casefold() != host.casefold():
        return "requests of other websites are refused"
    if (
        headers.get("sec-fetch-site") == "cross-site"
        and headers.get("sec-fetch-mode") != "navigate"
    ):
        return "requests of other websites are refused"
    return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _trusted(name: str, bound: str) -> bool:
    if name in ("localhost", bound.casefold()) and name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
