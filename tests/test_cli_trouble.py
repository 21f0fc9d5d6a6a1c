"""`auheat predict` on inputs, names, options and consoles that make trouble.

One input never ends the call for the others, nothing that is read is replaced, and every failure
is one line on standard error.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.cli import main
from auheat.errors import AuheatError
from auheat.inference import jobs, predictor
from auheat.inference.video import FrameImages
from auheat.media import limits
from auheat.media.images import read_image
from auheat.results import Face
from folder_contents import results
from stand_ins import KnownFaces, face_from, save_small, texture, write_video


@pytest.fixture(autouse=True)
def _known_faces(
    monkeypatch: pytest.MonkeyPatch, face: NDArray[np.float64], tmp_path: Path
) -> None:
    known = KnownFaces([[face_from(face)]])
    monkeypatch.setattr(predictor, "default_detector", lambda *_, **__: known)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save_small(tmp_path / "small.safetensors")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def predict(weights: Path, *arguments: object) -> Result:
    options = ["predict", "--weights", weights, "--device", "cpu", *arguments]
    return CliRunner().invoke(main, [str(option) for option in options])


def clip(path: Path, count: int = 3) -> Path:
    return write_video(path, [texture(i, 120, 160) for i in range(count)])


def image(path: Path) -> Path:
    Pillow.fromarray(texture(0, 120, 160)).save(path)
    return path


def lines(result: Result, count: int, code: int = 2) -> list[str]:
    found = result.stderr.splitlines()
    assert (result.exit_code, len(found)) == (code, count), result.output
    assert all(line.startswith("auheat: ") for line in found)
    return found


@pytest.mark.parametrize(
    "error",
    [RuntimeError("x"), IndexError(), TypeError("x\ny"), MemoryError(), SystemError()],
)
def test_whatever_an_input_raises_the_others_are_read(
    tmp_path: Path, weights: Path, media: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Seen from damaged AVIF, GIF, TIFF and JPEG 2000."""
    real = read_image

    def read(path: Path) -> object:
        if path.name.startswith("bad"):
            raise error
        return real(path)

    monkeypatch.setattr(jobs, "read_image", read)
    inputs = [image(media / "bad.png"), image(media / "good.png"), clip(tmp_path / "c.mp4")]
    result = predict(weights, *inputs, "-o", tmp_path / "out")
    first, _ = lines(result, 2)
    assert f"{media / 'bad.png'}: unexpected {type(error).__name__}" in first
    assert str(tmp_path / "state") in first
    assert results(tmp_path / "out") == ["c.csv", "good.csv"]
    folder = predict(weights, media, "-o", tmp_path / "out")
    line, named = lines(folder, 2)
    assert line.endswith("media: 1 of 2 images are left out")
    assert f"{media / 'bad.png'}: unexpected {type(error).__name__}" in named
    assert len((tmp_path / "out" / "media.csv").read_text().splitlines()) == 2


def test_an_error_in_the_middle_of_a_video(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, face: NDArray[np.float64]
) -> None:
    class Broken(KnownFaces):
        def tracker(self) -> Broken:
            return self

        def update(self, image: object, timestamp: float | None = None) -> tuple[Face, ...]:
            raise ValueError("no such matrix")

    monkeypatch.setattr(predictor, "default_detector", lambda _: Broken([[face_from(face)]]))
    inputs = [clip(tmp_path / "a.mp4"), image(tmp_path / "b.png")]
    first, _ = lines(predict(weights, *inputs, "-o", tmp_path / "out", "--overlay"), 2)
    assert "a.mp4: unexpected ValueError: no such matrix" in first
    assert results(tmp_path / "out") == ["b.csv", "b.overlay.jpg"]


def test_paths_that_cannot_be_looked_at(tmp_path: Path, weights: Path, media: Path) -> None:
    loop, fifo = tmp_path / "loop.mp4", tmp_path / "fifo.mp4"
    loop.symlink_to(loop)
    os.mkfifo(fifo)
    good = image(media / "a.png")
    long = tmp_path / (300 * "a" + ".mp4")
    result = predict(weights, loop, fifo, long, "nul\0.mp4", good, "-o", tmp_path / "out")
    found = lines(result, 5)
    assert "loop.mp4" in found[0]
    assert "fifo.mp4 is a device, pipe or socket: save what it gives" in found[1]
    assert "File name too long" in found[2]
    assert "nul" in found[3]
    assert "4 of 5 inputs are not complete" in found[4]
    assert results(tmp_path / "out") == ["a.csv"]


def test_standard_input_is_refused_in_one_line(tmp_path: Path) -> None:
    """What a pipe gives can be read once; it was called empty."""
    content = clip(tmp_path / "a.mp4").read_bytes()
    for name in ("/dev/stdin", "/dev/fd/0", "-"):
        command = [sys.executable, "-m", "auheat", "predict", name, "-o", str(tmp_path / "out")]
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=60)
        (line,) = done.stderr.decode().splitlines()
        assert done.returncode == 2
        expected = "no file at -" if name == "-" else "is a device, pipe or socket: save what it"
        assert expected in line, line


@pytest.mark.filterwarnings("always")
def test_no_warning_of_python_is_seen(tmp_path: Path, weights: Path) -> None:
    """Of pandas with hundreds of columns, or of anybody: they go to the log."""
    path = clip(tmp_path / "a.mp4")
    result = predict(weights, path, "-o", tmp_path / "out", "--report", "--landmarks", "--pose")
    assert (result.exit_code, result.stderr) == (0, "")
    code = (
        "import warnings; from auheat.cli import console\n"
        "with console.quiet(): warnings.warn('unsafe', ResourceWarning, stacklevel=1)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        capture_output=True,
        check=False,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert "ResourceWarning: unsafe" in (tmp_path / "state").rglob("*.log").__next__().read_text()


def test_a_home_that_cannot_be_written(tmp_path: Path, weights: Path) -> None:
    """Matplotlib said so in three lines."""
    (tmp_path / "home").write_text("a file, in which nobody makes a folder")
    path = image(tmp_path / "a.png")
    process = subprocess.run(
        [sys.executable, "-m", "auheat", "predict", str(path), "-o", str(tmp_path / "out")],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
        | {key: value for key, value in os.environ.items() if key == "PYTHONPATH"},
    )
    assert (process.returncode, process.stderr) == (0, b"")


def test_weights_that_may_not_be_read(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were called missing."""
    real = Path.open

    def opened(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == weights:
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    (line,) = lines(predict(weights, image(tmp_path / "a.png"), "-o", tmp_path / "out"), 1)
    assert line.endswith(f"cannot read {weights}: Permission denied")


def test_more_pixels_are_a_flag(tmp_path: Path, weights: Path, monkeypatch: Any) -> None:
    """One limit for images and frames; the line that names it says what to give."""
    monkeypatch.setattr(limits, "MAX_PIXELS", 117 * 160 - 1)
    monkeypatch.setenv(limits.MEGAPIXELS, "")
    inputs = [image(tmp_path / "a.png"), clip(tmp_path / "b.mp4")]
    found = lines(predict(weights, *inputs, "-o", tmp_path / "out"), 3)
    for line in found[:2]:
        assert line.endswith("or allow more with `auheat --max-megapixels 1`")
    words = ["--max-megapixels", "1", "predict", "--weights", weights, *inputs]
    words += ["-o", tmp_path / "out"]
    assert CliRunner().invoke(main, [str(word) for word in words]).exit_code == 0
    refused = CliRunner().invoke(main, ["--max-megapixels", "0", "predict", "a.mp4"])
    assert refused.exit_code == 2 and refused.stderr.endswith("see `auheat --help`\n")


def test_a_folder_that_may_not_be_read(
    tmp_path: Path, weights: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == media:  # root, who runs some of these tests, may read every folder
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    (line, _) = lines(predict(weights, media, image(tmp_path / "a.png"), "-o", tmp_path / "o"), 2)
    assert "Permission denied" in line


def test_names_that_are_not_utf_8(tmp_path: Path, weights: Path, media: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    image(media / "a.png").rename(media / name)
    for extra in ((), ("--format", "tidy"), ("--format", "fex"), ("--report",)):
        result = predict(weights, media, "-o", tmp_path / "out", *extra)
        assert result.exit_code == 0, result.output
    assert r"caf\udce9.png" in (tmp_path / "out" / "media.csv").read_text("utf-8")
    single = predict(weights, media / name, "-o", tmp_path / "out")
    assert single.exit_code == 0, single.output
    assert r"caf\udce9.png: a face in 1 of 1 image" in single.stdout


def test_names_that_command_a_terminal_or_a_spreadsheet(
    tmp_path: Path, weights: Path, media: Path
) -> None:
    image(media / "=cmd|' !A0.png")
    evil = media / "a\x1b]0;owned\x07\n.mp4"
    evil.write_text("no video")
    result = predict(weights, media, "-o", tmp_path / "out")
    (line, _) = lines(result, 2)
    assert r"a\x1b]0;owned\x07\n.mp4" in line
    rows = (tmp_path / "out" / "media.csv").read_text().splitlines()
    assert rows[1].startswith("'=cmd|' !A0.png,")


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


def test_files_that_are_left_out_of_a_folder_are_named(
    tmp_path: Path, weights: Path, media: Path
) -> None:
    image(media / "a.png")
    for name in ("b.braw", "notes.txt", "old.csv", "c.R3D"):
        (media / name).touch()
    result = predict(weights, media, "-o", tmp_path / "out")
    (note,) = lines(result, 1, code=0)
    assert note.endswith("left out are files that end in .braw, .r3d")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--baseline=--5"], "no file at --5"),
        (["--baseline", "99999999999999999999"], "no file at"),
        (["--baseline", "1", "--save-baseline", ""], "is empty"),
        (["--baseline", "1", "--save-baseline", "none/a.json"], "there is no folder none"),
        (["--baseline", "1", "--save-baseline", "/dev/null"], "it is a device"),
        (["--device", "hpu"], "'hpu' is no device"),
    ],
)
def test_options_that_ended_in_tracebacks(
    tmp_path: Path, weights: Path, options: list[str], reason: str
) -> None:
    video = clip(tmp_path / "a.mp4")
    (line,) = lines(predict(weights, video, "-o", tmp_path / "out", *options), 1)
    assert reason in line
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("predict a.mp4 -o out --baseline {}", "a.json"),
        ("predict a.mp4 -o out --baseline {}", "a.png"),
        ("predict a.mp4 -o out --weights {}", "a.safetensors"),
        ("events {} -o e.csv", "t.csv"),
        ("report {} -o r.html", "t.csv"),
        ("evaluate {} --data data", "t.csv"),
        ("corpus {} -o set --workers 0", "a.txt"),
        ("corpus {} -o set --workers 0", "a.parquet"),
        ("train {}", "a.toml"),
    ],
)
def test_no_file_that_is_named_is_a_pipe_that_is_waited_for(
    tmp_path: Path, command: str, name: str
) -> None:
    clip(tmp_path / "a.mp4")
    os.mkfifo(tmp_path / name)
    words = command.format(name).split()
    done = subprocess.run(
        [sys.executable, "-m", "auheat", *words], cwd=tmp_path, capture_output=True, timeout=300
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert name.encode() in done.stderr


@pytest.mark.parametrize("words", [["predict", "", "-o", "out"], ["corpus", "", "-o", "set"]])
def test_an_empty_name_is_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """As of a variable of a shell that is not set: the whole folder was read."""
    clip(tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "is empty" in result.output
    assert "a.mp4" not in result.output and not list(tmp_path.rglob("a.csv"))


@pytest.mark.parametrize(
    "options",
    [
        ["--threads", "2147483648"],
        ["--threads", "2147483647"],
        ["--batch", "99999999"],
        ["--fps", "nan"],
        ["--fps", "inf"],
    ],
)
def test_numbers_out_of_reach_name_the_help(tmp_path: Path, options: list[str]) -> None:
    result = predict(tmp_path / "w", tmp_path / "a.mp4", *options)
    assert result.exit_code == 2
    assert result.stderr.endswith("; see `auheat predict --help`\n")


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


def test_a_defect_is_one_line_and_debug_shows_its_cause(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> KnownFaces:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(predictor, "default_detector", broken)
    path = image(tmp_path / "a.png")
    (line,) = lines(predict(weights, path, "-o", tmp_path / "out"), 1)
    assert "unexpected ImportError: libGL.so.1" in line
    monkeypatch.setenv("AUHEAT_DEBUG", "")
    options = ["--debug", "predict", str(path), "--weights", str(weights)]
    shown = CliRunner().invoke(main, options)
    assert shown.exit_code == 2
    assert "Traceback (most recent call last)" in shown.stderr


def _script(tmp_path: Path, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "auheat", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")} | environment,
    )


def test_a_console_that_lacks_letters(tmp_path: Path) -> None:
    process = _script(tmp_path, "predict", tmp_path / "ж.mp4", PYTHONIOENCODING="cp1252")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.rstrip().endswith(rb"no file at " + os.fsencode(tmp_path) + rb"/\u0436.mp4")


def test_without_standard_error(tmp_path: Path) -> None:
    code = (
        "import sys; sys.stderr = None; from auheat.cli import main; "
        f"main(['predict', {str(tmp_path / 'none.mp4')!r}, '-o', {str(tmp_path)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 2


def test_a_working_folder_that_was_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    code = (
        f"import os; os.chdir({str(folder)!r}); os.rmdir({str(folder)!r}); "
        "from auheat.cli import main; main(['predict', 'a.mp4'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the working folder was deleted" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_no_part(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A job scheduler sends the first at its time limit, a terminal that is closed the second."""
    write_video(tmp_path / "a.mp4", [texture(i % 7, 120, 160) for i in range(1500)])
    process = _script(tmp_path, "predict", tmp_path / "a.mp4", "-o", tmp_path / "out", "--overlay")
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


def test_frames_per_second_of_python_users() -> None:
    for fps in (float("nan"), float("inf"), 0.0, -1.0):
        with pytest.raises(AuheatError, match="frames per second"):
            FrameImages([], fps=fps)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["reproduce", "table9", "--data", "none"], "unknown target 'table9'"),
        (["reproduce", "table2", "--data", "none", "--preset", "tin"], "unknown preset 'tin'"),
        (["train", "--preset", "tin"], "unknown preset 'tin'"),
        (["reproduce", "table2", "--data", "none"], "no dataset in none"),
        (["train", "--preset", "tiny"], "names no dataset"),
    ],
)
def test_a_misspelt_name_is_told_before_the_dataset_is_missed(
    arguments: list[str], line: str
) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert line in result.stderr
