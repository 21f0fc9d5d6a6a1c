from __future__ import annotations

import numpy as np
import pytest

from auheat.faces.finder import StillFinder
from auheat.faces.tracking import VideoTracker
from stand_ins import Scene, fit_at, texture

PEOPLE = ([fit_at(50, 100, 40)], [fit_at(150, 100, 60)], [fit_at(300, 100, 80, score=0.6)])


def test_the_largest_and_most_certain_come_first() -> None:
    scene = Scene(*PEOPLE)
    found = StillFinder(scene, scene).find(texture(0, 270, 480))
    assert [face.face_id for face in found] == [0, 1, 2]
    assert [face.box[0] for face in found] == [120, 260, 30]
    assert [face.score for face in found] == [1.0, 0.6, 1.0]
    np.testing.assert_array_equal(found[0].landmarks, PEOPLE[1][0].landmarks)


def test_only_the_wanted_number_is_kept() -> None:
    scene = Scene(*PEOPLE)
    found = StillFinder(scene, scene, max_faces=2).find(texture(0, 270, 480))
    assert [face.box[0] for face in found] == [120, 260]


def test_large_pictures_are_searched_in_tiles() -> None:
    scene = Scene([None])
    assert StillFinder(scene, scene).find(texture(0, 900, 1600)) == ()
    assert scene.windows[0] == (900, 1600)
    assert set(scene.windows[1:]) == {(800, 800)}


def test_one_pixel_is_a_picture() -> None:
    scene = Scene([None])
    assert StillFinder(scene, scene).find(np.zeros((1, 1, 3), np.uint8)) == ()


@pytest.mark.parametrize(("smallest", "count"), [(41, 2), (40, 3)])
def test_the_tracker_has_the_finders_limits(smallest: float, count: int) -> None:
    scene = Scene(*PEOPLE)
    tracker = StillFinder(scene, scene, 3, smallest).tracker()
    assert isinstance(tracker, VideoTracker)
    assert len(tracker.update(texture(0, 270, 480))) == count
    assert len(StillFinder(scene, scene, 1).tracker().update(texture(0, 270, 480))) == 1


def test_every_video_gets_a_tracker_of_its_own() -> None:
    scene = Scene([fit_at(100, 100)])
    finder = StillFinder(scene, scene)
    for _ in range(2):
        (face,) = finder.tracker().update(texture(0, 270, 480))
        assert face.face_id == 0
