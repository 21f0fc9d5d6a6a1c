from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image as Pillow

from auheat import __version__
from auheat.geometry import Points
from auheat.inference import predictor
from auheat.inference.uncertainty import Uncertainty
from cli_calls import call
from folder_contents import results
from stand_ins import KnownFaces, face_from, texture, write_video


@pytest.fixture(autouse=True)
def known_faces(monkeypatch: pytest.MonkeyPatch, face: Points) -> list[int]:
    """Instead of MediaPipe: one face in every image. Gives the limits that were asked for."""
    asked: list[int] = []

    def detector(max_faces: int) -> KnownFaces:
        asked.append(max_faces)
        return KnownFaces([[face_from(face)]])

    monkeypatch.setattr(predictor, "default_detector", detector)
    return asked


def predict(weights: Path, *arguments: object) -> Result:
    return call("predict", "--weights", weights, "--device", "cpu", *arguments)


def clip(path: Path, count: int = 3) -> Path:
    return write_video(path, [texture(i, 270, 480) for i in range(count)])


def image(path: Path) -> Path:
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    return path


def only_line(result: Result) -> str:
    """The single line on standard error of a call that failed without a traceback."""
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("auheat: ")
    return result.stderr


def test_videos_and_images(tmp_path: Path, weights: Path, known_faces: list[int]) -> None:
    out = tmp_path / "new" / "out"
    inputs = [clip(tmp_path / "a.mp4"), image(tmp_path / "b.png")]
    result = predict(weights, *inputs, "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{inputs[0]}: a face in 3 of 3 frames (1 person), ")
    assert first.endswith(f" frames/s -> {out / 'a.csv'}")
    assert second.startswith(f"{inputs[1]}: a face in 1 of 1 image (1 face), ")
    assert [len((out / name).read_text().splitlines()) for name in ("a.csv", "b.csv")] == [4, 2]
    assert known_faces == [5]


def test_options_reach_their_place(tmp_path: Path, weights: Path, known_faces: list[int]) -> None:
    (tmp_path / "walk").mkdir()
    for i in (2, 10):
        image(tmp_path / "walk" / f"{i}.png")
    options = ["--overlay", "--faces", 2, "--sequence", "--fps", 4, "--aus", "AU12, AU04"]
    result = predict(weights, tmp_path / "walk", "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert known_faces == [2]
    assert results(tmp_path / "out") == ["walk.csv", "walk.overlay.mp4"]
    lines = (tmp_path / "out" / "walk.csv").read_text().splitlines()
    assert lines[0] == ("frame,face_id,timestamp,confidence,success,AU04_r,AU12_r,AU04_c,AU12_c")
    assert [line.split(",")[:3] for line in lines[1:]] == [["1", "0", "0.000"], ["2", "0", "0.250"]]


def test_baseline_smooth_and_events(tmp_path: Path, weights: Path) -> None:
    out, saved = tmp_path / "out", tmp_path / "rest.json"
    options = ["--baseline", 2, "--save-baseline", saved, "--smooth", "--events", "--overlay"]
    result = predict(weights, clip(tmp_path / "a.mp4", 12), "-o", out, *options)
    assert result.exit_code == 0, result.output
    names = ["a.baseline.json", "a.csv", "a.events.csv", "a.overlay.mp4"]
    assert results(out) == names
    assert (out / "a.baseline.json").read_text() == saved.read_text()
    assert str(saved) in result.stdout
    columns = (out / "a.csv").read_text().splitlines()[0].split(",")
    assert columns[-3:] == ["AU04_raw", "AU09_raw", "AU12_raw"]
    shared = [image(tmp_path / "b.png"), clip(tmp_path / "c.mp4")]
    again = predict(weights, *shared, "-o", out, "--neutral", saved)
    assert again.exit_code == 0, again.output
    assert {"b.baseline.json", "c.baseline.json"} < {path.name for path in out.iterdir()}
    # A table from which nothing was subtracted does not lie beside what once was.
    assert predict(weights, tmp_path / "a.mp4", "-o", out).exit_code == 0
    assert not (out / "a.baseline.json").exists()
    assert saved.exists()
    assert "raw" in (out / "b.csv").read_text().splitlines()[0]


def test_one_resting_face_for_several_people_is_noted(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, face: Points
) -> None:
    saved = tmp_path / "rest.json"
    first = predict(weights, clip(tmp_path / "a.mp4"), "-o", tmp_path, "--neutral", 1,
                    "--save-neutral", saved)  # fmt: skip
    assert first.exit_code == 0, first.output
    two = [face_from(face, 0), face_from(face * 0.6 + 150, 1)]
    monkeypatch.setattr(predictor, "default_detector", lambda _: KnownFaces([two]))
    result = predict(weights, clip(tmp_path / "b.mp4"), "-o", tmp_path, "--neutral", saved)
    assert result.exit_code == 0
    assert "note: " in result.stderr
    assert "one baseline was subtracted from 2 people" in result.stderr


def test_std_on_request(tmp_path: Path, weights: Path) -> None:
    path = image(tmp_path / "a.png")
    result = predict(weights, path, "-o", tmp_path / "out", "--sd")
    assert "without figures of uncertainty" in only_line(result)
    assert not (tmp_path / "out").exists()
    aus = ("AU04", "AU09", "AU12")
    curves = np.log(np.full((3, 2), 0.25))
    figures = Uncertainty(aus, np.array([0.0, 5.0]), curves, np.zeros(3), 0.0, 1.0)
    figures.write(weights.with_name("small.uncertainty.json"))
    result = predict(weights, path, "-o", tmp_path / "out", "--sd")
    assert result.exit_code == 0, result.output
    head, row = ((tmp_path / "out" / "a.csv").read_text()).splitlines()
    assert head.endswith(",AU04_sd,AU09_sd,AU12_sd")
    assert row.endswith(",0.25,0.25,0.25")


def test_results_of_one_name_do_not_replace_each_other(tmp_path: Path, weights: Path) -> None:
    result = predict(
        weights, clip(tmp_path / "a.mp4"), image(tmp_path / "a.png"), "-o", tmp_path / "out"
    )
    assert result.exit_code == 0
    assert results(tmp_path / "out") == ["a.csv", "a.png.csv"]


def test_failures_are_listed_and_the_rest_is_read(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    inputs = [tmp_path / "none.mp4", tmp_path / "text.mp4", clip(tmp_path / "a.mp4")]
    result = predict(weights, *inputs, "-o", tmp_path / "out")
    assert result.exit_code == 2
    missing, text, summary = result.stderr.splitlines()
    assert missing == f"auheat: no file at {inputs[0]}"
    assert text.startswith(f"auheat: {inputs[1]} is damaged or holds no video")
    assert summary == "auheat: 2 of 3 inputs are not complete"
    assert result.stdout.count("\n") == 1
    assert (tmp_path / "out" / "a.csv").exists()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_text("text"), "is damaged or holds no video"),
        (lambda path: path.mkdir(), "no images in folder"),
    ],
)
def test_a_single_bad_input_is_one_line(tmp_path: Path, weights: Path, make, reason: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "clip.mp4")
    line = only_line(predict(weights, tmp_path / "clip.mp4", "-o", tmp_path / "out"))
    assert reason in line
    assert str(tmp_path / "clip.mp4") in line


def test_a_truncated_video_is_a_result_and_a_failure(tmp_path: Path, weights: Path) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (270, 480, 3)).astype(np.uint8) for _ in range(30)]
    path = write_video(tmp_path / "a.mkv", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = predict(weights, path, "-o", tmp_path / "out")
    assert "truncated after frame" in only_line(result)
    assert "what could be read is kept" in result.stderr
    assert "a.csv" in result.stdout
    assert (tmp_path / "out" / "a.csv").exists()


def test_an_image_without_a_face_is_a_result(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "default_detector", lambda _: KnownFaces([[]]))
    Pillow.new("RGB", (1, 1)).save(tmp_path / "one.png")
    result = predict(weights, tmp_path / "one.png", "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert (tmp_path / "out" / "one.csv").read_text().splitlines()[1] == "0,0.00,0,,,,,,"


def test_nothing_is_read_without_a_place_for_results(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "file").touch()
    path = image(tmp_path / "a.png")
    for place in (tmp_path / "file", tmp_path / "file" / "sub"):
        assert "a file is in the way" in only_line(predict(weights, path, "-o", place))


def test_wrong_settings_are_one_line(tmp_path: Path, weights: Path) -> None:
    path = image(tmp_path / "a.png")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(weights.read_bytes()[:500])
    for options, reason in (
        (["--sequence"], "none of the inputs is a folder"),
        (["--aus", "AU1"], "AU1"),
        (["--aus", "AU25"], "do not read AU25"),
        (["--aus", ","], "no Action Units"),
        (["--device", "gpu"], "'gpu' is no device"),
        (["--weights", damaged], "damaged.safetensors"),
        (["--neutral", "0"], "frames count from 1"),
        (["--neutral", tmp_path / "none.jpg"], "no file at"),
        (["--save-neutral", tmp_path / "a.json"], "no baseline to save"),
        (["--weights", tmp_path / "none.safetensors"], "none.safetensors"),
    ):
        result = predict(weights, path, "-o", tmp_path / "out", *options)
        assert reason in only_line(result)
        assert not (tmp_path / "out").exists()


def test_baseline_frames_that_do_not_fit_are_one_line(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, face: Points
) -> None:
    video, shown = clip(tmp_path / "a.mp4"), image(tmp_path / "a.png")
    for inputs, options, reason in (
        ([video], ["--neutral", 4], "has 3 frames: there is no baseline frame 4"),
        ([video], ["--neutral", "auto"], "it takes 10 frames"),
        ([shown], ["--neutral", 1], "is an image, which has no baseline frame"),
        ([video, shown], ["--neutral", 1, "--save-neutral", tmp_path / "n"], "of one input"),
    ):
        assert reason in only_line(predict(weights, *inputs, "-o", tmp_path / "out", *options))
    monkeypatch.setattr(
        predictor, "default_detector", lambda _: KnownFaces([[], [face_from(face)]])
    )
    line = only_line(predict(weights, video, "-o", tmp_path / "out", "--neutral", 1))
    assert "frame 1 of" in line
    assert "shows no face" in line
    assert not (tmp_path / "out").exists()  # what stays empty is removed again


def test_an_interrupt_is_one_line(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(KnownFaces):
        def tracker(self) -> Interrupted:
            return self

        def update(self, image: object, timestamp: float | None = None) -> tuple[()]:
            raise KeyboardInterrupt

    monkeypatch.setattr(predictor, "default_detector", lambda _: Interrupted([[]]))
    result = predict(weights, clip(tmp_path / "a.mp4"), "-o", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr.strip() == "auheat: interrupted"
    assert not (tmp_path / "out").exists()  # what stays empty is removed again


def test_defects_are_one_line(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> KnownFaces:
        raise ZeroDivisionError

    monkeypatch.setattr(predictor, "default_detector", broken)
    result = predict(weights, image(tmp_path / "a.png"), "-o", tmp_path / "out")
    assert "unexpected ZeroDivisionError" in only_line(result)


def test_version_and_help() -> None:
    assert call("--version").stdout == f"auheat {__version__}\n"
    assert "predict" in call("--help").stdout
    assert "--sequence" in call("predict", "-h").stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from auheat.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'mediapipe', 'cv2', 'av', 'pandas', 'numba', 'numpy', 'PIL'}\n"
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stderr.strip() == b"set()"
