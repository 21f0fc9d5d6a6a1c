"""The stages of reading a video against a plain loop."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from auheat.errors import AuheatError
from auheat.inference import pipeline
from auheat.inference.pipeline import even_batch, predict_frames, threads_beside
from auheat.inference.predictor import Predictor, load
from auheat.media.frames import Frame, VideoFile
from auheat.results import FrameResult
from stand_ins import KnownFaces, small_checkpoint

CLIP = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """Four batches of five and a rest."""
    return list(islice(VideoFile(CLIP), 23))


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return load(batch=5)


def plain_loop(frames: list[Frame], predictor: Predictor, together: int) -> list[FrameResult]:
    """All faces, then the network on those of some frames at a time."""
    tracker = predictor.detector.tracker()
    aligned = [
        predictor.align(frame.image, tracker.update(frame.image, frame.timestamp))
        for frame in frames
    ]
    results = []
    for start in range(0, len(frames), together):
        group = range(start, min(start + together, len(frames)))
        read = predictor.predict_aligned([face for i in group for face in aligned[i]])
        for i in group:
            of_frame = tuple(read.pop(0) for _ in aligned[i])
            results.append(FrameResult(frames[i].number, frames[i].timestamp, faces=of_frame))
    return results


@pytest.mark.slow
def test_results_are_those_of_a_plain_loop_bit_for_bit(
    frames: list[Frame], predictor: Predictor
) -> None:
    expected = plain_loop(frames, predictor, 5)
    found = list(predict_frames(frames, predictor, tracker=predictor.detector.tracker()))
    assert len(found) == len(expected) == len(frames) == 23
    for (image, result), plain in zip(found, expected, strict=True):
        assert (result.frame, result.timestamp) == (plain.frame, plain.timestamp)
        assert image is frames[result.frame - 1].image  # not even copied
        assert len(result) == len(plain) == 1
        for face, other in zip(result, plain, strict=True):
            assert face.intensities == other.intensities
            assert face.confidence == other.confidence
            assert face.std == other.std
            np.testing.assert_array_equal(face.landmarks, other.landmarks)
            for au in face.heatmaps:
                np.testing.assert_array_equal(face.heatmaps[au], other.heatmaps[au])


@pytest.mark.parametrize(
    ("count", "together"),
    [(None, 8), (0, 8), (1, 1), (7, 7), (8, 8), (9, 5), (10, 5), (17, 6), (100, 8), (1001, 8)],
)
def test_the_last_batch_of_a_short_video_is_about_as_large_as_the_others(
    count: int | None, together: int
) -> None:
    assert even_batch(count) == together


@pytest.mark.parametrize("stated", [None, 9, 3])
def test_results_do_not_depend_on_how_many_frames_a_header_states(
    frames: list[Frame], stated: int | None
) -> None:
    predictor = load()

    def read(count: int | None) -> list[FrameResult]:
        tracker = predictor.detector.tracker()
        return [
            result
            for _, result in predict_frames(frames[:9], predictor, tracker=tracker, count=count)
        ]

    for found, plain in zip(read(stated), read(8), strict=True):
        assert found.frame == plain.frame
        for face, other in zip(found.faces, plain.faces, strict=True):
            assert face.intensities == other.intensities


def test_images_that_nobody_wants_are_not_kept(frames: list[Frame], predictor: Predictor) -> None:
    read = predict_frames(frames[:6], predictor, tracker=predictor.detector.tracker(), images=False)
    assert [image for image, _ in read] == [None] * 6


def test_an_unreadable_video_is_refused_through_all_stages(tmp_path: Path) -> None:
    source = VideoFile(CLIP)
    source.path = tmp_path / "gone.mp4"
    next(iter(source))  # what was opened for its header is used up
    predictor = Predictor(small_checkpoint(), KnownFaces([[]]), device="cpu")
    with pytest.raises(AuheatError, match=r"no file at .*gone\.mp4"):
        list(predict_frames(source, predictor, tracker=predictor.detector.tracker()))


@pytest.mark.parametrize(("there", "left"), [(1, 1), (2, 1), (8, 7)])
def test_one_processor_is_left_to_the_tracker(
    monkeypatch: pytest.MonkeyPatch, there: int, left: int
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(pipeline, "cpu_count", lambda: there)
    assert threads_beside() == left
    assert torch.get_num_threads() == before
