from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image as Pillow

import auheat
from auheat.errors import AuheatError
from auheat.facs import PointLayout
from auheat.geometry import Points
from auheat.heatmap import codec_of
from auheat.inference import pipeline
from auheat.inference.pipeline import BATCH_FRAMES, DECODED_BATCHES, READ_BATCHES, predict_frames
from auheat.inference.predictor import Predictor
from auheat.inference.video import VideoPrediction
from auheat.media.frames import Frame
from auheat.models.heatmap_model import Heatmaps
from auheat.results import Face
from stand_ins import (
    SMALL,
    MapsFrom,
    face_from,
    predictor_of,
    small_predictor,
    texture,
    write_video,
)

# Images in the three queues, in a batch, and one in the hand of each stage and of the caller.
MAX_ALIVE = DECODED_BATCHES + BATCH_FRAMES + READ_BATCHES + BATCH_FRAMES + 4


@pytest.fixture
def faces(face: Points) -> list[Face]:
    return [face_from(face, 0), face_from(face * 0.6 + 150, 1)]


class Clip:
    """A frame source that makes its images as it goes and counts them."""

    def __init__(self, count: int, height: int = 48, width: int = 64) -> None:
        self.name, self.count, self.rate, self.problem = "clip", count, Fraction(25), None
        self.paths: tuple[Path, ...] = ()
        self._size = (height, width, 3)
        self.made = 0
        self._references: list[weakref.ref[Any]] = []

    def fresh(self) -> list[weakref.ref[Any]]:
        """Weak references to the images made since the last call."""
        made, self._references = self._references, []
        return made

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            self.made += 1
            image = np.full(self._size, index % 256, np.uint8)
            self._references.append(weakref.ref(image))
            yield Frame(index + 1, index / 25, image)


def test_every_frame_gets_its_own_faces(faces: list[Face]) -> None:
    """None, one, two, none, one, two, ... over several batches."""
    script = [[], faces[:1], faces]
    predictor = small_predictor(script)
    clip = Clip(2 * BATCH_FRAMES + 3, 240, 320)
    found = list(predict_frames(clip, predictor, tracker=predictor.detector.tracker()))
    assert [image[0, 0, 0] + 1 for image, _ in found if image is not None] == [
        result.frame for _, result in found
    ]
    assert [result.frame for _, result in found] == list(range(1, clip.count + 1))
    assert [result.timestamp for _, result in found] == [i / 25 for i in range(clip.count)]
    for index, (image, result) in enumerate(found):
        assert [p.face_id for p in result] == [f.face_id for f in script[index % 3]]
        assert image is not None
        alone = predictor.predict_faces(image, script[index % 3])
        for together, single in zip(result, alone, strict=True):
            assert together.intensities == pytest.approx(single.intensities, abs=1e-4)
            np.testing.assert_array_equal(together.heatmap_to_frame, single.heatmap_to_frame)


def test_frames_are_read_as_they_are_asked_for(faces: list[Face]) -> None:
    clip = Clip(100)
    predictor = small_predictor([faces])
    results = iter(VideoPrediction(clip, predictor))
    assert clip.made == 0
    next(results)
    assert clip.made <= MAX_ALIVE
    results.close()  # type: ignore[attr-defined]


def test_iterating_again_starts_with_a_fresh_tracker(faces: list[Face]) -> None:
    predictor = small_predictor([[], faces, faces])
    video = VideoPrediction(Clip(2, 240, 320), predictor)
    for _ in range(2):
        assert [len(result) for result in video] == [0, 2]


def flat_predictor(known: list[list[Face]]) -> Predictor:
    """A predictor that costs nothing and reads AU04 1, AU09 2.34567 and AU12 0.5."""
    layout, codec = PointLayout.of(SMALL.aus), codec_of(SMALL)
    levels = torch.tensor([(1.0, 2.34567, 0.5)[a] for a in layout.au_of_point])
    maps = (levels * codec.scale).view(1, -1, 1, 1).expand(1, -1, *codec.map_size)
    net = MapsFrom(lambda crops: Heatmaps(maps.expand(len(crops), -1, -1, -1), None))
    net.seen = type("Nothing", (), {"append": lambda *_: None})()
    return predictor_of(net, known)


def test_table_in_full(faces: list[Face]) -> None:
    table = VideoPrediction(Clip(3), flat_predictor([faces, [], faces[1:]])).to_pandas()
    assert list(table.columns) == [
        *("frame", "face_id", "timestamp", "confidence", "success"),
        *("AU04_r", "AU09_r", "AU12_r", "AU04_c", "AU09_c", "AU12_c"),
    ]
    nothing = [float("nan")] * 6
    expected = [
        [1, 0, 0.00, 1.0, 1, 1.0, 2.34567, 0.5, 1, 1, 0],
        [1, 1, 0.00, 1.0, 1, 1.0, 2.34567, 0.5, 1, 1, 0],
        [2, 0, 0.04, 0.0, 0, *nothing],
        [3, 1, 0.08, 1.0, 1, 1.0, 2.34567, 0.5, 1, 1, 0],
    ]
    np.testing.assert_allclose(table.to_numpy(float), expected, rtol=1e-6)
    integers = {"frame", "face_id", "success"}
    assert {name for name in table.columns if table[name].dtype.kind == "i"} == integers
    assert {name for name in table.columns if table[name].dtype == np.float64} == (
        set(table.columns) - integers
    )


def test_a_table_without_any_face() -> None:
    table = VideoPrediction(Clip(2), flat_predictor([[]])).to_pandas()
    assert table["success"].tolist() == [0, 0]
    assert table["AU04_r"].isna().all()
    assert table["AU04_r"].dtype == np.float64


@pytest.mark.slow
def test_iterating_takes_constant_memory(faces: list[Face]) -> None:
    """Of 3000 frames and their results, no more than fill the queues are ever alive.

    There is a face in every fifth frame.
    """
    clip, script = Clip(3000), [faces[:1], [], [], [], []]
    living: list[weakref.ref[Any]] = []
    most, before = 0, 0
    for result in VideoPrediction(clip, flat_predictor(script)):
        living = [ref for ref in [*living, *clip.fresh()] if ref() is not None]
        living.append(weakref.ref(result))
        most = max(most, len(living))
        if result.frame == 300:
            before = psutil.Process().memory_info().rss
    # images, and the results that wait or are looked at
    assert most <= MAX_ALIVE + READ_BATCHES + 2
    assert psutil.Process().memory_info().rss - before < 8e6


@pytest.mark.parametrize(("room", "alive"), [(2, 12), (1, 2), (0, 2)])
def test_the_larger_the_frames_the_fewer_wait(
    monkeypatch: pytest.MonkeyPatch, faces: list[Face], room: int, alive: int
) -> None:
    """Two in each queue and batch, one in every hand; without room for two, stages take turns."""
    clip, script = Clip(40), [faces[:1], [], []]
    predictor = flat_predictor(script)
    tracker = predictor.detector.tracker()
    plain = [
        int(image[0, 0, 0])
        for image, _ in predict_frames(clip, predictor, tracker=tracker)
        if image is not None
    ]
    clip.fresh()
    monkeypatch.setattr(pipeline, "QUEUE_BYTES", room * 48 * 64 * 3)
    predictor, living, most = flat_predictor(script), list[weakref.ref[Any]](), 0
    for number, (image, result) in enumerate(
        predict_frames(clip, predictor, tracker=predictor.detector.tracker())
    ):
        assert image is not None and (image == plain[number]).all()
        assert (result.frame, len(result)) == (number + 1, number % 3 == 0)
        living = [ref for ref in [*living, *clip.fresh()] if ref() is not None]
        most = max(most, len(living))
    assert number == 39
    assert most <= alive


def test_predict_video_reads_files_and_folders(tmp_path: Path, faces: list[Face]) -> None:
    predictor = small_predictor([faces])
    path = write_video(
        tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(4)], [0, 40, 90, 200]
    )
    times = [result.timestamp for result in predictor.predict_video(str(path))]
    assert times == pytest.approx([0, 0.04, 0.09, 0.2], abs=1e-6)
    (tmp_path / "frames").mkdir()
    for i in (1, 2, 10):
        Pillow.fromarray(texture(i, 270, 480)).save(tmp_path / "frames" / f"{i}.png")
    table = predictor.predict_video(tmp_path / "frames", fps=10).to_pandas()
    assert table["timestamp"].tolist() == pytest.approx([0, 0, 0.1, 0.1, 0.2, 0.2])


def test_what_cannot_be_opened_is_refused_at_once(tmp_path: Path) -> None:
    predictor = small_predictor([[]])
    with pytest.raises(AuheatError, match="no file"):
        predictor.predict_video(tmp_path / "none.mp4")
    with pytest.raises(AuheatError, match="no images"):
        predictor.predict_video(tmp_path)


def test_a_truncated_video_warns_and_keeps_its_rows(tmp_path: Path) -> None:
    path = cut_video(tmp_path / "a.mkv")
    video = small_predictor([[]]).predict_video(path)
    with pytest.warns(UserWarning, match=r"a\.mkv: it is truncated after frame"):
        table = video.to_pandas()
    assert 15 < len(table) < 35
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(iter(video))


def cut_video(path: Path) -> Path:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (96, 128, 3)).astype(np.uint8) for _ in range(50)]
    write_video(path, noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_the_warning_names_the_line_that_asked(tmp_path: Path) -> None:
    path, predictor = cut_video(tmp_path / "a.mkv"), small_predictor([[]])
    calls: list[Callable[[VideoPrediction], object]] = [
        list,
        lambda video: video.to_pandas(),
        lambda video: video.save(tmp_path / "a.csv"),
        lambda video: video.save_overlay(tmp_path / "a.mp4"),
    ]
    for call in calls:
        video = predictor.predict_video(path)
        with pytest.warns(UserWarning, match="truncated") as seen:
            call(video)
        assert [warning.filename for warning in seen] == [__file__]
        assert len(video.to_pandas()) > 15  # said once


def test_a_warning_that_is_an_error_loses_nothing(tmp_path: Path) -> None:
    path, predictor = cut_video(tmp_path / "a.mkv"), small_predictor([[]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("a.csv", "a.parquet"):
            with pytest.raises(UserWarning, match="truncated"):
                predictor.predict_video(path).save(tmp_path / name)
            assert len(auheat.read_table(tmp_path / name)) > 15
        assert (tmp_path / "a.origin.json").is_file()
        video = predictor.predict_video(path)
        with pytest.raises(UserWarning, match="truncated"):
            video.to_pandas()
        assert len(video.to_pandas()) > 15
