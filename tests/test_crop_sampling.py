"""The pixels of a crop: exact, smooth, and defined beyond the frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.faces.crop import CropSpec
from auheat.geometry import Points
from template_face import face_at

Extract = Callable[[CropSpec, Image, geometry.Transform], Image]


def wave(x: Points, y: Points, length: float) -> Points:
    """A smooth scene, known at every place: 128 +- 100 with three wave directions."""
    turns = (x + 0.3 * y, 0.7 * y - 0.2 * x, 0.5 * (x + y))
    shades = [np.sin(2 * np.pi * turn / length + i) for i, turn in enumerate(turns)]
    return np.asarray(128 + 100 * np.stack(shades, -1))


def wave_frame(height: int, width: int, length: float) -> Image:
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return np.round(wave(x, y, length)).astype(np.uint8)


def wave_crop(spec: CropSpec, transform: geometry.Transform, length: float) -> Points:
    """The crop as it should be: the scene where each crop pixel's centre comes from."""
    y, x = np.mgrid[: spec.side, : spec.side].astype(np.float64)
    at = geometry.apply(geometry.invert(transform), np.stack([x, y], -1))
    return wave(at[..., 0], at[..., 1], length)


def chequers(side: int, cell: int = 1) -> Image:
    y, x = np.mgrid[:side, :side] // cell
    return np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, 2)


def test_an_unmoved_crop_is_the_frame() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(CropSpec(40).extract(frame, np.eye(2, 3)), frame)
    shifted = CropSpec(20).extract(frame, geometry.similarity(shift=(-7, -11)))
    np.testing.assert_array_equal(shifted, frame[11:31, 7:27])


@pytest.mark.parametrize("shrink", [0.6, 1.0, 1.02, 1.5, 1.99, 2.0, 2.7, 5.3, 9.0])
@pytest.mark.parametrize("degrees", [0.0, 33.0])
@pytest.mark.parametrize("extract", [CropSpec.extract, CropSpec.extract_fast])
def test_sampling_is_exact_to_a_fraction_of_a_pixel(
    shrink: float, degrees: float, extract: Extract
) -> None:
    """Half a pixel of shift would be 8 grey levels on this scene."""
    spec, length = CropSpec(48), 40 * shrink
    side = int(48 * shrink * 1.6) + 40
    centre = np.array([side / 2 - 0.3, side / 2 + 0.2])
    turn = geometry.similarity(1 / shrink, degrees)
    transform = turn.copy()
    transform[:, 2] = np.array([23.5, 23.5]) - turn[:, :2] @ centre
    found = extract(spec, wave_frame(side, side, length), transform).astype(float)
    difference = found - wave_crop(spec, transform, length)
    assert np.abs(difference).max() < 2.5
    assert np.abs(difference.mean((0, 1))).max() < 0.5  # three roundings to grey levels


@pytest.mark.parametrize("shrink", [1.3, 1.5, 1.9, 2.0, 2.5, 3.9, 8.7, 16.0, 31.0])
@pytest.mark.parametrize("degrees", [0.0, 7.0])
def test_fine_texture_of_a_large_face_becomes_grey(shrink: float, degrees: float) -> None:
    """Chequers of one frame pixel, and the coarsest whose period still fits in a crop pixel."""
    for cell in (1, max(1, int(shrink / 2))):
        frame = chequers(int(64 * shrink * 1.2) + 20, cell)
        transform = geometry.similarity(1 / shrink, degrees, shift=(3.3, -2.1))
        inner = CropSpec(64).extract(frame, transform)[16:48, 16:48].astype(float)
        assert inner.std() < 15, cell
        assert abs(inner.mean() - 127.5) < 4, cell


@pytest.mark.parametrize("shrink", [0.8, 3.4])
def test_padding_shows_more_of_the_same(shrink: float) -> None:
    landmarks = face_at(geometry.similarity(64 * shrink, 12, shift=(90, 60)))
    frame = wave_frame(500, 500, 30 * shrink)
    plain, padded = CropSpec(64), CropSpec(64, pad=11)
    offset = padded.transform(landmarks) - plain.transform(landmarks)
    np.testing.assert_allclose(offset, [[0, 0, 11], [0, 0, 11]], atol=1e-9)
    wide = padded.extract(frame, padded.transform(landmarks))
    assert padded.side == wide.shape[0] == 86
    inner = wide[11:-11, 11:-11].astype(int)
    narrow = plain.extract(frame, plain.transform(landmarks)).astype(int)
    assert np.abs(inner - narrow).max() <= 1


@pytest.mark.parametrize("scale", [0.25, 0.7, 1.0, 2.0])
def test_outside_the_frame_the_border_continues(scale: float) -> None:
    """The frame fills the middle of the crop; each side beyond it repeats the nearest pixel."""
    frame = np.zeros((40, 40, 3), np.uint8)
    frame[:, :, 0] = np.linspace(10, 250, 40).astype(np.uint8)
    frame[:, :, 1] = np.linspace(250, 10, 40).astype(np.uint8)[:, None]
    side = round(80 * scale)
    shift = 20 * scale + (scale - 1) / 2  # frame pixel 0's outer edge lies at crop pixel 20 * scale
    crop = CropSpec(side).extract(frame, geometry.similarity(scale, shift=(shift, shift)))
    edge = round(20 * scale)
    assert np.abs(crop[:, : edge - 1, 0].astype(int) - 10).max() <= 1
    assert np.abs(crop[:, -edge + 1 :, 0].astype(int) - 250).max() <= 1
    assert np.abs(crop[: edge - 1, :, 1].astype(int) - 250).max() <= 1
    assert np.abs(crop[-edge + 1 :, :, 1].astype(int) - 10).max() <= 1
    middle = crop[side // 2 - 1 : side // 2 + 1, side // 2 - 1 : side // 2 + 1]
    np.testing.assert_allclose(middle.mean((0, 1)), [130, 130, 0], atol=4)


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("shift", [(-900.0, 20.0), (900.0, 900.0)])
@pytest.mark.parametrize("extract", [CropSpec.extract, CropSpec.extract_fast])
def test_a_face_outside_the_frame_gives_its_border(
    scale: float, shift: tuple[float, float], extract: Extract
) -> None:
    frame = np.full((30, 50, 3), (9, 80, 200), np.uint8)
    crop = extract(CropSpec(32), frame, geometry.similarity(scale, shift=shift))
    assert (crop == (9, 80, 200)).all()


@pytest.mark.parametrize("extract", [CropSpec.extract, CropSpec.extract_fast])
def test_a_tiny_scale_stays_within_bounds(extract: Extract) -> None:
    """A landmarker gone wild must not ask for gigabytes."""
    frame = np.full((50, 50, 3), 70, np.uint8)
    crop = extract(CropSpec(128), frame, geometry.similarity(1e-7, shift=(64, 64)))
    assert (crop == 70).all()


@pytest.mark.parametrize("extract", [CropSpec.extract, CropSpec.extract_fast])
@pytest.mark.parametrize("scale", [1.0, 0.15])
def test_a_face_in_a_frame_too_long_for_opencv(scale: float, extract: Extract) -> None:
    """OpenCV's warps end at 32,767 pixels: the same scene in a short frame gives the same crop."""
    frame = np.zeros((60, 33000, 3), np.uint8)
    frame[:, -396:] = wave_frame(60, 396, 50)
    near = geometry.compose(geometry.similarity(scale), geometry.similarity(shift=(-180, -5)))
    far = geometry.compose(near, geometry.similarity(shift=(-32604, 0)))
    spec = CropSpec(24)
    np.testing.assert_array_equal(extract(spec, frame, far), extract(spec, frame[:, 32604:], near))


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 35.0), (0.7, -110.0), (2.3, 180.0)])
def test_a_turned_and_scaled_frame_gives_the_same_crop(scale: float, degrees: float) -> None:
    """The same scene filmed twice; large enough that both are averaged down."""
    spec, length = CropSpec(64), 120.0
    landmarks = face_at(geometry.similarity(150, 5, shift=(220, 200)))
    motion = geometry.about(geometry.similarity(scale, degrees), (300, 300))
    back = geometry.invert(motion)
    height, width = 1000, 1000
    y, x = np.mgrid[:height, :width].astype(np.float64) - 200.0
    source = geometry.apply(back, np.stack([x, y], -1))
    second = np.round(wave(source[..., 0], source[..., 1], length)).astype(np.uint8)
    moved = geometry.apply(motion, landmarks) + 200.0
    expected = spec.extract(wave_frame(600, 600, length), spec.transform(landmarks)).astype(int)
    found = spec.extract(second, spec.transform(moved)).astype(int)
    assert np.abs(found - expected).max() <= 3
    assert np.abs(found - expected).mean() < 0.7


def test_views_of_frames_are_read_correctly() -> None:
    """A frame may come as a BGR view turned to RGB, or as a slice of a larger one."""
    frame = np.random.default_rng(1).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    spec = CropSpec(24)
    for scale in (1.1, 0.4):
        transform = geometry.similarity(scale, 10, shift=(2, 1))
        for view in (frame[..., ::-1], frame[::2, 5:], np.asfortranarray(frame)):
            expected = spec.extract(np.ascontiguousarray(view), transform)
            np.testing.assert_array_equal(spec.extract(view, transform), expected)
    untouched = frame.copy()
    spec.extract(frame, np.eye(2, 3))
    np.testing.assert_array_equal(frame, untouched)


def in_thirty_seconds(image: Image, transform: geometry.Transform, side: int) -> Image:
    """Bilinear samples in whole numbers: places to a 32nd of a pixel, levels rounded half up.

    Places are sums of a column's and a row's part, each rounded to 1/1024 of a pixel.
    """
    inverse = geometry.invert(transform)
    column = np.rint(1024 * inverse[:, :1] * np.arange(side)).astype(int)
    row = np.rint(1024 * (inverse[:, 1:2] * np.arange(side) + inverse[:, 2:])).astype(int)
    x, y = ((column[i] + row[i][:, np.newaxis] + 16) // 32 for i in range(2))
    right, below = (x % 32)[..., np.newaxis], (y % 32)[..., np.newaxis]

    def at(down: int, across: int) -> NDArray[np.int_]:
        rows = np.clip(y // 32 + down, 0, image.shape[0] - 1)
        columns = np.clip(x // 32 + across, 0, image.shape[1] - 1)
        values: NDArray[np.int_] = np.asarray(image[rows, columns], int)
        return values

    above = at(0, 0) * (32 - right) + at(0, 1) * right
    under = at(1, 0) * (32 - right) + at(1, 1) * right
    crop: NDArray[np.uint8] = np.asarray(
        (above * (32 - below) + under * below + 512) >> 10, np.uint8
    )
    return crop


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 3.0), (1.37, -20.0), (2.6, 160.0)])
def test_pixels_do_not_depend_on_the_version_of_opencv(scale: float, degrees: float) -> None:
    """`cv2.warpAffine` of OpenCV 5 differs from that of 4 here by up to 6 levels."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    transform = geometry.similarity(scale, degrees, shift=(13.2, 40.7))
    expected = in_thirty_seconds(noise, transform, 128)
    np.testing.assert_array_equal(CropSpec(128).extract(noise, transform), expected)
    np.testing.assert_array_equal(CropSpec(128).extract_fast(noise, transform), expected)
