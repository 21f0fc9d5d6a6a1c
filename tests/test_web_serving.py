"""`auheat serve`: what stops it before it starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from auheat.cli import main
from web_sessions import eventually


def serve(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    """Standard error of a call of `auheat serve` that ends at once."""
    pytest.importorskip("fastapi")
    monkeypatch.setattr("auheat.inference.predictor.load", lambda *_, **__: None)
    result = CliRunner().invoke(main, ["serve", "--no-browser", *map(str, arguments)])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = serve(monkeypatch, "--port", port)
    assert said == f"auheat: port {port} is taken: name another one with --port\n"


def answers(port: int) -> socket.socket | None:
    """A connection to a server, once it listens."""
    try:
        return socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return None


def test_a_terminal_that_is_closed_ends_the_server_in_order(tmp_path: Path) -> None:
    """SIGHUP: what was uploaded is gone, and nothing but the word is said."""
    pytest.importorskip("uvicorn")
    with subprocess.Popen(
        [sys.executable, "-m", "auheat", "serve", "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        client = eventually(lambda: answers(int(address.strip("/").rpartition(":")[2])))
        assert list(tmp_path.iterdir()) != []
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=60)
        client.close()
    assert (process.returncode, errors) == (129, "auheat: terminated\n")
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no.such.invalid is no host" in serve(monkeypatch, "--host", "no.such.invalid")


def test_without_the_extra_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "auheat.web.serving", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert 'pip install "auheat[serve]"' in serve(monkeypatch)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_address_is_one_that_others_can_open(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """It was 127.0.0.1, which is another computer for everybody else."""
    serving = pytest.importorskip("auheat.web.serving")
    own = {"0.0.0.0": "10.1.2.3", "::": "fd00::7"}[host]

    class Probe(socket.socket):
        def connect(self, place: object) -> None:
            assert isinstance(place, tuple) and len(place) == 2

        def getsockname(self) -> tuple[str, int]:
            return own, 5

    shown = f"[{own}]" if ":" in own else own
    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", Probe)
        assert serving._address(host, 8000, "t") == f"http://{shown}:8000/?token=t"
    assert serving._address("127.0.0.1", 1, None) == "http://127.0.0.1:1/"

    def no_network(*_: object) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr(Probe, "connect", no_network)
    monkeypatch.setattr(socket, "socket", Probe)
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}[host]
    assert serving._address(host, 8000, None) == f"http://{here}:8000/"
