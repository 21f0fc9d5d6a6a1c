"""Keeps other websites, and strangers on the network, out of the server.

A name that someone else controls may point at this computer (DNS rebinding), so only names that
nobody can redirect pass: `localhost`, addresses in numbers, and the name that the server was bound
to. Requests that a page of another origin sends are refused. A server that other computers can
reach asks for a token besides, which is in the address that it prints.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
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
_COOKIE = "auheat_token"


class Guard:
    """Middleware that refuses foreign requests and adds headers that shut others out.

    Args:
        app: What is guarded.
        host: The name or address that the server was bound to.
        token: What a client must know, if anything.
    """

    def __init__(self, app: ASGIApp, host: str, token: str | None = None) -> None:
        self._app, self._host, self._token = app, host, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope) or self._app
        await answer(scope, receive, send_guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """The answer to who must not pass, or None."""
        headers = Headers(scope=scope)
        if reason := refusal(headers, self._host):
            return JSONResponse({"error": reason}, 403)
        if self._token is None or _knows(headers, self._token):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and _is_same(query.get("token", [""])[0], self._token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(_COOKIE, self._token, httponly=True, samesite="strict")
            return answer
        return JSONResponse(
            {"error": "open the address that `auheat serve` printed, with its token"}, 401
        )


def needs_token(host: str) -> bool:
    """Whether a server bound to this host can be reached from other computers."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def refusal(headers: Mapping[str, str], bound: str) -> str | None:
    """Why a request is refused, or None.

    Args:
        headers: By lower-case name.
        bound: The server's host.
    """
    host = headers.get("host", "")
    if not _trusted(_parts(f"//{host}")[1], bound):
        return f"the host name {host!r} is not this computer's: open the address that serve printed"
    origin = headers.get("origin")
    if origin is not None and _parts(origin)[0] != host.casefold():
        return "requests of other websites are refused"
    if (
        headers.get("sec-fetch-site") == "cross-site"
        and headers.get("sec-fetch-mode") != "navigate"
    ):
        return "requests of other websites are refused"
    return None


def _parts(address: str) -> tuple[str | None, str]:
    """Host and port of an address, None if it is none; and the host alone, "" if there is none."""
    try:
        parts = urlsplit(address)
        return parts.netloc.casefold(), parts.hostname or ""
    except ValueError:
        return None, ""


def _trusted(name: str, bound: str) -> bool:
    if name in ("localhost", bound.casefold()) and name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _knows(headers: Headers, token: str) -> bool:
    """Whether a request carries the token, as a cookie or as "Authorization: Bearer"."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.casefold() == "bearer" and _is_same(given, token):
        return True
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return False
    return _COOKIE in cookies and _is_same(cookies[_COOKIE].value, token)


def _is_same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())
