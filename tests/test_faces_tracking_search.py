"""When and where a tracker looks for faces, and how exactly it follows them."""

from __future__ import annotations

import numpy as np

from auheat.arrays import Image
from auheat.faces.detection import Detection, FaceLandmarks, Region, windows
from auheat.faces.detector import TwoStageDetector
from auheat.faces.tracking import DETECTION_INTERVAL_S, SEARCH_S, VideoTracker
from scripted_people import IMAGE, hidden, still, track, walk
from stand_ins import Scene, landmarks_at, texture

# At 30 frames a second.
DETECTION_INTERVAL = round(30 * DETECTION_INTERVAL_S)
SEARCH_FRAMES = round(30 * SEARCH_S)


def test_one_face_is_detected_now_and_then_and_tracked_between() -> None:
    seen, scene = track(still(40))
    assert seen == [{0: 100.0}] * 40
    assert scene.detections == [0, DETECTION_INTERVAL, 2 * DETECTION_INTERVAL]
    assert scene.iterations == 2 + 39  # two to converge, then one a frame


def test_a_new_face_waits_for_the_next_detection() -> None:
    seen, _ = track(still(20), hidden(still(20, x=300), 0, 6))
    assert seen == [{0: 100.0}] * DETECTION_INTERVAL + [{0: 100.0, 1: 300.0}] * 5


def test_a_fast_camera_is_not_searched_in_every_frame() -> None:
    """Half a second of search: 15 runs of the detector at 30 frames a second, some 20 at 240."""
    for fps in (30, 240):
        paths = still(3 * fps), hidden(still(3 * fps, x=300), fps, 3 * fps)
        _, scene = track(*paths, fps=fps)
        searched = [frame for frame in scene.detections if 1 <= frame / fps <= 1.5]
        assert 14 <= len(searched) <= 21


def test_a_fast_face_is_refined() -> None:
    """At 5 pixels a frame, an eighth of its size, one iteration is not exact enough."""
    _, scene = track(walk(100, 5, 10))
    assert scene.iterations == 2 + 9 * 3
    _, scene = track(walk(100, 3, 10))
    assert scene.iterations == 2 + 9


def test_the_detector_searches_for_a_while_after_a_loss() -> None:
    gone_for_good = hidden(still(60, x=300), 20, 59)
    _, scene = track(still(60), gone_for_good)
    searched = list(range(20, 19 + SEARCH_FRAMES + 1))
    assert scene.detections == [0, 15, *searched, searched[-1] + DETECTION_INTERVAL]


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
