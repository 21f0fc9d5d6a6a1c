"""What is kept of a video on disk: it goes when nobody needs it, and a full disk is one line."""

from __future__ import annotations

import errno
import gc
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.geometry import Points
from auheat.inference.postprocess import PostProcessedFrames, PostProcessing
from auheat.inference.sources import FrameImages
from auheat.inference.spool import ResultSpool
from auheat.results import FrameResult
from stand_ins import face_from, small_predictor, texture

IMAGES = [texture(seed, 270, 480) for seed in range(4)]


class _Full(io.BytesIO):
    """A file on a disk that takes the first kilobytes."""

    def flush(self) -> None:
        if self.tell() > 12_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        self.flush()
        super().close()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", _Full)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All temporary files that are made."""
    made: list[Any] = []
    make = tempfile.TemporaryFile

    def keep() -> Any:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", keep)
    return made


def result(number: int) -> FrameResult:
    return FrameResult(number, number / 25, faces=(), aus=("AU04",))


def test_what_is_kept_of_an_earlier_iteration_goes(face: Points, files: list[Any]) -> None:
    """Each iteration left an open file for as long as the video was held."""
    video = small_predictor([[face_from(face)]]).predict_video(IMAGES)
    assert not files  # nor does a video that is not read have one
    for _ in range(3):
        assert len(list(video)) == 4
    gc.collect()
    assert [file.closed for file in files] == [True, True, False]
    next(iter(video))  # left in the middle: what is known of the whole stays
    gc.collect()
    assert [file.closed for file in files] == [True, True, False, True]
    assert len(video.to_pandas()) == 4
    del video
    gc.collect()
    assert all(file.closed for file in files)


def test_whoever_iterates_holds_what_is_kept(files: list[Any]) -> None:
    spool = ResultSpool()
    for number in range(3):
        spool.add(result(number))
    rest = iter(spool)
    assert next(rest).frame == 0
    del spool
    gc.collect()
    assert [one.frame for one in rest] == [1, 2]
    del rest
    gc.collect()
    assert files[0].closed


@pytest.mark.usefixtures("full")
def test_a_full_temporary_folder_ends_what_needs_it_alone(tmp_path: Path, face: Points) -> None:
    predictor = small_predictor([[face_from(face)]])
    video = predictor.predict_video(iter(IMAGES * 3))
    assert len(list(video)) == 12  # no table was asked for
    for needing in (video.to_pandas, lambda: video.save(tmp_path / "a.csv")):
        with pytest.raises(AuheatError) as caught:
            needing()
        assert str(caught.value) == (
            f"cannot keep results in the temporary folder {tempfile.gettempdir()}: No space left "
            "on device; make room there, or name another folder in the environment variable "
            "TMPDIR, and read the video again"
        )
    assert not list(tmp_path.iterdir())
    # Smoothing needs the whole video, but decodes it again where images are wanted.
    assert len(list(predictor.predict_video(IMAGES * 3, smooth=True))) == 12
    predictor.predict_video(IMAGES * 3).save_overlay(tmp_path / "a.mp4")
    for smooth in (True, False):
        with pytest.raises(AuheatError, match="temporary folder"):
            predictor.predict_video(IMAGES * 3, smooth=smooth).to_pandas()


@pytest.mark.usefixtures("full")
def test_the_disk_of_the_output_is_not_blamed_for_another(tmp_path: Path, face: Points) -> None:
    frames = PostProcessedFrames(
        FrameImages(IMAGES * 3, fps=25),
        small_predictor([[face_from(face)]]),
        processing=PostProcessing(smooth=True),
        images=False,
    )
    with (
        pytest.raises(AuheatError, match=r"^cannot keep results in the temporary folder"),
        atomic_write(tmp_path / "a.csv"),
    ):
        list(frames)


def test_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    video = small_predictor([[]]).predict_video(IMAGES)
    assert len(list(video)) == 4
    with pytest.raises(AuheatError, match=r"temporary folder .*gone: No such file"):
        video.to_pandas()


def test_frames_may_share_a_buffer(face: Points) -> None:
    """A camera fills the same array again while earlier frames wait to be read."""

    def camera() -> Iterator[np.ndarray[Any, Any]]:
        buffer = np.empty_like(IMAGES[0])
        for image in IMAGES:
            buffer[:] = image
            yield buffer
        buffer[:] = 0

    for taken, image in zip(list(FrameImages(camera(), fps=25)), IMAGES, strict=True):
        np.testing.assert_array_equal(taken.image, image)
    predictor = small_predictor([[face_from(face)]])
    shared, own = predictor.predict_video(camera()), predictor.predict_video(IMAGES)
    for one, other in zip(shared, own, strict=True):
        assert one.faces[0].intensities == other.faces[0].intensities
