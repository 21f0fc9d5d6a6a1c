"""What `auheat predict` writes: nothing that is read, nothing twice, nothing by halves."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from auheat.cli import main
from cli_calls import lines, predict, started
from folder_contents import results
from small_media import clip, image
from stand_ins import texture, write_video

pytestmark = pytest.mark.usefixtures("known_face")


def test_own_overlays_are_not_read_again(tmp_path: Path, weights: Path, media: Path) -> None:
    clip(media / "a.mp4")
    image(media / "b.png")
    for _ in range(3):
        result = predict(weights, media, "-o", media, "--overlay")
        assert result.exit_code == 0, result.output
    assert results(media) == [
        *("a.csv", "a.mp4", "a.overlay.mp4", "b.png", "media.csv", "media.overlay")
    ]


def test_events_and_tables_of_two_inputs_do_not_share_a_file(
    tmp_path: Path, weights: Path, media: Path
) -> None:
    inputs = [clip(media / "a.mp4"), clip(media / "a.events.mp4")]
    result = predict(weights, *inputs, "-o", tmp_path / "out", "--events")
    assert result.exit_code == 0, result.output
    written = [line.rpartition("-> ")[2] for line in result.stdout.splitlines()]
    names = [Path(name).name for line in written for name in line.split(", ")]
    assert len(set(names)) == len(names) == 4


def test_inputs_are_never_outputs(tmp_path: Path, weights: Path) -> None:
    video = clip(tmp_path / "a.mp4")
    before = video.read_bytes()
    hard = tmp_path / "hard.mp4"
    hard.hardlink_to(video)
    for name in (video, hard):
        arguments = ["-o", tmp_path / "out", "--baseline", 1, "--save-baseline", name]
        (line,) = lines(predict(weights, video, *arguments), 1)
        assert "is read, and cannot be written as well" in line
    table = tmp_path / "t.csv"
    table.write_text("frame,timestamp,success,AU12_r\n1,0,1,2\n")
    kept = table.read_text()
    for subcommand in (["events", table, "-o", table], ["report", table, "-o", table]):
        (line,) = lines(CliRunner().invoke(main, [str(word) for word in subcommand]), 1)
        assert "is read, and cannot be written as well" in line
    assert (video.read_bytes(), table.read_text()) == (before, kept)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_no_part(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A job scheduler sends the first at its time limit, a terminal that is closed the second."""
    write_video(tmp_path / "a.mp4", [texture(i % 7, 120, 160) for i in range(1500)])
    process = started(tmp_path, "predict", tmp_path / "a.mp4", "-o", tmp_path / "out", "--overlay")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob(".*.part.csv")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert errors == b"auheat: terminated\n"
    assert not (tmp_path / "out").exists()


def test_two_runs_that_want_one_file(tmp_path: Path, weights: Path) -> None:
    from auheat.files import atomic_write

    (tmp_path / "out").mkdir()
    inputs = [clip(tmp_path / "session.mp4"), image(tmp_path / "b.png")]
    with atomic_write(tmp_path / "out" / "session.csv") as temporary:  # another run is at it
        temporary.write_text("theirs")
        first, _ = lines(predict(weights, *inputs, "-o", tmp_path / "out"), 2)
    assert "session.csv: another run is writing it" in first
    assert (tmp_path / "out" / "session.csv").read_text() == "theirs"
    assert (tmp_path / "out" / "b.csv").is_file()
