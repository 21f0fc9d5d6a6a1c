from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from auheat.arrays import Image
from auheat.faces.detection import Detection, FaceLandmarks, Region, windows
from auheat.faces.detector import TwoStageDetector
from auheat.faces.tracking import (
    DETECTION_INTERVAL_S,
    MAX_LOST_S,
    SEARCH_S,
    VideoTracker,
)
from stand_ins import Scene, landmarks_at, texture

Path = list[FaceLandmarks | None]
Seen = list[dict[int, float]]

# At 30 frames a second.
DETECTION_INTERVAL = round(30 * DETECTION_INTERVAL_S)
SEARCH_FRAMES = round(30 * SEARCH_S)
MAX_LOST_FRAMES = round(30 * MAX_LOST_S)

IMAGE = texture(0, 270, 480)


def track(
    *people: Path,
    faces: int = 5,
    images: Sequence[Image] | None = None,
    fps: float | None = None,
) -> tuple[Seen, Scene]:
    """Runs a tracker over scripted people: per frame, the x of every face by its id."""
    scene = Scene(*people)
    tracker = VideoTracker(scene, scene, max_faces=faces, min_size=32)
    seen: Seen = []
    for frame in range(len(people[0])):
        scene.frame = frame
        moment = None if fps is None else round(frame / fps, 3)  # as Matroska rounds them
        found = tracker.update(images[frame] if images else IMAGE, moment)
        assert [face.face_id for face in found] == sorted({face.face_id for face in found})
        seen.append({face.face_id: float(face.box[[0, 2]].mean()) for face in found})
    return seen, scene


def still(frames: int, x: float = 100, y: float = 100, size: float = 40) -> Path:
    return [landmarks_at(x, y, size)] * frames


def walk(start: float, step: float, frames: int, y: float = 100, size: float = 40) -> Path:
    return [landmarks_at(start + step * i, y, size) for i in range(frames)]


def hidden(path: Path, first: int, last: int) -> Path:
    """The path with the person out of sight from frame `first` to frame `last`, both included."""
    return [None if first <= i <= last else face for i, face in enumerate(path)]


def test_one_face_is_detected_now_and_then_and_tracked_between() -> None:
    seen, scene = track(still(40))
    assert seen == [{0: 100.0}] * 40
    assert scene.detections == [0, DETECTION_INTERVAL, 2 * DETECTION_INTERVAL]
    assert scene.iterations == 2 + 39  # two to converge, then one a frame


def test_positions_are_those_of_the_same_frame() -> None:
    seen, _ = track(walk(50, 3, 30))
    assert seen == [{0: 50.0 + 3 * i} for i in range(30)]


def test_a_new_face_waits_for_the_next_detection() -> None:
    seen, _ = track(still(20), hidden(still(20, x=300), 0, 6))
    assert seen == [{0: 100.0}] * DETECTION_INTERVAL + [{0: 100.0, 1: 300.0}] * 5


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


def test_a_fast_camera_is_not_searched_in_every_frame() -> None:
    """Half a second of search: 15 runs of the detector at 30 frames a second, some 20 at 240."""
    for fps in (30, 240):
        paths = still(3 * fps), hidden(still(3 * fps, x=300), fps, 3 * fps)
        _, scene = track(*paths, fps=fps)
        searched = [frame for frame in scene.detections if 1 <= frame / fps <= 1.5]
        assert 14 <= len(searched) <= 21


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


def test_a_fast_face_is_refined() -> None:
    """At 5 pixels a frame, an eighth of its size, one iteration is not exact enough."""
    _, scene = track(walk(100, 5, 10))
    assert scene.iterations == 2 + 9 * 3
    _, scene = track(walk(100, 3, 10))
    assert scene.iterations == 2 + 9


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


def test_the_detector_searches_for_a_while_after_a_loss() -> None:
    gone_for_good = hidden(still(60, x=300), 20, 59)
    _, scene = track(still(60), gone_for_good)
    searched = list(range(20, 19 + SEARCH_FRAMES + 1))
    assert scene.detections == [0, 15, *searched, searched[-1] + DETECTION_INTERVAL]


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


def test_what_never_converges_is_never_reported() -> None:
    class Drift(Scene):
        def locate(self, image: Image, region: object) -> FaceLandmarks | None:
            self.iterations += 1
            return landmarks_at(100 + 2 * (self.iterations % 5), 100)

    scene = Drift(still(5))
    tracker = VideoTracker(scene, scene, max_faces=5, min_size=32)
    assert [tracker.update(IMAGE) for _ in range(5)] == [()] * 5


def test_tiles_are_searched_in_rotation() -> None:
    large = texture(0, 900, 1600)
    height, width = large.shape[:2]
    scene = Scene([None] * 8)
    tracker = VideoTracker(scene, scene, max_faces=5, min_size=32)
    for scene.frame in range(8):
        tracker.update(large)
    whole, *tiles = [(y1 - y0, x1 - x0) for x0, y0, x1, y1 in windows(height, width)]
    assert len(tiles) > 2
    first, later = scene.windows[: 1 + len(tiles)], scene.windows[1 + len(tiles) :]
    assert first == [whole, *tiles]
    assert later[::2] == [whole] * 7
    assert later[1::2] == [tiles[i % len(tiles)] for i in range(7)]


def test_the_first_frame_of_a_scene_shows_the_faces_of_an_image() -> None:
    """Thirty people whom the detector sees only in tiles; then a cut."""

    class Crowd:
        """A person stands at every marked pixel of a tile."""

        def detect(self, image: Image) -> list[Detection]:
            marks = np.argwhere((image == (1, 2, 3)).all(2))[:, ::-1]
            faces = [landmarks_at(float(x), float(y)) for x, y in marks if image.shape[1] < 1600]
            return [Detection(face.box, face.region, 0.9) for face in faces]

        def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
            near = min(places, key=lambda place: np.hypot(*np.subtract(place, region.centre)))
            return landmarks_at(*near)

    places = [(80 + 150 * (i % 10), 100 + 250 * (i // 10)) for i in range(30)]
    crowd = Crowd()
    frames = [texture(seed, 900, 1600).copy() for seed in (0, 1)]
    for frame in frames:
        for x, y in places:
            frame[y, x] = (1, 2, 3)
    still = TwoStageDetector(crowd, crowd, max_faces=40)
    tracker = still.tracker()
    for frame, first_id in zip(frames, (0, 30), strict=True):
        expected = {face.face_id + first_id: face.box.tolist() for face in still.detect(frame)}
        assert len(expected) == 30
        for _ in range(2):
            assert {face.face_id: face.box.tolist() for face in tracker.update(frame)} == expected


def test_a_face_far_away_is_found_when_its_tile_is_searched() -> None:
    """Seen by the detector only in a tile, and never again by then: it is tracked all the same."""

    class NearSighted(Scene):
        def detect(self, image: Image) -> list[Detection]:
            detections = super().detect(image)
            is_whole = image.shape[1] == 1600
            return [] if is_whole else detections

    scene = NearSighted(still(6, x=400, y=400, size=40))
    tracker = VideoTracker(scene, scene, max_faces=5, min_size=32)
    found = []
    for scene.frame in range(6):
        found.append(tracker.update(texture(0, 900, 1600)))
    assert [len(faces) for faces in found] == [1] * 6


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
