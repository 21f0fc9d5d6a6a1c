from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat import facs, geometry, landmarks
from auheat.errors import AuheatError
from auheat.facs import ALL_AUS, PAPER_AUS, TABLE, PointLayout, action_units
from auheat.geometry import Points

# Figure 2 of Fan, Lam and Li (AAAI 2020).
FIGURE_2 = {
    "AU01": "Inner Brow Raiser",
    "AU02": "Outer Brow Raiser",
    "AU04": "Brow Lowerer",
    "AU05": "Upper Lid Raiser",
    "AU06": "Cheek Raiser",
    "AU09": "Nose Wrinkler",
    "AU10": "Upper Lip Raiser",
    "AU12": "Lip Corner Puller",
    "AU14": "Dimpler",
    "AU15": "Lip Corner Depressor",
    "AU17": "Chin Raiser",
    "AU20": "Lip Stretcher",
    "AU25": "Lips Part",
    "AU26": "Jaw Drop",
}
# The FACS manual (Ekman, Friesen and Hager, 2002).
FURTHER = {
    "AU07": "Lid Tightener",
    "AU18": "Lip Pucker",
    "AU23": "Lip Tightener",
    "AU24": "Lip Pressor",
    "AU28": "Lip Suck",
    "AU43": "Eye Closure",
}

# Worked out by hand on the face of `schematic_face` (R = 60, mouth corners (68, 156) and
# (132, 156), and so on), not by the code under test.
POINTS_OF_THE_SCHEMATIC_FACE: dict[str, list[tuple[float, float]]] = {
    "AU01": [(82, 60), (118, 60)],
    "AU02": [(42, 54), (158, 54)],
    "AU04": [(100, 196 / 3)],
    "AU05": [(54, 74), (146, 74)],
    "AU06": [(32, 100), (168, 100)],
    "AU09": [(86, 126), (114, 126), (100, 90)],
    "AU10": [(78, 148), (122, 148)],
    "AU12": [(68, 156), (132, 156)],
    "AU14": [(49, 148), (151, 148)],
    "AU15": [(68, 156), (132, 156)],
    "AU17": [(100, 172), (100, 184)],
    "AU20": [(68, 156), (132, 156)],
    "AU25": [(100, 146), (100, 172)],
    "AU26": [(90, 201), (110, 201)],
    "AU07": [(54, 84), (146, 84)],
    "AU18": [(100, 146), (100, 172)],
    "AU23": [(90, 157.5), (110, 157.5)],
    "AU24": [(78, 157), (122, 157)],
    "AU28": [(100, 149.5), (100, 167)],
    "AU43": [(54, 79), (146, 79)],
}

some_aus = st.lists(st.sampled_from(ALL_AUS), min_size=1, unique=True)


def unlike(face: Points, seed: int) -> Points:
    """An asymmetrical face."""
    return face + np.random.default_rng(seed).normal(0, 5, face.shape)


def test_table_is_figure_2_and_six_more() -> None:
    assert {name: unit.title for name, unit in TABLE.items()} == FIGURE_2 | FURTHER
    assert tuple(FIGURE_2) == PAPER_AUS
    assert tuple(TABLE) == ALL_AUS == tuple(sorted({**FIGURE_2, **FURTHER}))
    assert [unit.number for unit in TABLE.values()] == [int(name[2:]) for name in ALL_AUS]
    assert all(unit.muscle for unit in TABLE.values())


def test_aus_of_the_datasets() -> None:
    disfa = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    assert tuple(f"AU{n:02d}" for n in disfa) == facs.DISFA_AUS
    assert facs.BP4D_AUS == ("AU06", "AU10", "AU12", "AU14", "AU17")


def test_point_counts_are_those_of_the_authors_files() -> None:
    assert PointLayout.of(facs.BP4D_AUS).count == 10
    assert PointLayout.of(facs.DISFA_AUS).count == 24
    assert PointLayout.of(PAPER_AUS).count == 28
    assert PointLayout.of(ALL_AUS).count == 40


@pytest.mark.parametrize("name", ALL_AUS)
def test_points_on_a_hand_made_face(name: str, face: Points) -> None:
    found = PointLayout.of([name]).locate(face)
    np.testing.assert_allclose(found, POINTS_OF_THE_SCHEMATIC_FACE[name], atol=1e-12)


def test_layout_keeps_the_given_order(face: Points) -> None:
    layout = PointLayout.of(["AU09", "AU04", "AU12"])
    assert layout.aus == ("AU09", "AU04", "AU12")
    assert layout.au_of_point == (0, 0, 0, 1, 2, 2)
    assert layout.mirror == (1, 0, 2, 3, 5, 4)
    expected = [p for au in layout.aus for p in POINTS_OF_THE_SCHEMATIC_FACE[au]]
    np.testing.assert_allclose(layout.locate(face), expected, atol=1e-12)


@given(
    seed=st.integers(0, 1000),
    scale=st.floats(0.05, 20),
    degrees=st.floats(-180, 180),
    dx=st.floats(-1000, 1000),
    dy=st.floats(-1000, 1000),
)
def test_points_turn_grow_and_move_with_the_face(
    face: Points, seed: int, scale: float, degrees: float, dx: float, dy: float
) -> None:
    transform = geometry.similarity(scale, degrees, shift=(dx, dy))
    layout, points = PointLayout.of(ALL_AUS), unlike(face, seed)
    np.testing.assert_allclose(
        layout.locate(geometry.apply(transform, points)),
        geometry.apply(transform, layout.locate(points)),
        atol=1e-8,
    )


@given(seed=st.integers(0, 1000), names=some_aus, width=st.integers(100, 500))
def test_locating_and_mirroring_commute(
    face: Points, seed: int, names: list[str], width: int
) -> None:
    layout, points = PointLayout.of(names), unlike(face, seed)
    expected = layout.locate(points)[list(layout.mirror)]
    expected[:, 0] = width - 1 - expected[:, 0]
    found = layout.locate(landmarks.mirror(points, width))
    np.testing.assert_allclose(found, expected, atol=1e-9)


@given(some_aus)
def test_mirror_is_an_involution_inside_each_au(names: list[str]) -> None:
    layout = PointLayout.of(names)
    assert [layout.mirror[m] for m in layout.mirror] == list(range(layout.count))
    assert [layout.au_of_point[m] for m in layout.mirror] == list(layout.au_of_point)


def test_down_follows_the_chin_of_a_face_upside_down(face: Points) -> None:
    turned = geometry.apply(geometry.similarity(degrees=180), face)
    jaw = PointLayout.of(["AU26"]).locate(turned)
    np.testing.assert_allclose(jaw, [(-90, -201), (-110, -201)], atol=1e-9)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["AU01", "AU4"], "did you mean 'AU04'?"),
        (["AU12", "AU06", "AU12"], "'AU12' is listed twice"),
        ([], "no Action Units"),
    ],
)
def test_bad_lists_are_refused(names: list[str], message: str) -> None:
    for refuse in (action_units, PointLayout.of):
        with pytest.raises(AuheatError) as caught:
            refuse(names)
        assert message in str(caught.value)


def test_rows_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE["AU01"].number = 7  # type: ignore[misc]
