"""Who keeps an id: over time, behind others, across cuts, from a stored state."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auheat.faces.detection import FaceLandmarks
from auheat.faces.tracking import MAX_LOST_S, VideoTracker
from scripted_people import IMAGE, hidden, still, track, walk
from stand_ins import Scene, landmarks_at, texture

MAX_LOST_FRAMES = round(30 * MAX_LOST_S)  # at 30 frames a second


def test_positions_are_those_of_the_same_frame() -> None:
    seen, _ = track(walk(50, 3, 30))
    assert seen == [{0: 50.0 + 3 * i} for i in range(30)]


def test_ids_begin_with_the_highest_rank() -> None:
    seen, _ = track(still(2, x=50, size=36), still(2, x=150, size=60), still(2, x=300, size=48))
    assert seen == [{0: 150.0, 1: 300.0, 2: 50.0}] * 2


def test_who_comes_back_soon_keeps_the_id() -> None:
    seen, _ = track(hidden(still(60), 10, 40))
    assert seen == [{0: 100.0}] * 10 + [{}] * 31 + [{0: 100.0}] * 19


@pytest.mark.parametrize(("frames", "face_id"), [(MAX_LOST_FRAMES - 1, 0), (MAX_LOST_FRAMES, 1)])
def test_an_id_is_forgotten_after_a_while(frames: int, face_id: int) -> None:
    """Out of sight for so many frames."""
    seen, _ = track(hidden(still(10 + frames + 3), 10, 9 + frames))
    assert seen[-1] == {face_id: 100.0}


@pytest.mark.parametrize("fps", [5, 24, 25, 30, 60, 120, 240])
def test_every_frame_rate_behaves_alike(fps: int) -> None:
    """60 frames were .25 s at 240 frames a second and 12 s at 5."""
    for seconds, face_id in ((0.28, 0), (1.7, 0), (2.5, 1)):
        away = round(seconds * fps)
        seen, _ = track(hidden(still(away + 3 * fps), fps, fps + away - 1), fps=fps)
        assert seen[fps - 1] == {0: 100.0}
        assert seen[fps + 1 if away > 1 else fps] in ({}, {0: 100.0})
        assert seen[-1] == {face_id: 100.0}
    seen, scene = track(still(4 * fps), hidden(still(4 * fps, x=300), 0, fps), fps=fps)
    first = next(index for index, faces in enumerate(seen) if 1 in faces)
    assert 1 < first / fps <= 1.5 + 1 / fps  # a new face waits half a second at most
    assert len(scene.detections) == pytest.approx(8, abs=2)


@pytest.mark.parametrize("moments", [[0.0] * 40, [float(40 - i) for i in range(40)]])
def test_times_that_stand_still_or_go_back_do_no_harm(moments: list[float]) -> None:
    scene = Scene(walk(50, 3, 40))
    tracker = VideoTracker(scene, scene, max_faces=5, min_size=32)
    for frame, moment in enumerate(moments):
        scene.frame = frame
        (face,) = tracker.update(IMAGE, moment)
        assert face.face_id == 0


@pytest.mark.parametrize(
    ("returned", "face_id"),
    [
        (landmarks_at(138, 100), 0),
        (landmarks_at(142, 100), 1),  # further than a face's size away
        (landmarks_at(100, 100, 60), 0),
        (landmarks_at(100, 100, 66), 1),  # more than 1.6 times as large
        (landmarks_at(132, 100, 50), 1),  # a little of both
    ],
)
def test_who_appears_elsewhere_is_someone_else(returned: FaceLandmarks, face_id: int) -> None:
    seen, _ = track([*still(10), None, None, None, *[returned] * 3])
    assert seen[9:] == [{0: 100.0}, {}, {}, {}, *[{face_id: returned.centre[0]}] * 3]


def test_no_frame_is_lost_when_a_face_jumps_a_little() -> None:
    """Too far for its old region, but near enough to be detected as the same person at once."""
    seen, _ = track([*still(5), *still(5, x=135)])
    assert seen == [{0: 100.0}] * 5 + [{0: 135.0}] * 5


def test_people_who_pass_behind_a_pillar_do_not_swap() -> None:
    """When both come out again, each stands nearer to where the other was lost."""
    right = hidden(walk(60, 4, 40), 10, 21)
    left = hidden(walk(180, -4, 40), 10, 21)
    seen, _ = track(right, left)
    assert seen[9] == {0: 96.0, 1: 144.0}
    assert seen[10:22] == [{}] * 12
    assert seen[22:] == [{0: 148.0 + 4 * i, 1: 92.0 - 4 * i} for i in range(18)]


def test_who_stops_while_hidden_keeps_the_id() -> None:
    """Going on, they would be one and a half face sizes further."""
    path = walk(60, 4, 10)
    seen, _ = track([*path, *[None] * 15, *[path[-1]] * 3])
    assert seen[9:] == [{0: 96.0}, *[{}] * 15, *[{0: 96.0}] * 3]


@pytest.mark.parametrize("behind", [0, 1])
def test_the_one_in_front_keeps_the_id_while_they_cross(behind: int) -> None:
    """The hidden one's region then shows the other, who must not be reported twice or renamed."""
    paths = [walk(60, 4, 50), walk(220, -4, 50)]
    paths[behind] = hidden(paths[behind], 17, 23)
    seen, _ = track(*paths)
    ahead = 1 - behind
    there = [path[0].centre[0] for path in (walk(60, 0, 1), walk(220, 0, 1))]  # type: ignore[union-attr]
    step = (4, -4)
    for frame, faces in enumerate(seen):
        expected = {i: there[i] + step[i] * frame for i in (0, 1)}
        if 17 <= frame <= 23:
            assert faces == {ahead: expected[ahead]}
        else:
            assert faces == expected


def test_only_the_best_are_tracked() -> None:
    small, medium, large = (still(20, 50 + 120 * i, 100, s) for i, s in enumerate((36, 40, 50)))
    seen, _ = track(small, medium, large, faces=2)
    assert seen == [{0: 290.0, 1: 170.0}] * 20


@pytest.mark.parametrize(("size", "after"), [(59, {0: 100.0}), (61, {1: 300.0})])
def test_a_new_face_must_be_much_larger_to_take_a_place(
    size: float, after: dict[int, float]
) -> None:
    seen, _ = track(still(20), hidden(still(20, x=300, size=size), 0, 3), faces=1)
    assert seen[14] == {0: 100.0}
    assert seen[15:] == [after] * 5


def test_a_cut_ends_all_ids() -> None:
    """The next scene has a face at the same place."""
    images = [texture(0, 270, 480)] * 10 + [texture(1, 270, 480)] * 10
    seen, scene = track(still(20), images=images)
    assert seen == [{0: 100.0}] * 10 + [{1: 100.0}] * 10
    assert scene.detections == [0, 10]


def test_ids_do_not_return_after_a_cut_and_back() -> None:
    scenes = [0] * 5 + [1] * 5 + [0] * 5
    images = [texture(seed, 270, 480) for seed in scenes]
    seen, _ = track(hidden(still(15), 5, 9), images=images)
    assert seen == [{0: 100.0}] * 5 + [{}] * 5 + [{1: 100.0}] * 5


def test_black_frames_and_light_are_no_cut() -> None:
    dark = (IMAGE * 0.5).astype(np.uint8)
    images = [IMAGE] * 5 + [np.zeros_like(IMAGE)] * 3 + [dark] * 5
    seen, _ = track(hidden(still(13), 5, 7), images=images)
    assert seen == [{0: 100.0}] * 5 + [{}] * 3 + [{0: 100.0}] * 5


@pytest.mark.parametrize("at", [1, 12, 15, 29, 34, 52])
def test_a_tracker_goes_on_from_a_stored_state(at: int) -> None:
    """Whoever is tracked, lost, coming back or new keeps id and place."""
    people = (walk(60, 1.3, 60), hidden(still(60, x=300), 9, 30), hidden(still(60, x=420), 0, 33))
    images = [texture(0, 270, 480)] * 50 + [texture(9, 270, 480)] * 10
    scene = Scene(*people)
    trackers = [VideoTracker(scene, scene, max_faces=2, min_size=32) for _ in range(2)]
    for frame, image in enumerate(images):
        scene.frame = frame
        if frame == at:
            stored = json.loads(json.dumps(trackers[0].state()))
            trackers[1].resume(stored)
            # What `state` knows nothing of would be missing after a restart.
            assert set(vars(trackers[0])) == _NAMES
        found = trackers[0].update(image)
        if frame >= at:
            again = trackers[1].update(image)
            assert [face.face_id for face in again] == [face.face_id for face in found]
            for one, other in zip(found, again, strict=True):
                np.testing.assert_array_equal(one.landmarks, other.landmarks)
            assert trackers[1].state() == trackers[0].state()


_NAMES = {
    *("_detector", "_landmarker", "_max_faces", "_min_size", "_cut", "_tracks", "_lost"),
    *("_now", "_next_id", "_last_detected", "_is_new_scene", "_detection_count"),
}
