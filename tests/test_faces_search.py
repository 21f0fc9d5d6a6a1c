from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat.faces.regions import Candidate, Fit, Region
from auheat.faces.search import (
    LOOKS,
    SMALLEST_TILE,
    detect,
    is_plausible,
    is_same_face,
    new_faces,
    settle,
    windows,
)
from stand_ins import Scene, fit_at

IMAGE = np.zeros((200, 300, 3), np.uint8)
SOMEWHERE = Region((50.0, 50.0), 60.0)


class Looks:
    """A landmarker that gives scripted answers and notes where it was asked to look."""

    def __init__(self, *answers: Fit | None) -> None:
        self._answers = list(answers)
        self.regions: list[Region] = []

    def locate(self, image: np.ndarray, region: Region) -> Fit | None:
        self.regions.append(region)
        return self._answers.pop(0)


def test_a_steady_face_settles_at_the_second_look() -> None:
    looks = Looks(fit_at(50, 50), fit_at(50.5, 50))
    found = settle(looks, IMAGE, SOMEWHERE)
    assert found is not None
    np.testing.assert_array_equal(found.centre, [50.5, 50])
    assert looks.regions == [SOMEWHERE, fit_at(50, 50).region]


def test_it_may_take_all_looks() -> None:
    """Moves of 10%, then 1.25% of the face."""
    found = settle(Looks(fit_at(46, 50), fit_at(50, 50), fit_at(50.5, 50)), IMAGE, SOMEWHERE)
    assert found is not None
    assert found.centre[0] == 50.5


def test_what_drifts_is_no_face() -> None:
    """2.5% of the size at every look, more than a real face moves."""
    looks = Looks(*(fit_at(50 + i, 50) for i in range(LOOKS)))
    assert settle(looks, IMAGE, SOMEWHERE) is None
    assert len(looks.regions) == LOOKS


@pytest.mark.parametrize("answers", [(None,), (fit_at(50, 50), None)])
def test_what_is_lost_at_any_look_is_no_face(answers: tuple[Fit | None, ...]) -> None:
    assert settle(Looks(*answers), IMAGE, SOMEWHERE) is None


def test_plausible_needs_size_and_place() -> None:
    assert is_plausible(fit_at(50, 50, 32), IMAGE, 32)
    assert not is_plausible(fit_at(50, 50, 31.9), IMAGE, 32)
    # Pixels reach from -0.5 on: half of the first face lies inside, less of the second.
    assert is_plausible(fit_at(-0.5, 50, 40), IMAGE, 32)
    assert not is_plausible(fit_at(-0.6, 50, 40), IMAGE, 32)
    assert is_plausible(fit_at(299.5, 50, 40), IMAGE, 32)
    assert not is_plausible(fit_at(299.6, 50, 40), IMAGE, 32)
    assert not is_plausible(fit_at(50, 199.6, 40), IMAGE, 32)


def test_plausible_refuses_broken_shapes() -> None:
    whole = fit_at(50, 50)
    lost = whole.landmarks.copy()
    lost[7, 1] = np.nan
    assert not is_plausible(replace(whole, landmarks=lost), IMAGE, 32)
    assert not is_plausible(replace(whole, box=np.array([30, 50, 70, 57.9])), IMAGE, 32)
    assert is_plausible(replace(whole, box=np.array([30, 50, 70, 58.1])), IMAGE, 32)
    assert not is_plausible(replace(whole, box=np.full(4, np.inf)), IMAGE, 32)


def test_same_face_by_the_share_of_the_smaller_box() -> None:
    """A small box inside a large one is the same face, though their union is much larger."""
    assert is_same_face(fit_at(50, 50, 40), fit_at(50, 50, 100))
    assert is_same_face(fit_at(50, 50, 40), fit_at(65, 50, 40))  # shares 62.5%
    assert not is_same_face(fit_at(50, 50, 40), fit_at(67, 50, 40))  # shares 57.5%
    assert not is_same_face(fit_at(50, 50, 40), fit_at(150, 50, 40))


def claims(*fits: Fit) -> list[Candidate]:
    return [Candidate(fit.box, fit.region, 0.9) for fit in fits]


def test_new_faces_come_by_rank_without_duplicates() -> None:
    small, large, unsure = fit_at(50, 50, 40), fit_at(150, 50, 60), fit_at(250, 50, 80, score=0.6)
    scene = Scene([small], [large], [unsure])
    shifted = replace(claims(small)[0], box=small.box + 3)
    found = new_faces(scene, IMAGE, [*claims(small, unsure, large), shifted], (), 32)
    assert found == [large, unsure, small]  # 60, 48 and 40
    assert scene.looks == 2 * 3  # the second claim about one face is not even looked at


def test_a_claim_that_leads_to_a_known_face_is_no_new_one() -> None:
    known = fit_at(50, 50, 40)
    beside = Candidate(fit_at(75, 50, 40).box, Region((70.0, 50.0), 60.0), 0.9)
    scene = Scene([known])
    assert new_faces(scene, IMAGE, [beside], [known], 32) == []
    assert scene.looks == 2  # looked at, since its centre lies off the known face
    assert new_faces(scene, IMAGE, [beside], (), 32) == [known]


def test_new_faces_must_be_plausible() -> None:
    tiny = fit_at(50, 50, 20)
    assert new_faces(Scene([tiny]), IMAGE, claims(tiny), (), 32) == []
    assert new_faces(Scene([tiny]), IMAGE, claims(tiny), (), 20) == [tiny]


def test_small_pictures_have_no_tiles() -> None:
    assert windows(480, 640) == [(0, 0, 640, 480)]
    assert windows(1000, 2 * SMALLEST_TILE - 1) == [(0, 0, 2 * SMALLEST_TILE - 1, 1000)]


def test_tiles_of_full_hd() -> None:
    whole, *tiles = windows(1080, 1920)
    assert whole == (0, 0, 1920, 1080)
    assert tiles == [
        *((0, 0, 960, 960), (480, 0, 1440, 960), (960, 0, 1920, 960)),
        *((0, 120, 960, 1080), (480, 120, 1440, 1080), (960, 120, 1920, 1080)),
    ]


@given(st.integers(1, 6000), st.integers(1, 6000))
def test_tiles_cover_the_picture_and_overlap(height: int, width: int) -> None:
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


def test_detect_brings_claims_into_the_whole_picture() -> None:
    class Corner:
        def detect(self, image: np.ndarray) -> list[Candidate]:
            assert image.shape == (30, 40, 3)
            assert image[0, 0, 0] == 7
            return [Candidate(np.array([1.0, 2.0, 5.0, 6.0]), Region((3.0, 4.0), 6.0), 0.8)]

    image = np.zeros((100, 100, 3), np.uint8)
    image[20, 10] = 7
    (claim,) = detect(Corner(), image, [(10, 20, 50, 50)])
    np.testing.assert_array_equal(claim.box, [11, 22, 15, 26])
    assert claim.region.centre == (13.0, 24.0)
