"""Runs the server until it is interrupted, and opens the page."""

from __future__ import annotations

import errno
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import uvicorn

from auheat.errors import AuheatError, Terminated
from auheat.inference.predictor import Predictor
from auheat.system import HANGUP
from auheat.web.connections import connection_class
from auheat.web.guard import needs_token
from auheat.web.limits import DEFAULT_LIMITS, Limits
from auheat.web.server import application
from auheat.web.sessions import SessionStore


def serve(
    predictor: Predictor,
    *,
    weights: str = "default",
    host: str = "127.0.0.1",
    port: int = 8000,
    open_browser: bool = True,
    notify: Callable[[str], object] = print,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Serves the page until Ctrl-C, SIGTERM, or the end of its terminal.

    Args:
        predictor: What reads.
        weights: Those of the predictor, for reports.
        host: Where to listen. Where other computers can reach it, the address holds a token.
        port: 0 takes any free one.
        open_browser: Whether to open the page.
        notify: Is given the address.
        limits: What is taken at most.

    Raises:
        Terminated: After SIGHUP.
        AuheatError: If the port is taken or the host is not this computer's.
    """
    signal.signal(signal.SIGTERM, _end)
    token = secrets.token_urlsafe(16) if needs_token(host) else None
    with (
        _listening(host, port) as listener,
        SessionStore(predictor, weights, limits=limits) as store,
    ):
        address = _address(host, listener.getsockname()[1], token)
        notify(address)
        if open_browser:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        server = server_of(store, host=host, token=token)
        with _until_hangup(server):
            server.run([listener])


def server_of(
    store: SessionStore, *, host: str = "127.0.0.1", token: str | None = None
) -> uvicorn.Server:
    """The server over a store; its `run` takes the sockets to listen on."""
    config = uvicorn.Config(
        application(store, host=host, token=token),
        http=connection_class(store.limits),
        ws="none",
        log_level="error",
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


@contextmanager
def _until_hangup(server: uvicorn.Server) -> Iterator[None]:
    """The server comes down in order when its terminal is closed, of which uvicorn knows nothing.

    Raises:
        Terminated: After that.
    """
    heard: list[int] = []

    def hang_up(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        server.should_exit = True

    if HANGUP is None or signal.getsignal(HANGUP) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(HANGUP, hang_up)
    try:
        yield
    finally:
        signal.signal(HANGUP, before)
    if heard:
        raise Terminated(heard[0])


def _end(*_: object) -> None:
    """The server raises its signal anew when it is down; files are to be removed even then."""
    raise SystemExit(0)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as on_failure:
            listener = on_failure.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            on_failure.pop_all()
            return listener
    except socket.gaierror:
        raise AuheatError(f"{host} is no host: try --host 127.0.0.1") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AuheatError(f"port {port} is taken: name another one with --port") from None
        raise AuheatError(f"cannot listen on {host}:{port}: {error.strerror}") from None


def _own_address(every: str) -> str:
    """The address by which other computers reach this one.

    Args:
        every: What it listens on, "0.0.0.0" or "::".
    """
    family, elsewhere, here = (
        (socket.AF_INET6, "2001:db8::1", "::1")
        if ":" in every
        else (socket.AF_INET, "192.0.2.1", "127.0.0.1")
    )
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((elsewhere, 9))  # nothing is sent: it asks which way that would go
        return str(probe.getsockname()[0])
    return here  # it is in no network


def _address(host: str, port: int, token: str | None) -> str:
    host = _own_address(host) if host in ("0.0.0.0", "::") else host
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
