from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from auheat import geometry
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.facs import PointLayout
from auheat.geometry import Points
from auheat.heatmap import codec_of
from auheat.inference.predictor import Predictor
from auheat.models.heatmap_model import Heatmaps
from auheat.models.runtimes.runtime import BATCH_SIZE
from auheat.results import Face, FacePrediction, checked_image
from stand_ins import (
    SMALL,
    MapsFrom,
    checkpoint_of,
    face_from,
    predictor_of,
    small_predictor,
    texture,
)

FRAME = texture(0, 270, 480)
LAYOUT = PointLayout.of(SMALL.aus)  # AU04 one point, AU09 three, AU12 two
CODEC = codec_of(SMALL)


def predictor_with(draw: object, faces: list[Face] | None = None, **options: object) -> Predictor:
    net = MapsFrom(draw)  # type: ignore[arg-type]
    return predictor_of(net, [faces or []], **options)


def placed(
    face: Points, turn: float = 0.0, scale: float = 1.0, at: tuple[float, float] = (240, 135)
) -> Face:
    """The schematic face in FRAME, turned and scaled about its middle."""
    middle = face.mean(0)
    moved = geometry.apply(geometry.about(geometry.similarity(scale, turn), middle), face)
    return face_from(moved - middle + at)


def maps_with_peaks(peaks: list[float], count: int) -> Tensor:
    """Maps (count, K, h, w) in intensity units whose peak is at row k, column 7 - k of map k."""
    maps = torch.zeros(count, LAYOUT.count, *CODEC.map_size)
    for k, peak in enumerate(peaks):
        maps[:, k, k, 7 - k] = peak
    return maps


def test_intensities_are_means_over_the_points_of_an_au(face: Points) -> None:
    maps = maps_with_peaks([1.0, 0.5, 1.5, 4.0, 3.0, 3.5], 1) * CODEC.scale
    (found,) = predictor_with(lambda _: Heatmaps(maps, None), [placed(face)]).predict(FRAME)
    assert list(found.intensities) == ["AU04", "AU09", "AU12"]
    assert found.intensities == pytest.approx({"AU04": 1.0, "AU09": 2.0, "AU12": 3.25})


def test_each_point_is_clipped_before_the_mean(face: Points) -> None:
    """A mean of clipped values: 9 counts as 5, -1 as 0."""
    maps = torch.full((1, LAYOUT.count, *CODEC.map_size), -1.0)
    maps[0, :, 3, 3] = torch.tensor([9.0, -1.0, 9.0, 2.0, 5.0, 5.0])
    predictor = predictor_with(lambda _: Heatmaps(maps * CODEC.scale, None), [placed(face)])
    (found,) = predictor.predict(FRAME)
    assert found.intensities == pytest.approx({"AU04": 5.0, "AU09": 7 / 3, "AU12": 5.0})


def test_the_highest_intensity_passes(face: Points) -> None:
    """Three thirds of 5 may round to a little more than 5."""
    maps = torch.full((1, LAYOUT.count, *CODEC.map_size), 6.0)
    predictor = predictor_with(lambda _: Heatmaps(maps * CODEC.scale, None), [placed(face)])
    (found,) = predictor.predict(FRAME)
    assert max(found.intensities.values()) <= 5.0
    assert min(found.intensities.values()) > 4.9999


def test_heatmaps_are_in_intensity_units_and_joined_per_au(face: Points) -> None:
    maps = maps_with_peaks([1.0, 0.5, 1.5, 4.0, 7.0, 3.5], 1)
    scaled = Heatmaps(maps * CODEC.scale, None)
    (found,) = predictor_with(lambda _: scaled, [placed(face)]).predict(FRAME)
    expected = {"AU04": maps[0, 0], "AU09": maps[0, 1:4].amax(0), "AU12": maps[0, 4:].amax(0)}
    for au, heatmap in found.heatmaps.items():
        assert heatmap.dtype == np.float32
        np.testing.assert_allclose(heatmap, expected[au], rtol=1e-6)
    assert found.heatmaps["AU12"].max() == pytest.approx(7.0)  # before clipping


def test_heatmap_to_frame_in_numbers(face: Points) -> None:
    """A 64 pixel crop and 8x8 maps: map pixel (i, j) covers crop pixels 8i to 8i + 7."""
    assert CODEC.map_size == (8, 8)
    known = placed(face, turn=20, scale=0.7)
    predictor = predictor_with(lambda _: Heatmaps(maps_with_peaks([], 1), None), [known])
    (found,) = predictor.predict(FRAME)
    to_frame = geometry.invert(CropSpec(64).transform(known.landmarks))
    np.testing.assert_allclose(
        geometry.apply(found.heatmap_to_frame, np.array([[0, 0], [7, 3], [-0.5, -0.5]])),
        geometry.apply(to_frame, [[3.5, 3.5], [59.5, 27.5], [-0.5, -0.5]]),
        atol=1e-9,
    )


def test_a_known_point_comes_back_in_frame_pixels(face: Points) -> None:
    """Encoded at points of the frame, the peaks of the maps lie within half a map pixel of them.

    The mean error must vanish, which half a pixel of a wrong convention would not.
    """
    random, errors = np.random.default_rng(0), []
    for step in range(100):
        known = placed(face, turn=7.0 * step, scale=0.5 + 0.01 * step, at=(200 + step, 130))
        transform = CropSpec(64).transform(known.landmarks)
        spot = geometry.apply(geometry.invert(transform), random.uniform(0, 63, 2))
        in_crop = torch.from_numpy(geometry.apply(transform, spot)).float()
        maps = CODEC.encode(in_crop.repeat(LAYOUT.count, 1), torch.full((LAYOUT.count,), 3.0))[None]
        (found,) = predictor_with(lambda _, maps=maps: Heatmaps(maps, None), [known]).predict(FRAME)
        row, column = np.unravel_index(found.heatmaps["AU12"].argmax(), CODEC.map_size)
        back = geometry.apply(found.heatmap_to_frame, [column, row])
        errors.append((back - spot) * geometry.scale_of(transform) / 8)
        assert np.hypot(*errors[-1]) <= np.hypot(0.5, 0.5) + 1e-6
        assert found.intensities == pytest.approx(dict.fromkeys(SMALL.aus, 3.0), rel=1e-5)
    turned = np.array(errors) @ [1, 1j] * np.exp(-1j * np.radians(7.0 * np.arange(100)))
    assert abs(turned.mean()) < 0.1


def test_the_network_sees_rgb_from_0_to_255_in_place(face: Points) -> None:
    """The crop of a frame whose colour is its position."""
    y, x = np.mgrid[:270, :480]
    frame = np.stack([x / 2, y / 2, np.full_like(x, 200)], -1).astype(np.uint8)
    known = placed(face, turn=30, scale=0.6)
    predictor = predictor_with(
        lambda crops: Heatmaps(maps_with_peaks([], len(crops)), None), [known]
    )
    predictor.predict(frame)
    (crops,) = predictor.runtime.net.seen  # type: ignore[attr-defined]
    assert crops.shape == (1, 3, 64, 64)
    assert crops.dtype == torch.float32
    to_frame = geometry.invert(CropSpec(64).transform(known.landmarks))
    for column, row in ((20, 30), (45, 12), (32, 50)):
        x, y = geometry.apply(to_frame, [column, row])
        expected = torch.tensor([x / 2, y / 2, 200.0])
        torch.testing.assert_close(crops[0, :, row, column], expected.float(), atol=1.5, rtol=0)


def test_confidence_without_location_maps_is_the_faces(face: Points) -> None:
    known = replace(placed(face), score=0.8)
    (found,) = predictor_with(lambda _: Heatmaps(maps_with_peaks([], 1), None), [known]).predict(
        FRAME
    )
    assert found.confidence == 0.8


def test_confidence_with_location_maps(face: Points) -> None:
    """The face's 0.5, times the mean of peaks clipped to 0 to 1."""
    location = maps_with_peaks([1.3, 0.9, 0.6, 0.5, 0.2, 0.0], 1)
    location[0, 5] = -0.4
    maps = Heatmaps(maps_with_peaks([], 1), location)
    known = replace(placed(face), score=0.5)
    (found,) = predictor_with(lambda _: maps, [known]).predict(FRAME)
    assert found.confidence == pytest.approx(0.5 * (1 + 0.9 + 0.6 + 0.5 + 0.2 + 0) / 6)


def test_more_faces_than_a_batch_keep_their_order(face: Points) -> None:
    many = [placed(face, scale=0.3, at=(60 + 17 * i, 135)) for i in range(BATCH_SIZE + 3)]
    many = [replace(known, face_id=i) for i, known in enumerate(many)]
    first = 0

    def draw(crops: Tensor) -> Heatmaps:
        nonlocal first
        maps = torch.zeros(len(crops), LAYOUT.count, *CODEC.map_size)
        maps += (torch.arange(first, first + len(crops)) * 0.1 * CODEC.scale).view(-1, 1, 1, 1)
        first += len(crops)
        return Heatmaps(maps, None)

    predictor = predictor_with(draw)
    found = predictor.predict_faces(FRAME, many)
    assert [len(crops) for crops in predictor.runtime.net.seen] == [BATCH_SIZE, 3]  # type: ignore[attr-defined]
    assert [prediction.face_id for prediction in found] == list(range(BATCH_SIZE + 3))
    assert [p.intensities["AU04"] for p in found] == pytest.approx([0.1 * i for i in range(19)])
    np.testing.assert_array_equal(found[18].landmarks, many[18].landmarks)


def test_no_face_is_a_result() -> None:
    predictor = predictor_with(lambda _: pytest.fail("nothing to compute"))
    assert predictor.predict(FRAME).faces == ()
    assert predictor.predict_faces(FRAME, []) == []


def test_a_subset_of_aus_keeps_the_networks_order_and_values(face: Points) -> None:
    faces = [placed(face)]
    whole = small_predictor([faces])
    some = small_predictor([faces], aus=["AU12", "AU04"])
    assert some.aus == ("AU04", "AU12")
    (all_aus,), (chosen,) = whole.predict(FRAME), some.predict(FRAME)
    assert chosen.intensities == {au: all_aus.intensities[au] for au in some.aus}
    np.testing.assert_array_equal(chosen.heatmaps["AU12"], all_aus.heatmaps["AU12"])
    assert chosen.confidence == all_aus.confidence


def test_the_same_image_gives_the_same_numbers(face: Points) -> None:
    predictor = small_predictor([[placed(face)]])
    first, again = predictor.predict(FRAME).faces[0], predictor.predict(FRAME).faces[0]
    assert first.intensities == again.intensities
    assert 0 < min(first.intensities.values()) < max(first.intensities.values()) <= 5
    together = predictor.predict_faces(FRAME, [placed(face)] * 3)
    for prediction in together:
        assert prediction.intensities == pytest.approx(first.intensities, abs=1e-4)


def test_nothing_is_kept_for_gradients(face: Points) -> None:
    predictor = small_predictor([[placed(face)]])
    net = predictor.runtime.net.train()  # type: ignore[attr-defined]
    fresh = Predictor(checkpoint_of(net), predictor.detector, device="cpu")
    assert not fresh.runtime.net.training  # type: ignore[attr-defined]
    (found,) = fresh.predict(FRAME)
    assert isinstance(found, FacePrediction)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_path_is_read(tmp_path: Path, face: Points, as_text: bool) -> None:
    Pillow.fromarray(FRAME).save(tmp_path / "a.png")
    predictor = small_predictor([[placed(face)]])
    path = tmp_path / "a.png"
    (found,) = predictor.predict(str(path) if as_text else path)
    assert found.intensities == predictor.predict(FRAME).faces[0].intensities


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((3, 9, 9), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
        np.zeros((1, 9, 9, 3), np.uint8),
    ],
)
def test_wrong_arrays_are_refused(wrong: NDArray[np.generic]) -> None:
    with pytest.raises(AuheatError, match=r"\(H, W, 3\)") as caught:
        checked_image(wrong)
    assert str(wrong.shape) in str(caught.value)
    predictor = predictor_with(lambda _: pytest.fail("nothing to compute"))
    with pytest.raises(AuheatError):
        predictor.predict(wrong)
    with pytest.raises(AuheatError):
        predictor.predict_faces(wrong, [])


def test_poses_are_estimated_for_who_asks(face: Points, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def estimate(landmarks: Points, image_size: tuple[int, int]) -> None:
        asked.append(image_size)

    monkeypatch.setattr("auheat.results.head_pose", estimate)
    maps = Heatmaps(maps_with_peaks([], 1), None)
    (found,) = predictor_with(lambda _: maps).predict_faces(FRAME, [placed(face)])
    assert not asked
    assert found.pose is None and asked == [(270, 480)]


@pytest.mark.parametrize(
    ("landmarks", "words"),
    [
        (np.full((68, 2), np.nan), "face 2 has landmarks that are no numbers, or beyond any image"),
        (np.full((68, 2), 1e300), "face 2 lies outside the image of 480x270 pixels"),
        (np.eye(68, 2) * 1e300, "face 2 has landmarks that are no numbers, or beyond any image"),
        (np.zeros((68, 2)), "face 2 has its eyes and nose in one place"),
        (None, "face 2 lies outside the image of 480x270 pixels"),
    ],
)
def test_faces_that_cannot_be_seen_are_refused(
    face: Points, landmarks: Points | None, words: str
) -> None:
    """Their crop had no transform (ValueError), or was the image's border read as a face."""
    where = face + 1000.0 if landmarks is None else landmarks
    known = Face(np.array([0.0, 0.0, 9.0, 9.0]), where, score=1.0)
    predictor = small_predictor([[]])
    with pytest.raises(AuheatError, match=f"^{words}"):
        predictor.predict_faces(FRAME, [face_from(face), known])


def test_a_face_that_is_partly_outside_is_read(face: Points) -> None:
    middle = face.mean(0)
    (found,) = small_predictor([[]]).predict_faces(FRAME, [face_from(face - middle)])
    assert found.image_size == (270, 480)


def test_a_detector_that_gives_no_numbers_is_one_line() -> None:
    wild = Face(np.zeros(4), np.full((68, 2), np.nan), score=1.0)
    predictor = small_predictor([[wild]])
    for read in (lambda: predictor.predict(FRAME), lambda: list(predictor.predict_video([FRAME]))):
        with pytest.raises(AuheatError, match=r"^face 1 has landmarks that are no numbers"):
            read()
