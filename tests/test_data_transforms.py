"""Augmentation: image and points move together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.data.transforms import NONE, AugmentConfig, augment
from auheat.errors import AuheatError
from auheat.landmarks import FLIP
from auheat.settings import build

SIDE, PAD, SIZE = 144, 8, 128

GEOMETRY = AugmentConfig(flip=0.5, rotation=6, scale=0.06, translation=0.03,
                         photometric=0, grayscale=0, blur=0, noise=0, random_erasing=0)  # fmt: skip
COLOURS = AugmentConfig(flip=0, rotation=0, scale=0, translation=0)
DOTTED = (30, 8, 36, 45, 48, 54)  # one colour channel each, twice over


def textured(seed: int = 0, side: int = SIDE) -> Image:
    """Smooth enough for resampling, busy enough to tell places apart."""
    coarse = np.random.default_rng(seed).integers(30, 226, (side // 8, side // 8, 3))
    return np.asarray(np.kron(coarse, np.ones((8, 8, 1), np.int64)), np.uint8)


def dots(marks: NDArray[np.float64], landmarks: tuple[int, ...], side: int = SIDE) -> Image:
    """Black, with a soft dot at three landmarks, one for each channel."""
    y, x = np.mgrid[:side, :side]
    image = np.zeros((side, side, 3), np.uint8)
    for channel, (px, py) in enumerate(marks[list(landmarks)]):
        image[..., channel] = np.round(255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8))
    return image


def centres(image: Image) -> NDArray[np.float64]:
    """Centre of mass (x, y) of each channel."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.astype(np.float64) / image.sum((0, 1))
    sums = [(weight * axis[..., None]).sum((0, 1)) for axis in (x, y)]
    return np.stack(sums, 1)


@pytest.mark.parametrize("size", [SIZE, 96, 200])
@pytest.mark.parametrize("landmarks", [DOTTED[:3], DOTTED[3:]])
def test_image_and_points_move_together(
    marks: NDArray[np.float64], size: int, landmarks: tuple[int, ...]
) -> None:
    """Dots drawn at landmarks are found at the moved landmarks, whatever was drawn.

    A flip puts another landmark in a landmark's place, so that its dot belongs to the partner.
    """
    image, flips = dots(marks, landmarks), 0
    for seed in range(25):
        moved, points, _ = augment(np.random.default_rng(seed), image, marks, size, PAD, GEOMETRY)
        assert moved.shape == (size, size, 3)
        assert points.shape == (68, 2)
        assert points[36, 0] < points[45, 0], "the right eye stays on the left of the image"
        direct = np.abs(centres(moved) - points[list(landmarks)]).max()
        mirrored = np.abs(centres(moved) - points[[FLIP[i] for i in landmarks]]).max()
        assert min(direct, mirrored) < 0.15
        flips += mirrored < direct
    assert 5 <= flips <= 20


@pytest.mark.parametrize("landmarks", [DOTTED[:3], DOTTED[3:], (21, 33, 8)])
def test_bent_images_and_points_move_together(
    marks: NDArray[np.float64], landmarks: tuple[int, ...]
) -> None:
    """A dot is stretched by the field, its middle is where its landmark went."""
    image, bend = dots(marks, landmarks), replace(NONE, bend=0.012)
    for seed in range(25):
        moved, points, _ = augment(np.random.default_rng(seed), image, marks, SIZE, PAD, bend)
        assert np.abs(centres(moved) - points[list(landmarks)]).max() < 0.6


def test_a_bend_moves_neighbours_alike_and_places_by_its_spread(
    marks: NDArray[np.float64],
) -> None:
    """Brows move with their own points and not with the mouth; most bends are symmetrical."""
    bend = replace(NONE, bend=0.02)
    moves = np.stack(
        [
            augment(np.random.default_rng(seed), textured(), marks, SIZE, PAD, bend)[1]
            - (marks - PAD)
            for seed in range(600)
        ]
    )
    inner, beside, mouth = moves[:, 21, 1], moves[:, 20, 1], moves[:, 57, 1]
    assert np.corrcoef(inner, beside)[0, 1] > 0.8
    assert abs(np.corrcoef(inner, mouth)[0, 1]) < 0.3
    assert 0.25 * 0.02 * SIZE < moves.std() < 0.02 * SIZE
    assert np.abs(moves.mean(0)).max() < 0.3
    assert np.corrcoef(moves[:, 19, 1], moves[:, 24, 1])[0, 1] > 0.5
    assert np.corrcoef(moves[:, 48, 0], moves[:, 54, 0])[0, 1] < -0.3


def test_geometry_varies_within_bounds(marks: NDArray[np.float64]) -> None:
    """Turn, zoom and shift of the points, against the plain cut."""
    config = replace(GEOMETRY, flip=0)
    turns, zooms, shifts = [], [], []
    for seed in range(300):
        _, points, _ = augment(np.random.default_rng(seed), textured(), marks, SIZE, PAD, config)
        fitted = geometry.fit_similarity(marks - PAD, points)
        turns.append(np.degrees(np.arctan2(fitted[1, 0], fitted[0, 0])))
        zooms.append(np.log(geometry.scale_of(fitted)))
        middle = np.full(2, (SIZE - 1) / 2)
        shifts.append(geometry.apply(fitted, middle) - middle)
    assert np.std(turns) == pytest.approx(6, rel=0.15)
    assert np.std(zooms) == pytest.approx(0.06, rel=0.15)
    np.testing.assert_allclose(np.std(shifts, axis=0), 0.03 * SIZE, rtol=0.15)
    for values in (turns, zooms, shifts):
        assert np.abs(np.mean(values, axis=0) / np.std(values, axis=0)).max() < 0.2


def test_a_flip_is_the_mirror_image_by_hand(marks: NDArray[np.float64]) -> None:
    image = textured()
    found, points, _ = augment(
        np.random.default_rng(0), image, marks, SIZE, PAD, replace(NONE, flip=1.0)
    )
    np.testing.assert_array_equal(found, image[PAD:-PAD, PAD:-PAD][:, ::-1])
    for right, left in ((36, 45), (48, 54), (0, 16), (21, 22), (60, 64), (30, 30)):
        expected = (SIZE - 1 - (marks[left, 0] - PAD), marks[left, 1] - PAD)
        assert points[right] == pytest.approx(expected)


def test_flips_come_with_their_probability(marks: NDArray[np.float64]) -> None:
    image = textured()
    config = replace(NONE, flip=0.25)
    flipped = 0
    for seed in range(400):
        found, _, _ = augment(np.random.default_rng(seed), image, marks, SIZE, PAD, config)
        flipped += not np.array_equal(found, image[PAD:-PAD, PAD:-PAD])
    assert 0.18 < flipped / 400 < 0.32


def test_nothing_at_scale_1_is_an_exact_cut(marks: NDArray[np.float64]) -> None:
    image = textured()
    found, points, _ = augment(np.random.default_rng(0), image, marks, SIZE, PAD, NONE)
    np.testing.assert_array_equal(found, image[PAD:-PAD, PAD:-PAD])
    np.testing.assert_array_equal(points, marks - PAD)
    assert found.flags.c_contiguous
    whole, points, _ = augment(np.random.default_rng(0), image, marks, SIDE, 0, NONE)
    np.testing.assert_array_equal(whole, image)
    np.testing.assert_array_equal(points, marks)


def test_the_callers_image_is_left_alone(marks: NDArray[np.float64]) -> None:
    """Also where there is nothing to cut away."""
    image, points = textured(), marks.copy()
    before = image.copy()
    erasing = replace(NONE, random_erasing=1.0)
    noisy = AugmentConfig(random_erasing=1.0, noise=1.0)
    for config in (NONE, erasing, replace(erasing, flip=1.0), noisy):
        for pad in (0, PAD):
            size = SIDE - 2 * pad
            for seed in range(5):
                found, moved, _ = augment(
                    np.random.default_rng(seed), image, points, size, pad, config
                )
                found[:] = 0
                moved[:] = 0
                np.testing.assert_array_equal(image, before)
                np.testing.assert_array_equal(points, marks)


@pytest.mark.parametrize("size", [64, 127, 256])
def test_convention_another_size_spans_the_same_edges(
    marks: NDArray[np.float64], size: int
) -> None:
    """The region from -0.5 to its side - 0.5 stays the same; pixel centres lie at integers."""
    _, points, _ = augment(np.random.default_rng(0), textured(), marks, size, PAD, NONE)
    np.testing.assert_allclose((points + 0.5) / size, (marks - PAD + 0.5) / SIZE, atol=1e-9)
    found, points, _ = augment(
        np.random.default_rng(0), dots(marks, DOTTED[:3]), marks, size, PAD, NONE
    )
    np.testing.assert_allclose(centres(found), points[list(DOTTED[:3])], atol=0.1)


def test_colours_do_not_move_points(marks: NDArray[np.float64]) -> None:
    """Nor dots: light, blur and noise leave places alone."""
    image = dots(marks, DOTTED[:3])
    config = replace(COLOURS, random_erasing=0, noise=0, grayscale=0)
    for seed in range(20):
        found, points, _ = augment(np.random.default_rng(seed), image, marks, SIZE, PAD, config)
        np.testing.assert_array_equal(points, marks - PAD)
        bright = np.clip(found.astype(int) - np.median(found, axis=(0, 1)), 0, None)
        np.testing.assert_allclose(centres(bright), points[list(DOTTED[:3])], atol=0.2)


ALL = ("photometric", "grayscale", "blur", "noise", "random_erasing", "shading", "local_contrast",
       "smoothing", "random_convolution")  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_every_change_can_be_had_alone(marks: NDArray[np.float64], name: str) -> None:
    """And with value 0 it does not happen."""
    image = textured()
    plain = image[PAD:-PAD, PAD:-PAD]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found, points, _ = augment(rng, image, marks, SIZE, PAD, replace(NONE, **{name: 1.0}))
        assert found.shape == plain.shape
        assert found.dtype == np.uint8
        assert (found != plain).any()
        np.testing.assert_array_equal(points, marks - PAD)
        same = (found == plain).all(-1)
        if name == "grayscale":
            assert (found == found[..., :1]).all()
        if name == "random_erasing":
            assert 0.2 < same.mean() < 0.999
        if name == "noise":
            difference = found.astype(int) - plain
            assert 1 < difference.std() < 16
            assert abs(difference.mean()) < 1
        if name == "blur":
            assert found.astype(float).std() < plain.astype(float).std()


def test_the_same_generator_gives_the_same_view(marks: NDArray[np.float64]) -> None:
    image, config = textured(), AugmentConfig()
    views = [
        augment(np.random.default_rng(seed), image, marks, SIZE, PAD, config) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(views[0][0], views[1][0])
    np.testing.assert_array_equal(views[0][1], views[1][1])
    assert (views[0][0] != views[2][0]).any()


def test_views_of_images_are_read_correctly(marks: NDArray[np.float64]) -> None:
    """A BGR image turned to RGB by a view, as the dataset hands them over."""
    image = textured()
    for seed in range(6):
        direct, view = (
            augment(np.random.default_rng(seed), array, marks, SIZE, PAD, AugmentConfig())[0]
            for array in (image, np.ascontiguousarray(image[..., ::-1])[..., ::-1])
        )
        np.testing.assert_array_equal(direct, view)


def test_outside_the_image_its_border_continues(marks: NDArray[np.float64]) -> None:
    image = np.full((SIDE, SIDE, 3), 90, np.uint8)
    wild = replace(GEOMETRY, translation=0.5, rotation=40)
    for seed in range(10):
        found, _, _ = augment(np.random.default_rng(seed), image, marks, SIZE, PAD, wild)
        assert (found == 90).all()


def test_settings_of_older_runs_are_read() -> None:
    """Their names before the field's own ones."""
    former = {"turn": 3, "zoom": 0.1, "shift": 0.2, "light": 0.5, "grey": 0.6, "occlude": 0.7}
    found = build(AugmentConfig, {"flip": 0, **former}, "x")
    assert found == AugmentConfig(
        flip=0,
        rotation=3,
        scale=0.1,
        translation=0.2,
        photometric=0.5,
        grayscale=0.6,
        random_erasing=0.7,
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [("shading", -1), ("shading", float("nan")), ("photometric", float("inf")), ("scale", 2),
     ("translation", -1), ("rotation", float("nan")), ("flip", 1.5), ("bend", 0.2)],
)  # fmt: skip
def test_augmentation_that_makes_no_sense_is_refused(setting: str, value: float) -> None:
    with pytest.raises(AuheatError, match=rf"augment: {setting} = .*expected a number from 0 to"):
        build(AugmentConfig, {setting: float(value)}, "augment")
