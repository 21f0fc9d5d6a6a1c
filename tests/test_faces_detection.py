from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from auheat import geometry
from auheat.faces.crop import CropSpec
from auheat.faces.detection import (
    MAX_ITERATIONS,
    MIN_TILE_SIDE_PX,
    Detection,
    FaceLandmarks,
    Region,
    detect,
    is_plausible,
    is_same_face,
    new_faces,
    refine,
    windows,
)
from stand_ins import Scene, landmarks_at

IMAGE = np.zeros((200, 300, 3), np.uint8)
SOMEWHERE = Region((50.0, 50.0), 60.0)


class Scripted:
    """A landmarker that gives scripted answers and notes where it was asked to look."""

    def __init__(self, *answers: FaceLandmarks | None) -> None:
        self._answers = list(answers)
        self.regions: list[Region] = []

    def locate(self, image: NDArray[Any], region: Region) -> FaceLandmarks | None:
        self.regions.append(region)
        return self._answers.pop(0)


def test_a_region_around_a_level_face() -> None:
    region = Region.around([10, 20, 50, 40], right_eye=[20, 28], left_eye=[40, 28], factor=1.5)
    assert region == Region((30.0, 30.0), 60.0, 0.0)


def test_a_region_rotates_with_the_eyes() -> None:
    """The person's left eye, on the right of the image, lies lower: a rotation from x towards y."""
    region = Region.around([0, 0, 10, 10], right_eye=[2, 2], left_eye=[4, 4], factor=1.0)
    assert region.degrees == pytest.approx(45)


def test_the_convention_of_a_region_s_transform() -> None:
    """The middle of a square patch lies between its two middle pixels, and sides fill it."""
    transform = Region((30.0, 40.0), 60.0).transform(20)
    moved = geometry.apply(transform, [[30, 40], [0, 10], [60, 70]])
    np.testing.assert_allclose(moved, [[9.5, 9.5], [-0.5, -0.5], [19.5, 19.5]], atol=1e-12)


def test_a_rotated_face_stands_upright_in_its_patch() -> None:
    right_eye, left_eye = np.array([20.0, 20.0]), np.array([30.0, 30.0])
    transform = Region.around(
        [10, 10, 50, 50], right_eye=right_eye, left_eye=left_eye, factor=1.5
    ).transform(96)
    right, left = geometry.apply(transform, [right_eye, left_eye])
    assert left[1] == pytest.approx(right[1])
    assert left[0] - right[0] == pytest.approx(np.hypot(10, 10) * 96 / 60)


def test_the_patch_shows_the_region() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:60, 20:40] = 255
    patch = CropSpec(20).extract(image, Region((29.5, 49.5), 20.0).transform(20))
    assert (patch == 255).all()
    wider = CropSpec(40).extract(image, Region((29.5, 49.5), 40.0).transform(40))
    assert (wider[10:30, 10:30] == 255).all()
    assert wider.astype(int).sum() == 20 * 20 * 3 * 255


def test_shifting_a_detection_moves_box_and_region() -> None:
    detection = Detection(np.array([0.0, 1.0, 2.0, 3.0]), Region((1.0, 2.0), 4.0, 30.0), 0.5)
    moved = detection.shifted(10, 20)
    np.testing.assert_array_equal(moved.box, [10, 21, 12, 23])
    assert moved.region == Region((11.0, 22.0), 4.0, 30.0)
    assert moved.score == 0.5


def test_movement_is_in_units_of_the_size() -> None:
    still, moved = landmarks_at(50, 50, 40), landmarks_at(53, 54, 40)
    assert still.size == 40
    np.testing.assert_array_equal(moved.centre, [53, 54])
    assert still.movement(moved) == pytest.approx(5 / 40)
    assert still.movement(still) == 0


def test_a_steady_face_converges_at_the_second_iteration() -> None:
    landmarker = Scripted(landmarks_at(50, 50), landmarks_at(50.5, 50))
    found = refine(landmarker, IMAGE, region=SOMEWHERE)
    assert found is not None
    np.testing.assert_array_equal(found.centre, [50.5, 50])
    assert landmarker.regions == [SOMEWHERE, landmarks_at(50, 50).region]


def test_it_may_take_all_iterations() -> None:
    """Moves of 10%, then 1.25% of the face."""
    found = refine(
        Scripted(landmarks_at(46, 50), landmarks_at(50, 50), landmarks_at(50.5, 50)),
        IMAGE,
        region=SOMEWHERE,
    )
    assert found is not None
    assert found.centre[0] == 50.5


def test_what_drifts_is_no_face() -> None:
    """2.5% of the size in every iteration, more than a real face moves."""
    landmarker = Scripted(*(landmarks_at(50 + i, 50) for i in range(MAX_ITERATIONS)))
    assert refine(landmarker, IMAGE, region=SOMEWHERE) is None
    assert len(landmarker.regions) == MAX_ITERATIONS


@pytest.mark.parametrize("answers", [(None,), (landmarks_at(50, 50), None)])
def test_what_is_lost_in_any_iteration_is_no_face(
    answers: tuple[FaceLandmarks | None, ...],
) -> None:
    assert refine(Scripted(*answers), IMAGE, region=SOMEWHERE) is None


def test_plausible_needs_size_and_place() -> None:
    assert is_plausible(landmarks_at(50, 50, 32), IMAGE, min_size=32)
    assert not is_plausible(landmarks_at(50, 50, 31.9), IMAGE, min_size=32)
    # Pixels reach from -0.5 on: half of the first face lies inside, less of the second.
    assert is_plausible(landmarks_at(-0.5, 50, 40), IMAGE, min_size=32)
    assert not is_plausible(landmarks_at(-0.6, 50, 40), IMAGE, min_size=32)
    assert is_plausible(landmarks_at(299.5, 50, 40), IMAGE, min_size=32)
    assert not is_plausible(landmarks_at(299.6, 50, 40), IMAGE, min_size=32)
    assert not is_plausible(landmarks_at(50, 199.6, 40), IMAGE, min_size=32)


def test_plausible_refuses_broken_shapes() -> None:
    whole = landmarks_at(50, 50)
    lost = whole.landmarks.copy()
    lost[7, 1] = np.nan
    assert not is_plausible(replace(whole, landmarks=lost), IMAGE, min_size=32)
    assert not is_plausible(replace(whole, box=np.array([30, 50, 70, 57.9])), IMAGE, min_size=32)
    assert is_plausible(replace(whole, box=np.array([30, 50, 70, 58.1])), IMAGE, min_size=32)
    assert not is_plausible(replace(whole, box=np.full(4, np.inf)), IMAGE, min_size=32)


def test_same_face_by_the_fraction_of_the_smaller_box() -> None:
    """A small box inside a large one is the same face, though their union is much larger."""
    assert is_same_face(landmarks_at(50, 50, 40), landmarks_at(50, 50, 100))
    assert is_same_face(landmarks_at(50, 50, 40), landmarks_at(65, 50, 40))  # shares 62.5%
    assert not is_same_face(landmarks_at(50, 50, 40), landmarks_at(67, 50, 40))  # shares 57.5%
    assert not is_same_face(landmarks_at(50, 50, 40), landmarks_at(150, 50, 40))


def detections(*faces: FaceLandmarks) -> list[Detection]:
    return [Detection(face.box, face.region, 0.9) for face in faces]


def test_new_faces_come_by_rank_without_duplicates() -> None:
    small, large, unsure = (
        landmarks_at(50, 50, 40),
        landmarks_at(150, 50, 60),
        landmarks_at(250, 50, 80, score=0.6),
    )
    scene = Scene([small], [large], [unsure])
    shifted = replace(detections(small)[0], box=small.box + 3)
    found = new_faces(
        scene,
        IMAGE,
        detections=[*detections(small, unsure, large), shifted],
        min_size=32,
    )
    assert found == [large, unsure, small]  # 60, 48 and 40
    assert scene.iterations == 2 * 3  # the second detection of one face is not even looked at


def test_a_detection_that_leads_to_a_known_face_is_no_new_one() -> None:
    known = landmarks_at(50, 50, 40)
    beside = Detection(landmarks_at(75, 50, 40).box, Region((70.0, 50.0), 60.0), 0.9)
    scene = Scene([known])
    assert new_faces(scene, IMAGE, detections=[beside], known=[known], min_size=32) == []
    assert scene.iterations == 2  # looked at, since its centre lies off the known face
    assert new_faces(scene, IMAGE, detections=[beside], min_size=32) == [known]


def test_new_faces_must_be_plausible() -> None:
    tiny = landmarks_at(50, 50, 20)
    assert new_faces(Scene([tiny]), IMAGE, detections=detections(tiny), min_size=32) == []
    assert new_faces(Scene([tiny]), IMAGE, detections=detections(tiny), min_size=20) == [tiny]


def test_small_images_have_no_tiles() -> None:
    assert windows(480, 640) == [(0, 0, 640, 480)]
    assert windows(1000, 2 * MIN_TILE_SIDE_PX - 1) == [(0, 0, 2 * MIN_TILE_SIDE_PX - 1, 1000)]


def test_tiles_of_full_hd() -> None:
    whole, *tiles = windows(1080, 1920)
    assert whole == (0, 0, 1920, 1080)
    assert tiles == [
        *((0, 0, 960, 960), (480, 0, 1440, 960), (960, 0, 1920, 960)),
        *((0, 120, 960, 1080), (480, 120, 1440, 1080), (960, 120, 1920, 1080)),
    ]


@given(st.integers(1, 6000), st.integers(1, 6000))
def test_tiles_cover_the_image_and_overlap(height: int, width: int) -> None:
    """Any square of a quarter of a tile's side lies wholly inside some tile of its level."""
    tiles = windows(height, width)[1:]
    for side in {max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in tiles}:
        for axis, length in ((0, width), (1, height)):
            spans = sorted(
                {(t[axis], t[axis + 2]) for t in tiles if max(t[2] - t[0], t[3] - t[1]) == side}
            )
            assert spans[0][0] == 0
            assert spans[-1][1] == length
            overlaps = [end - start for (_, end), (start, _) in pairwise(spans)]
            assert all(overlap >= side / 4 - 1 for overlap in overlaps)


def test_detect_brings_detections_into_the_whole_image() -> None:
    class Corner:
        def detect(self, image: NDArray[Any]) -> list[Detection]:
            assert image.shape == (30, 40, 3)
            assert image[0, 0, 0] == 7
            return [Detection(np.array([1.0, 2.0, 5.0, 6.0]), Region((3.0, 4.0), 6.0), 0.8)]

    image = np.zeros((100, 100, 3), np.uint8)
    image[20, 10] = 7
    (detection,) = detect(Corner(), image, where=[(10, 20, 50, 50)])
    np.testing.assert_array_equal(detection.box, [11, 22, 15, 26])
    assert detection.region.centre == (13.0, 24.0)
