"""Weights that take in the shape of the mesh: every way to read a face gives it to the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.arrays import Image
from auheat.face_shape import SIZE, shape_of
from auheat.faces import face_mesh
from auheat.faces.detector import default_detector
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.predictor import Predictor
from auheat.media.frames import VideoFile
from auheat.models.checkpoint import Checkpoint
from auheat.models.runtimes.torch_runtime import TorchRuntime
from lively_nets import WITH_SCC, lively

CLIP = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"
CONFIG = replace(WITH_SCC, geometry="channels")


@pytest.fixture(scope="module")
def frames() -> list[Image]:
    shown = []
    for frame in VideoFile(CLIP):
        shown.append(frame.image)
        if len(shown) == 5:
            return shown
    raise AssertionError("the clip is longer")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    checkpoint = Checkpoint(lively(CONFIG), CONFIG, {})
    return Predictor(TorchRuntime(checkpoint, precision="fp32"), default_detector())


def test_video_batches_and_the_tracker_read_the_same(
    predictor: Predictor, frames: list[Image]
) -> None:
    tracker = predictor.tracker()
    live = [tracker.update(image).faces[0].intensities for image in frames]
    video = [result.faces[0].intensities for result in predictor.predict_video(frames)]
    faces, follow = [], predictor.detector.tracker()
    for image in frames:
        faces += predictor.align(image, follow.update(image))
    together = [face.intensities for face in predictor.predict_aligned(faces)]
    for one, other, third in zip(live, video, together, strict=True):
        assert other == pytest.approx(one, abs=1e-4)
        assert third == pytest.approx(one, abs=1e-4)
    for face in faces:
        np.testing.assert_array_equal(face.shape, shape_of(face.face.mesh))
        assert face.shape[-1] == 1


def test_an_image_is_read_with_its_mesh(predictor: Predictor, frames: list[Image]) -> None:
    (found,) = predictor.predict(frames[0]).faces
    (aligned,) = predictor.align(frames[0], [found.face])
    with_shape = predictor.runtime.heatmaps(aligned.crop[None], aligned.shape[None])
    np.testing.assert_allclose(
        np.max(list(found.heatmaps.values()), (0, 1, 2)), with_shape.intensity.max(), atol=1e-3
    )
    blind = replace(found.face, mesh=None)
    (without,) = predictor.predict_faces(frames[0], [blind])
    apart = [abs(without.intensities[au] - found.intensities[au]) for au in predictor.aus]
    assert max(apart) > 0.05
    (seen,) = predictor.align(frames[0], [blind])
    np.testing.assert_array_equal(seen.shape, np.zeros(SIZE, np.float32))


def test_exact_landmarks_do_not_change_what_is_read(
    predictor: Predictor, frames: list[Image]
) -> None:
    (plain,) = default_detector().detect(frames[0])
    (exact,) = default_detector(attention=True).detect(frames[0])
    one, other = predictor.align(frames[0], [plain, exact])
    np.testing.assert_array_equal(one.shape, other.shape)
    np.testing.assert_array_equal(one.crop, other.crop)


def test_the_mesh_is_found_once_a_frame(
    frames: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the network takes it in or not."""
    counts = []
    for config in (CONFIG, WITH_SCC):
        located: list[NDArray[np.uint8]] = []
        plain = face_mesh.FaceMesh.locate

        def counted(mesh, image, region, plain=plain, located=located):  # type: ignore[no-untyped-def]
            located.append(image)
            return plain(mesh, image, region)

        with monkeypatch.context() as patch:
            patch.setattr(face_mesh.FaceMesh, "locate", counted)
            checkpoint = Checkpoint(lively(config), config, {})
            predictor = FacePredictor(checkpoint, default_detector(), device="cpu")
            tracker = predictor.detector.tracker()
            for image in frames:
                predictor.predict_faces(image, tracker.update(image))
        counts.append(len(located))
    assert counts[0] == counts[1]
    assert counts[0] < 2 * len(frames)
