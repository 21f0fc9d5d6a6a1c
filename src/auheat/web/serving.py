"""Runs the server until it is interrupted, and opens the page."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from auheat.errors import AuheatError
from auheat.inference.predictor import Predictor
from auheat.web.server import application
from auheat.web.sessions import SessionStore

DEFAULT_MAX_BYTES = 2_000_000_000


def serve(
    predictor: Predictor,
    host: str = "127.0.0.1",
    port: int = 8000,
    open_browser: bool = True,
    tell: Callable[[str], object] = print,
    max_bytes: int = DEFAULT_MAX_BYTES,
    weights: str = "default",
) -> None:
    """Serves the page until Ctrl-C. port: 0 takes any free one. tell: is given the address.

    max_bytes: of an upload. weights: those of the predictor, for reports.
    Raises AuheatError if the port is taken or the host is not this computer's.
    """
    signal.signal(signal.SIGTERM, _end)
    with _listening(host, port) as listener, SessionStore(predictor, weights) as store:
        address = _address(host, listener.getsockname()[1])
        tell(address)
        if open_browser:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        app = application(store, host, max_bytes)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run([listener])


def _end(*_: object) -> None:
    """The server raises its signal anew when it is down; files are to be removed even then."""
    raise SystemExit(0)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        return listener
    except socket.gaierror:
        raise AuheatError(f"{host} is no host: try --host 127.0.0.1") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AuheatError(f"port {port} is taken: name another one with --port") from None
        raise AuheatError(f"cannot listen on {host}:{port}: {error.strerror}") from None


def _address(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{'127.0.0.1' if name == '0.0.0.0' else name}:{port}/"
