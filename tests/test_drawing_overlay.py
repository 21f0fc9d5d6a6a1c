from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import geometry
from auheat.drawing.overlay import Overlay
from auheat.drawing.palette import face_colour
from auheat.drawing.panel import (
    REFERENCE_HEIGHT_PX,
    WIDTH_PX,
    Panel,
    colour_scale,
    intensity_colour,
    name_tag,
)
from auheat.facs import ALL_AUS, PAPER_AUS
from auheat.results import Face, FacePrediction, FrameResult
from stand_ins import face_from

GREY = np.full((360, 640, 3), 128, np.uint8)


def prediction(
    aus: tuple[str, ...] = ("AU04",), level: float = 4.0, face_id: int = 0
) -> FacePrediction:
    """A face at (100, 100) to (200, 220) whose maps peak at the frame pixel (150, 120)."""
    landmarks = np.stack([np.linspace(100, 200, 68), np.linspace(100, 220, 68)], 1)
    landmarks[1:-1, 0] = 190  # out of the way of the peak
    maps = {}
    for au in aus:
        maps[au] = np.zeros((32, 32), np.float32)
        maps[au][10:13, 14:17] = level
    to_frame = geometry.compose(
        geometry.similarity(4, shift=(150, 120)), geometry.similarity(shift=(-15, -11))
    )
    levels = dict.fromkeys(aus, level)
    return FacePrediction(
        face_from(landmarks, face_id),
        levels,
        heatmaps=maps,
        heatmap_to_frame=to_frame,
        confidence=0.9,
    )


def result(*faces: FacePrediction) -> FrameResult:
    return FrameResult(1, 0.0, faces=faces)


@pytest.mark.parametrize(
    ("height", "width", "shown"),
    [(360, 640, (360, 640)), (1080, 1920, (1080, 1920)), (361, 641, (360, 640)), (1, 1, (360, 360)),
     (90, 160, (360, 640)), (1920, 1080, (1920, 1080))],
)  # fmt: skip
def test_size_is_even_and_never_too_small_to_read(
    height: int, width: int, shown: tuple[int, int]
) -> None:
    overlay = Overlay(PAPER_AUS, height, width)
    panel = round(WIDTH_PX * min(shown) / REFERENCE_HEIGHT_PX / 2) * 2
    assert overlay.size == (shown[0], shown[1] + panel)
    assert all(side % 2 == 0 for side in overlay.size)
    drawn = overlay.draw(np.full((height, width, 3), 128, np.uint8), result())
    assert drawn.shape == (*overlay.size, 3)
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(
    ("height", "width", "shown"),
    [(4000, 1, (4096, 2)), (4000, 16, (4096, 16)), (20, 40_000, (20, 40_000)),
     (3, 66_000, (4, 66_000)), (20, 1000, (82, 4096))],
)  # fmt: skip
def test_a_thin_image_is_not_enlarged_without_end(
    height: int, width: int, shown: tuple[int, int]
) -> None:
    """Until its shorter side had 360 pixels it took gigabytes."""
    overlay = Overlay(PAPER_AUS, height, width)
    panel = WIDTH_PX if height > width else round(WIDTH_PX * shown[0] / 360 / 2) * 2
    assert overlay.size == (shown[0], shown[1] + panel)
    drawn = overlay.draw(np.full((height, width, 3), 128, np.uint8), result())
    assert drawn.shape == (*overlay.size, 3)
    assert (drawn[:, : shown[1]] == 128).all()


def test_the_image_is_not_changed_where_there_is_no_face() -> None:
    image = np.random.default_rng(0).integers(0, 256, (360, 640, 3)).astype(np.uint8)
    before = image.copy()
    drawn = Overlay(("AU04",), 360, 640).draw(image, result())
    np.testing.assert_array_equal(drawn[:, :640], image)
    Overlay(("AU04",), 360, 640).draw(image, result(prediction()))
    np.testing.assert_array_equal(image, before)


def changed(drawn: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(drawn[:, :640].astype(int) - 128) > 10).any(2))


def test_heat_lies_where_the_map_says() -> None:
    """In the colour of its intensity, three quarters opaque, and nowhere outside the map."""
    drawn = Overlay(("AU04",), 360, 640).draw(GREY, result(prediction(level=4.0)))
    expected = 0.75 * np.array(intensity_colour(4.0)) + 0.25 * 128
    np.testing.assert_allclose(drawn[120, 150], expected, atol=8)
    heat = changed(drawn)[103:140, 110:185]  # within the box, beside its corners and points
    y, x = np.nonzero(heat)
    assert np.abs([y.mean() + 103 - 120, x.mean() + 110 - 150]).max() < 0.6
    assert np.ptp(x) < 4 * 5


def test_faint_heat_does_not_show() -> None:
    drawn = Overlay(("AU04",), 360, 640).draw(GREY, result(prediction(level=0.4)))
    assert not changed(drawn)[110:130, 140:160].any()


def test_heat_beyond_the_border_is_cut_off() -> None:
    face = prediction()
    to_frame = geometry.compose(geometry.similarity(shift=(-150, -120)), face.heatmap_to_frame)
    for shift in ((0, 0), (639, 359), (-5000, 0)):
        moved = geometry.compose(geometry.similarity(shift=shift), to_frame)
        known = FacePrediction(
            face.face,
            face.intensities,
            heatmaps=face.heatmaps,
            heatmap_to_frame=moved,
            confidence=1.0,
        )
        drawn = Overlay(("AU04",), 360, 640).draw(GREY, result(known))
        if shift != (-5000, 0):
            y, x = shift[1], shift[0]
            np.testing.assert_allclose(
                drawn[y, x], 0.75 * np.array(intensity_colour(4.0)) + 32, atol=8
            )


def test_marks_scale_with_a_small_image() -> None:
    """An image enlarged fourfold has its box where the enlarged face is."""
    face = prediction(face_id=1)
    landmarks = (face.landmarks + 0.5) / 4 - 0.5
    heatmaps = {"AU04": np.zeros((2, 2), np.float32)}
    known = face_from(landmarks, 1)
    small = FacePrediction(
        known, {"AU04": 0.0}, heatmaps=heatmaps, heatmap_to_frame=np.eye(2, 3), confidence=1.0
    )
    drawn = Overlay(("AU04",), 90, 160).draw(np.full((90, 160, 3), 128, np.uint8), result(small))
    marks = np.nonzero((drawn[:, :640] == face_colour(1)).all(2))
    assert np.min(marks, 1) == pytest.approx([100, 100], abs=1)
    assert np.max(marks, 1) == pytest.approx([220, 200], abs=1)


def with_point(x: float, y: float) -> NDArray[np.uint8]:
    """The grey image with a single landmark in sight, whose radius is 1.8 pixels."""
    landmarks = np.full((68, 2), -50.0)
    landmarks[30] = x, y
    known = Face(np.array([300.0, -200.0, 400.0, 200.0]), landmarks, score=1.0)
    nothing = {"AU04": np.zeros((2, 2), np.float32)}
    face = FacePrediction(
        known, {"AU04": 0.0}, heatmaps=nothing, heatmap_to_frame=np.eye(2, 3), confidence=1.0
    )
    return Overlay(("AU04",), 360, 640).draw(GREY, result(face))[:, :640]


@pytest.mark.parametrize(("x", "y"), [(150.0, 250.0), (150.5, 250.0), (150.3, 250.7)])
def test_points_are_discs_in_place(x: float, y: float) -> None:
    """Coverage adds up to the disc's area, with its centre of mass at the landmark."""
    light = (with_point(x, y)[240:262, 140:162, 0].astype(float) - 128) / 127
    rows, columns = np.mgrid[240:262, 140:162]
    assert light.sum() == pytest.approx(np.pi * 1.8**2, rel=0.05)
    assert (light * columns).sum() / light.sum() == pytest.approx(x, abs=0.05)
    assert (light * rows).sum() / light.sum() == pytest.approx(y, abs=0.05)


@pytest.mark.parametrize(("x", "y"), [(-1.0, 250.0), (639.0, 359.0), (150.0, 361.0), (0.0, 0.0)])
def test_points_at_the_border_are_cut_off(x: float, y: float) -> None:
    light = np.argwhere(with_point(x, y)[..., 0] > 140)
    assert len(light) > 0
    assert np.abs(light - [y, x]).max() <= 3


def bar(panel: NDArray[np.uint8], level: float) -> int:
    """Length in pixels of the longest run of an intensity's colour."""
    same = (panel == intensity_colour(level)).all(2).sum(1)
    return int(same.max())


def test_bars_are_as_long_as_intensities() -> None:
    """The track is full at 5; names and ticks cover little of the upmost rows of a bar."""
    drawn = {
        level: Panel(("AU04",), 360, 1.0).draw(result(prediction(level=level)))
        for level in (1.0, 2.5, 5.0)
    }
    full = bar(drawn[5.0], 5.0)
    assert full > 120
    assert bar(drawn[2.5], 2.5) == pytest.approx(full / 2, abs=1)
    assert bar(drawn[1.0], 1.0) == pytest.approx(full / 5, abs=1)


@pytest.mark.parametrize("aus", [PAPER_AUS, ALL_AUS], ids=["14", "20"])
def test_several_faces_share_a_table(aus: tuple[str, ...]) -> None:
    faces = [prediction(aus, level, i) for i, level in enumerate((0.5, 2.0, 4.5))]
    drawn = Panel(aus, 360, 1.0).draw(result(*faces))
    middles = []
    for i, level in enumerate((0.5, 2.0, 4.5)):
        y, x = np.nonzero((drawn == intensity_colour(level)).all(2))
        middles.append(x.mean())
        assert (drawn[:34] == face_colour(i)).all(2).any()
        assert len(np.unique(y)) > len(aus) * 10  # a cell in every row
    assert middles == sorted(middles)


def test_many_faces_fit() -> None:
    faces = [prediction(ALL_AUS, 3.0, i) for i in range(30)]
    assert Panel(ALL_AUS, 360, 1.0).draw(result(*faces)).shape == (360, WIDTH_PX, 3)


def test_colours() -> None:
    scale = colour_scale().astype(int)
    assert scale.shape == (256, 3)
    light = scale @ [0.3, 0.59, 0.11]
    assert (np.diff(light) > -1).all()  # ever brighter
    assert intensity_colour(0.0) == tuple(scale[0])
    assert intensity_colour(5.0) == intensity_colour(7.0) == tuple(scale[255])
    assert len({face_colour(i) for i in range(6)}) == 6


def test_several_faces_carry_their_numbers_one_alone_does_not() -> None:
    """At the upper left corner of the box (100, 100), and inside the image at its border."""
    tag = name_tag(7, 1.0)
    assert ((tag == face_colour(7)).all(2).mean() > 0.5) and len(np.unique(tag)) > 4
    overlay = Overlay(("AU04",), 360, 640)
    line = 2  # pixels wide
    alone = overlay.draw_faces(GREY, result(prediction(face_id=7)))
    both = overlay.draw_faces(GREY, result(prediction(face_id=7), prediction(face_id=7)))
    rows = slice(100 - line - tag.shape[0], 100 - line)
    columns = slice(100, 100 + tag.shape[1])
    np.testing.assert_array_equal(both[rows, columns], tag)
    assert (alone[rows, columns] == 128).all()
    near = prediction(face_id=7)
    near.face.box[:] = -30, -30, 60, 60
    cut = overlay.draw_faces(GREY, result(near, near))
    np.testing.assert_array_equal(cut[: tag.shape[0], : tag.shape[1]], tag)
