from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from auheat.faces.regions import Fit
from auheat.faces.search import windows
from auheat.faces.tracking import DETECT_EVERY, REMEMBER_FOR, SEARCH_FOR, VideoTracker
from stand_ins import Image, Scene, fit_at, texture

Path = list[Fit | None]
Seen = list[dict[int, float]]

PICTURE = texture(0, 270, 480)


def follow(
    *people: Path, faces: int = 5, images: Sequence[Image] | None = None
) -> tuple[Seen, Scene]:
    """Runs a tracker over scripted people: per frame, the x of every face by its id."""
    scene = Scene(*people)
    tracker = VideoTracker(scene, scene, faces, 32)
    seen: Seen = []
    for frame in range(len(people[0])):
        scene.frame = frame
        found = tracker.update(images[frame] if images else PICTURE)
        assert [face.face_id for face in found] == sorted({face.face_id for face in found})
        seen.append({face.face_id: float(face.box[[0, 2]].mean()) for face in found})
    return seen, scene


def still(frames: int, x: float = 100, y: float = 100, size: float = 40) -> Path:
    return [fit_at(x, y, size)] * frames


def walk(start: float, step: float, frames: int, y: float = 100, size: float = 40) -> Path:
    return [fit_at(start + step * i, y, size) for i in range(frames)]


def hidden(path: Path, first: int, last: int) -> Path:
    """The path with the person out of sight from frame `first` to frame `last`, both included."""
    return [None if first <= i <= last else fit for i, fit in enumerate(path)]


def test_one_face_is_detected_now_and_then_and_followed_between() -> None:
    seen, scene = follow(still(40))
    assert seen == [{0: 100.0}] * 40
    assert scene.detections == [0, DETECT_EVERY, 2 * DETECT_EVERY]
    assert scene.looks == 2 + 39  # two to settle, then one a frame


def test_positions_are_those_of_the_same_frame() -> None:
    seen, _ = follow(walk(50, 3, 30))
    assert seen == [{0: 50.0 + 3 * i} for i in range(30)]


def test_a_newcomer_waits_for_the_next_detection() -> None:
    seen, _ = follow(still(20), hidden(still(20, x=300), 0, 6))
    assert seen == [{0: 100.0}] * DETECT_EVERY + [{0: 100.0, 1: 300.0}] * 5


def test_ids_begin_with_the_highest_rank() -> None:
    seen, _ = follow(still(2, x=50, size=36), still(2, x=150, size=60), still(2, x=300, size=48))
    assert seen == [{0: 150.0, 1: 300.0, 2: 50.0}] * 2


def test_who_comes_back_soon_keeps_the_id() -> None:
    seen, _ = follow(hidden(still(60), 10, 40))
    assert seen == [{0: 100.0}] * 10 + [{}] * 31 + [{0: 100.0}] * 19


@pytest.mark.parametrize(("frames", "face_id"), [(REMEMBER_FOR - 1, 0), (REMEMBER_FOR, 1)])
def test_an_id_is_forgotten_after_a_while(frames: int, face_id: int) -> None:
    """Out of sight for so many frames."""
    seen, _ = follow(hidden(still(10 + frames + 3), 10, 9 + frames))
    assert seen[-1] == {face_id: 100.0}


@pytest.mark.parametrize(
    ("returned", "face_id"),
    [
        (fit_at(138, 100), 0),
        (fit_at(142, 100), 1),  # further than a face's size away
        (fit_at(100, 100, 60), 0),
        (fit_at(100, 100, 66), 1),  # more than 1.6 times as large
        (fit_at(132, 100, 50), 1),  # a little of both
    ],
)
def test_who_appears_elsewhere_is_someone_else(returned: Fit, face_id: int) -> None:
    seen, _ = follow([*still(10), None, None, None, *[returned] * 3])
    assert seen[9:] == [{0: 100.0}, {}, {}, {}, *[{face_id: returned.centre[0]}] * 3]


def test_no_frame_is_lost_when_a_face_jumps_a_little() -> None:
    """Too far for its old region, but near enough to be detected as the same person at once."""
    seen, _ = follow([*still(5), *still(5, x=135)])
    assert seen == [{0: 100.0}] * 5 + [{0: 135.0}] * 5


def test_a_fast_face_is_looked_at_twice() -> None:
    """At 5 pixels a frame, an eighth of its size, one look is not exact enough."""
    _, scene = follow(walk(100, 5, 10))
    assert scene.looks == 2 + 9 * 3
    _, scene = follow(walk(100, 3, 10))
    assert scene.looks == 2 + 9


def test_people_who_pass_behind_a_pillar_do_not_swap() -> None:
    """When both come out again, each stands nearer to where the other was lost."""
    right = hidden(walk(60, 4, 40), 10, 21)
    left = hidden(walk(180, -4, 40), 10, 21)
    seen, _ = follow(right, left)
    assert seen[9] == {0: 96.0, 1: 144.0}
    assert seen[10:22] == [{}] * 12
    assert seen[22:] == [{0: 148.0 + 4 * i, 1: 92.0 - 4 * i} for i in range(18)]


def test_who_stops_while_hidden_keeps_the_id() -> None:
    """Going on, they would be one and a half face sizes further."""
    path = walk(60, 4, 10)
    seen, _ = follow([*path, *[None] * 15, *[path[-1]] * 3])
    assert seen[9:] == [{0: 96.0}, *[{}] * 15, *[{0: 96.0}] * 3]


@pytest.mark.parametrize("behind", [0, 1])
def test_the_one_in_front_keeps_the_id_while_they_cross(behind: int) -> None:
    """The hidden one's region then shows the other, who must not be reported twice or renamed."""
    paths = [walk(60, 4, 50), walk(220, -4, 50)]
    paths[behind] = hidden(paths[behind], 17, 23)
    seen, _ = follow(*paths)
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
    _, scene = follow(still(60), gone_for_good)
    searched = list(range(20, 19 + SEARCH_FOR + 1))
    assert scene.detections == [0, 15, *searched, searched[-1] + DETECT_EVERY]


def test_only_the_best_are_followed() -> None:
    small, medium, large = (still(20, 50 + 120 * i, 100, s) for i, s in enumerate((36, 40, 50)))
    seen, _ = follow(small, medium, large, faces=2)
    assert seen == [{0: 290.0, 1: 170.0}] * 20


@pytest.mark.parametrize(("size", "after"), [(59, {0: 100.0}), (61, {1: 300.0})])
def test_a_newcomer_must_be_much_larger_to_take_a_place(
    size: float, after: dict[int, float]
) -> None:
    seen, _ = follow(still(20), hidden(still(20, x=300, size=size), 0, 3), faces=1)
    assert seen[14] == {0: 100.0}
    assert seen[15:] == [after] * 5


def test_a_cut_ends_all_ids() -> None:
    """The next scene has a face at the same place."""
    images = [texture(0, 270, 480)] * 10 + [texture(1, 270, 480)] * 10
    seen, scene = follow(still(20), images=images)
    assert seen == [{0: 100.0}] * 10 + [{1: 100.0}] * 10
    assert scene.detections == [0, 10]


def test_ids_do_not_return_after_a_cut_and_back() -> None:
    scenes = [0] * 5 + [1] * 5 + [0] * 5
    images = [texture(seed, 270, 480) for seed in scenes]
    seen, _ = follow(hidden(still(15), 5, 9), images=images)
    assert seen == [{0: 100.0}] * 5 + [{}] * 5 + [{1: 100.0}] * 5


def test_black_frames_and_light_are_no_cut() -> None:
    dark = (PICTURE * 0.5).astype(np.uint8)
    images = [PICTURE] * 5 + [np.zeros_like(PICTURE)] * 3 + [dark] * 5
    seen, _ = follow(hidden(still(13), 5, 7), images=images)
    assert seen == [{0: 100.0}] * 5 + [{}] * 3 + [{0: 100.0}] * 5


def test_what_never_settles_is_never_reported() -> None:
    class Drift(Scene):
        def locate(self, image: Image, region: object) -> Fit | None:
            self.looks += 1
            return fit_at(100 + 2 * (self.looks % 5), 100)

    scene = Drift(still(5))
    tracker = VideoTracker(scene, scene, 5, 32)
    assert [tracker.update(PICTURE) for _ in range(5)] == [()] * 5


def test_tiles_take_turns() -> None:
    large = texture(0, 900, 1600)
    height, width = large.shape[:2]
    scene = Scene([None] * 8)
    tracker = VideoTracker(scene, scene, 5, 32)
    for scene.frame in range(8):
        tracker.update(large)
    whole, *tiles = [(y1 - y0, x1 - x0) for x0, y0, x1, y1 in windows(height, width)]
    assert len(tiles) > 2
    assert scene.windows[::2] == [whole] * 8
    assert scene.windows[1::2] == [tiles[i % len(tiles)] for i in range(8)]


def test_a_face_far_away_is_found_in_its_tiles_turn() -> None:
    """Seen by the detector only in a tile, and never again by then: it is followed all the same."""

    class NearSighted(Scene):
        def detect(self, image: Image) -> list:
            claims = super().detect(image)
            is_whole = image.shape[1] == 1600
            return [] if is_whole else claims

    scene = NearSighted(still(6, x=400, y=400, size=40))
    tracker = VideoTracker(scene, scene, 5, 32)
    found = []
    for scene.frame in range(6):
        found.append(tracker.update(texture(0, 900, 1600)))
    assert [len(faces) for faces in found] == [1] * 6
