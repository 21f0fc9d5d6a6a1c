"""Unexpected errors: one line, the cause in a file, nothing that a terminal obeys."""

from __future__ import annotations

from pathlib import Path

import pytest

from auheat import faults
from auheat.errors import AuheatError, one_line
from auheat.faults import message, record, unexpected


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(faults.DEBUG, raising=False)
    return tmp_path / "state" / "auheat" / "faults.log"


def fail() -> None:
    raise IndexError("list\nindex \x1b[31mout")


def test_one_line_and_the_cause_in_the_log(state: Path) -> None:
    with pytest.raises(IndexError) as raised:
        fail()
    line = unexpected(raised.value, "a.gif")
    assert line == (
        rf"a.gif: unexpected IndexError: list\nindex \x1b[31mout (the cause is in {state})"
    )
    assert "in fail" in state.read_text()
    assert message(AuheatError("told"), "a.gif") == "told"
    assert message(MemoryError(), "b.jp2").startswith("b.jp2: unexpected MemoryError (the cause")


def test_debug_shows_the_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(faults.DEBUG, "1")
    unexpected(KeyError("x"), "a")
    assert "KeyError: 'x'" in capsys.readouterr().err


def test_the_log_does_not_grow_for_ever(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "MAX_LOG_BYTES", 1000)
    for number in range(100):
        record(100 * str(number), "x")
    assert state.stat().st_size < 1500


def test_without_a_place_for_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    assert record("x", "y") is None
    assert "run it again with --debug" in unexpected(ValueError("x"), "a")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 顔.jpg", "Zoë 顔.jpg"),
        ("a\x1b]0;x\x07.jpg", r"a\x1b]0;x\x07.jpg"),
        ("a\nb\r\t\x7f\x9b", r"a\nb\r\t\x7f\x9b"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("a\udcff", r"a\udcff"),
    ],
)
def test_no_text_commands_a_terminal(text: str, shown: str) -> None:
    assert one_line(text) == shown
