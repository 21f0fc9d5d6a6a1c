"""Connections that cannot be held open for nothing.

uvicorn waits without an end for the head of a request, and for a client that does not fetch its
answer, so a few hundred sockets could keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from auheat.web.limits import Limits

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
)
_FULL_BODY = b'{"error":"too many connections: try again in a moment"}'


class LimitedConnection(H11Protocol):
    """An HTTP connection that is closed when its client keeps it waiting.

    While a request is being worked on nothing is closed; the body of an upload has its own limit
    in `auheat.web.uploads`.

    Attributes:
        limits: Of the server; set in a class made by `connection_class`.
    """

    limits: Limits
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.write(_FULL % (self.limits.retry_s, len(_FULL_BODY), _FULL_BODY))
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        self._let_flow()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel()
        elif self._deadline is None:  # a part of a head, after an answer
            self._await_head()

    def pause_writing(self) -> None:
        """Called when the client does not fetch what is sent."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.download_idle_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Called when it goes on."""
        self._let_flow()
        super().resume_writing()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.limits.header_s, self.transport.close)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_flow(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def connection_class(limits: Limits) -> Any:
    """The class of a server's connections."""
    return type("Connection", (LimitedConnection,), {"limits": limits})
