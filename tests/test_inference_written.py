"""An output that fails costs neither the others nor the next input; and what images leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.geometry import Points
from auheat.inference.inputs import gather
from auheat.inference.jobs import PredictionJob
from auheat.inference.outcome import Outcome
from auheat.inference.predictor import Predictor
from auheat.inference.sinks import OverlayVideoSink
from auheat.inference.writers import EventsWriter, Outputs, TableWriter
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video

FLAT = np.zeros((3, 66_000, 3), np.uint8)


@pytest.fixture
def predictor(face: Points) -> Predictor:
    return Predictor(small_checkpoint(), KnownFaces([[face_from(face)]]), device="cpu")


def run(predictor: Predictor, out: Path, *paths: Path, **wanted: Any) -> list[Outcome]:
    out.mkdir(exist_ok=True)
    sequence = wanted.pop("sequence", False)
    job = PredictionJob(predictor, Outputs(out, **wanted))
    return list(job.run(gather(paths, out, sequence=sequence)))


def image(path: Path, pixels: Any = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    Pillow.fromarray(texture(0, 270, 480) if pixels is None else pixels).save(path)
    return path


def several(path: Path, count: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    first, *rest = (Pillow.fromarray(texture(i, 270, 480)) for i in range(count))
    first.save(path, save_all=True, append_images=rest)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_table_of_an_image_outlives_its_overlay(tmp_path: Path, predictor: Predictor) -> None:
    out, flat = tmp_path / "out", image(tmp_path / "flat.png", FLAT)
    first, second = run(predictor, out, flat, image(tmp_path / "b.png"), overlay=True)
    assert first.files == [out / "flat.csv"]
    assert first.problem is not None
    assert first.problem.startswith(f"cannot write {out / 'flat.overlay.jpg'}: it would have")
    assert first.problem.endswith("; it is left out")
    assert (second.problem, second.files) == (None, [out / "b.csv", out / "b.overlay.jpg"])
    assert names(out) == ["b.csv", "b.overlay.jpg", "flat.csv"]


def test_one_image_of_a_folder_without_an_overlay(tmp_path: Path, predictor: Predictor) -> None:
    for name, pixels in (("1", None), ("2", FLAT), ("3", None)):
        image(tmp_path / "in" / f"{name}.png", pixels)
    (outcome,) = run(predictor, tmp_path / "out", tmp_path / "in", overlay=True)
    assert len((tmp_path / "out" / "in.csv").read_text().splitlines()) == 4
    assert names(tmp_path / "out" / "in.overlay") == ["1.png.jpg", "3.png.jpg"]
    assert "2.png.jpg: it would have 66002x4 pixels" in (outcome.problem or "")


@pytest.mark.parametrize("when", ["write", "__enter__", "__exit__"])
def test_the_table_of_a_video_outlives_its_overlay(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    works, calls = getattr(OverlayVideoSink, when), []

    def fails(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == (2 if when == "write" else 1):
            raise AuheatError("cannot write the overlay: No space left on device")
        return works(*arguments)

    monkeypatch.setattr(OverlayVideoSink, when, fails)
    clip = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(4)])
    (outcome,) = run(predictor, tmp_path / "out", clip, overlay=True, events=True)
    assert outcome.files == [tmp_path / "out" / "a.csv", tmp_path / "out" / "a.events.csv"]
    assert outcome.frames == 4
    assert outcome.problem == ("cannot write the overlay: No space left on device; it is left out")
    if when == "write":
        assert names(tmp_path / "out") == ["a.csv", "a.events.csv"]


def test_what_is_written_last_may_fail_too(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise AuheatError("cannot write a.events.csv: Permission denied")

    monkeypatch.setattr(EventsWriter, "finish", fails)
    clip = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(2)])
    (outcome,) = run(predictor, tmp_path / "out", clip, overlay=True, events=True)
    assert names(tmp_path / "out") == ["a.csv", "a.overlay.mp4"]
    assert "a.events.csv: Permission denied" in (outcome.problem or "")


def test_without_its_table_an_input_failed(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise AuheatError("cannot write a.csv: No space left on device")

    monkeypatch.setattr(TableWriter, "write", fails)
    clip = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(2)])
    (outcome,) = run(predictor, tmp_path / "out", clip, overlay=True)
    assert (outcome.files, names(tmp_path / "out")) == ([], [])
    assert outcome.problem == "cannot write a.csv: No space left on device"


def test_images_of_which_only_the_first_is_read_are_said(
    tmp_path: Path, predictor: Predictor
) -> None:
    """Once for each different note, however many images it is true of."""
    folder = tmp_path / "in"
    for name, count in (("1.tif", 3), ("2.tif", 1), ("3.webp", 3), ("4.gif", 2)):
        several(folder / name, count)
    note = (
        "1.tif: of its 3 images only the first was read; so with 1 more; "
        "4.gif: of its 2 images only the first was read"
    )
    (outcome,) = run(predictor, tmp_path / "out", folder)
    assert (outcome.frames, outcome.problem, outcome.note) == (4, None, note)
    (outcome,) = run(predictor, tmp_path / "out", folder, sequence=True)
    assert (outcome.frames, outcome.problem, outcome.note) == (4, None, note)
