"""The line that says how far a piece of work is."""

from __future__ import annotations

import io
from itertools import count
from types import SimpleNamespace

import pytest

from auheat.cli import progress_line
from auheat.cli.progress_line import ProgressLine, how_far, make_room, progress_bar


class Terminal(io.StringIO):
    """What was written, and what a person sees of it."""

    def isatty(self) -> bool:
        return True

    @property
    def seen(self) -> str:
        """The last line: a carriage return goes to its start, letters replace those there."""
        shown: list[str] = []
        for part in self.getvalue().rpartition("\n")[2].split("\r"):
            shown[: len(part)] = part
        return "".join(shown).rstrip()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(progress_line, "sys", SimpleNamespace(stderr=made))
    monkeypatch.setenv("COLUMNS", "40")
    return made


@pytest.mark.parametrize(
    ("done", "total", "seconds", "said"),
    [
        (0, 200, 0.0, "a.mp4: 0 of 200 frames (0%)"),
        (50, 200, 0.5, "a.mp4: 50 of 200 frames (25%), 100 frames/s, 2 s left"),
        (199, 200, 100.0, "a.mp4: 199 of 200 frames (99%), 2.0 frames/s, 1 s left"),
        (200, 200, 100.0, "a.mp4: 200 of 200 frames (100%), 2.0 frames/s"),
        (250, 200, 2.5, "a.mp4: 250 of 200 frames (125%), 100 frames/s"),
        (1500, None, 10.0, "a.mp4: 1,500 frames, 150 frames/s"),
    ],
)
def test_how_far(done: int, total: int | None, seconds: float, said: str) -> None:
    assert how_far("a.mp4", done, total, "frames", seconds) == said


def test_the_line_is_replaced_and_goes(terminal: Terminal) -> None:
    line = ProgressLine()
    line.show("a long word")
    line.show("short")
    assert terminal.seen == "short"
    line.show("x" * 60)
    assert terminal.seen == "x" * 39
    line.clear()
    assert terminal.seen == "" and terminal.getvalue().endswith("\r")
    assert "\n" not in terminal.getvalue()


def test_a_bar_counts_and_goes_even_after_an_error(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = count(start=0, step=1)
    monkeypatch.setattr(progress_line, "monotonic", lambda: float(next(clock)))
    with pytest.raises(KeyError), progress_bar("a", 20) as advance:
        assert terminal.seen == "a: 0 of 20 frames (0%)"
        advance(4)
        advance(6)
        assert terminal.seen.startswith("a: 10 of 20 frames (50%)")
        raise KeyError
    assert terminal.seen == ""


def test_it_is_written_ten_times_a_second(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = count(start=0)
    monkeypatch.setattr(progress_line, "monotonic", lambda: next(clock) / 50)
    with progress_bar("a") as advance:
        for _ in range(100):
            advance(1)
        assert 19 <= terminal.getvalue().count("a: ") <= 22


def test_a_whole_line_finds_room_and_the_bar_comes_back(terminal: Terminal) -> None:
    line = ProgressLine()
    line.show("half way")
    make_room()
    print("a warning", file=terminal)
    assert "half way" not in terminal.getvalue().split("\r")[-1]
    line.show("on")
    assert terminal.seen == "on"
    line.clear()
    make_room()  # nothing is shown any more
    assert terminal.getvalue().endswith("on\r  \r")


def test_where_there_is_no_terminal_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(progress_line, "sys", SimpleNamespace(stderr=stream))
        with progress_bar("a", 3) as advance:
            advance(3)
    assert ProgressLine(io.StringIO()).is_shown is False
