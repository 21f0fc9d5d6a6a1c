"""The next video is begun before one is done; outcomes stay as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from auheat.files import make_folder
from auheat.geometry import Points
from auheat.inference.inputs import Input, gather
from auheat.inference.jobs import PredictionJob
from auheat.inference.predictor import Predictor
from auheat.inference.writers import Outputs
from auheat.media.frames import Frame, VideoFile
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video


@pytest.fixture
def predictor(face: Points) -> Predictor:
    return Predictor(small_checkpoint(), KnownFaces([[face_from(face)]]), device="cpu")


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Six clips of different lengths, the third of which is none."""
    for number, count in enumerate((12, 3, 1, 30, 1, 9)):
        images = [texture(number * 40 + i, 270, 480) for i in range(count)]
        write_video(tmp_path / f"{number}.mp4", images)
    (tmp_path / "2.mp4").write_text("no video")
    return sorted(tmp_path.glob("*.mp4"))


def inputs(clips: list[Path], out: Path) -> list[Input]:
    make_folder(out)
    return gather(clips, out, sequence=False)


def test_files_and_outcomes_are_those_of_one_after_the_other(
    tmp_path: Path, predictor: Predictor, clips: list[Path]
) -> None:
    together = PredictionJob(predictor, Outputs(tmp_path / "a"))
    alone = PredictionJob(predictor, Outputs(tmp_path / "b"))
    found = list(together.run(inputs(clips, tmp_path / "a")))
    wanted = [alone.read(item) for item in inputs(clips, tmp_path / "b")]
    assert [one.path for one in found] == clips
    for one, other in zip(found, wanted, strict=True):
        assert (one.frames, one.with_face, one.faces) == (
            other.frames,
            other.with_face,
            other.faces,
        )
        assert one.problem == other.problem
        for file, same in zip(one.files, other.files, strict=True):
            assert file.read_bytes() == same.read_bytes()
    assert found[2].problem == f"{clips[2]} is damaged or holds no video"
    assert [one.frames for one in found] == [12, 3, 0, 30, 1, 9]


class Watched(VideoFile):
    """Notes in what order frames of which video are decoded."""

    events: list[tuple[str, str]]

    def __iter__(self) -> Iterator[Frame]:
        self.events.append(("begin", self.path.stem))
        yield from super().__iter__()
        self.events.append(("end", self.path.stem))


def test_a_video_begins_when_the_one_before_is_decoded(
    tmp_path: Path, predictor: Predictor, clips: list[Path]
) -> None:
    """One at most: what waits in memory stays bounded."""
    Watched.events = []
    job = PredictionJob(predictor, Outputs(tmp_path / "a"), open_video=Watched)
    run = job.run(inputs([*clips[:2], *clips[3:]], tmp_path / "a"))
    next(run)
    order = [("begin", "0"), ("end", "0"), ("begin", "1"), ("end", "1")]
    threading.Event().wait(0.5)
    assert Watched.events == order  # the third waits until the second is asked for
    list(run)
    names = ("0", "1", "3", "4", "5")
    assert Watched.events == [(what, name) for name in names for what in ("begin", "end")]


@pytest.mark.parametrize("outputs", [{"overlay": True}, {}])
def test_what_needs_images_is_not_begun_early(
    tmp_path: Path, predictor: Predictor, clips: list[Path], outputs: dict[str, bool]
) -> None:
    Watched.events = []
    job = PredictionJob(predictor, Outputs(tmp_path / "a", **outputs), open_video=Watched)  # type: ignore[arg-type]
    run = job.run(inputs(clips[:2], tmp_path / "a"))
    next(run)
    threading.Event().wait(0.5)
    assert (("begin", "1") in Watched.events) is not outputs.get("overlay", False)
    run.close()  # type: ignore[attr-defined]


def test_nothing_goes_on_when_nobody_asks_any_more(
    tmp_path: Path, predictor: Predictor, clips: list[Path]
) -> None:
    before = set(threading.enumerate())
    run = PredictionJob(predictor, Outputs(tmp_path / "a")).run(inputs(clips, tmp_path / "a"))
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["0.csv"]
