from __future__ import annotations

import numpy as np
import pytest

from auheat.faces.detector import TwoStageDetector
from auheat.faces.tracking import VideoTracker
from stand_ins import Scene, landmarks_at, texture

PEOPLE = (
    [landmarks_at(50, 100, 40)],
    [landmarks_at(150, 100, 60)],
    [landmarks_at(300, 100, 80, score=0.6)],
)


def test_the_largest_and_most_certain_come_first() -> None:
    scene = Scene(*PEOPLE)
    found = TwoStageDetector(scene, scene).detect(texture(0, 270, 480))
    assert [face.face_id for face in found] == [0, 1, 2]
    assert [face.box[0] for face in found] == [120, 260, 30]
    assert [face.score for face in found] == [1.0, 0.6, 1.0]
    np.testing.assert_array_equal(found[0].landmarks, PEOPLE[1][0].landmarks)


def test_only_the_wanted_number_is_kept() -> None:
    scene = Scene(*PEOPLE)
    found = TwoStageDetector(scene, scene, max_faces=2).detect(texture(0, 270, 480))
    assert [face.box[0] for face in found] == [120, 260]


def test_large_images_are_searched_in_tiles() -> None:
    scene = Scene([None])
    assert TwoStageDetector(scene, scene).detect(texture(0, 900, 1600)) == ()
    assert scene.windows[0] == (900, 1600)
    assert set(scene.windows[1:]) == {(800, 800)}


def test_one_pixel_is_an_image() -> None:
    scene = Scene([None])
    assert TwoStageDetector(scene, scene).detect(np.zeros((1, 1, 3), np.uint8)) == ()


@pytest.mark.parametrize(("min_size", "count"), [(41, 2), (40, 3)])
def test_the_tracker_has_the_detectors_limits(min_size: float, count: int) -> None:
    scene = Scene(*PEOPLE)
    tracker = TwoStageDetector(scene, scene, max_faces=3, min_size=min_size).tracker()
    assert isinstance(tracker, VideoTracker)
    assert len(tracker.update(texture(0, 270, 480))) == count
    assert (
        len(TwoStageDetector(scene, scene, max_faces=1).tracker().update(texture(0, 270, 480))) == 1
    )


def test_every_video_gets_a_tracker_of_its_own() -> None:
    scene = Scene([landmarks_at(100, 100)])
    detector = TwoStageDetector(scene, scene)
    for _ in range(2):
        (face,) = detector.tracker().update(texture(0, 270, 480))
        assert face.face_id == 0
