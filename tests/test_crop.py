"""Where a crop lies: by the eyes and the nose base alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat import geometry
from auheat.arrays import Image
from auheat.faces.crop import CropSpec, anchors
from auheat.geometry import Points
from template_face import LEFT_EYE, NOSE_BASE, RIGHT_EYE, face_at


def spot_centres(image: Image) -> Points:
    """Centre of mass (x, y) of each channel."""
    weight = image.astype(np.float64)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    total = weight.sum((0, 1))
    return np.stack(
        [(weight * x[..., None]).sum((0, 1)) / total, (weight * y[..., None]).sum((0, 1)) / total],
        1,
    )


@pytest.mark.parametrize("pad", [0, 9])
@pytest.mark.parametrize(("scale", "degrees"), [(90.0, 0.0), (300.0, 25.0), (900.0, -140.0)])
def test_a_face_lands_on_the_template(scale: float, degrees: float, pad: int) -> None:
    """Three spots are drawn on the face, one per channel; in the crop they sit on the template."""
    spec = CropSpec(96, pad)
    transform = geometry.about(geometry.similarity(scale, degrees, shift=(700, 650)), (0.5, 0.45))
    landmarks = face_at(transform)
    y, x = np.mgrid[:1300, :1400]
    frame = np.zeros((1300, 1400, 3), np.uint8)
    for channel, (px, py) in enumerate(anchors(landmarks)):
        squared = (x - px) ** 2 + (y - py) ** 2
        frame[..., channel] = np.round(255 * np.exp(-squared / (2 * (0.03 * scale) ** 2)))
    crop = spec.extract(frame, spec.transform(landmarks))
    assert crop.shape == (spec.side, spec.side, 3)
    assert crop.dtype == np.uint8
    expected = np.array([RIGHT_EYE, LEFT_EYE, NOSE_BASE]) * 96 - 0.5 + pad
    np.testing.assert_allclose(spot_centres(crop), expected, atol=0.05)


def test_convention_a_crop_spans_pixel_edges() -> None:
    """The template's side is the span from -0.5 to size - 0.5: sizes differ in scale alone."""
    landmarks = face_at(geometry.similarity(200, 10, shift=(300, 200)))
    small, large = CropSpec(64).transform(landmarks), CropSpec(192).transform(landmarks)
    points = np.array([[320.0, 260.0], [400.0, 310.0]])
    in_small, in_large = geometry.apply(small, points), geometry.apply(large, points)
    np.testing.assert_allclose((in_small + 0.5) / 64, (in_large + 0.5) / 192, atol=1e-12)


def test_anchors_are_eye_centres_and_nose_base(face: Points) -> None:
    assert anchors(face).tolist() == [[55, 80], [145, 80], [100, 131]]


def test_blinks_and_jaw_drop_do_not_move_the_crop(face: Points) -> None:
    other = face.copy()
    lids = [37, 38, 40, 41, 43, 44, 46, 47]
    other[lids, 1] += 7
    other[48:68, 1] += 25
    other[3:14, 1] += 30
    spec = CropSpec(128)
    np.testing.assert_array_equal(spec.transform(other), spec.transform(face))


@given(
    seed=st.integers(0, 1000),
    scale=st.floats(0.05, 50),
    degrees=st.floats(-180, 180),
    size=st.integers(16, 512),
    pad=st.integers(0, 40),
)
def test_transform_is_invertible_and_turns_with_the_face(
    face: Points, seed: int, scale: float, degrees: float, size: int, pad: int
) -> None:
    spec = CropSpec(size, pad)
    landmarks = face + np.random.default_rng(seed).normal(0, 3, face.shape)
    transform = spec.transform(landmarks)
    in_crop = geometry.apply(transform, landmarks)
    back = geometry.apply(geometry.invert(transform), in_crop)
    np.testing.assert_allclose(back, landmarks, atol=1e-9)
    np.testing.assert_allclose(  # a similarity: equal scale and a right angle, no reflection
        transform[:, :2] @ transform[:, :2].T,
        np.eye(2) * np.linalg.det(transform[:, :2]),
        atol=1e-9,
    )
    motion = geometry.similarity(scale, degrees, shift=(37.0, -90.0))
    moved = geometry.apply(motion, landmarks)
    np.testing.assert_allclose(geometry.apply(spec.transform(moved), moved), in_crop, atol=1e-7)


def test_eyes_and_nose_in_one_place_are_refused(face: Points) -> None:
    with pytest.raises(ValueError, match="coinciding points"):
        CropSpec().transform(np.zeros((68, 2)))
    lost = face.copy()
    lost[33] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        CropSpec().transform(lost)
