"""`auheat serve`: what stops it before it starts."""

from __future__ import annotations

import socket
import sys

import pytest
from click.testing import CliRunner

from auheat.cli import main


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
