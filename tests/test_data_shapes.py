"""Shapes of a dataset's faces: found once, kept, and given to training as the image is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from auheat import face_shape
from auheat.config import ModelConfig
from auheat.data import shapes as module
from auheat.data.dataset import CropDataset
from auheat.data.manifest import Manifest
from auheat.data.shapes import FILE, find_shapes
from auheat.data.transforms import NONE, AugmentConfig
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.faces.crop import CropSpec
from auheat.files import atomic_write
from auheat.models.runtimes.runtime import HeatmapArrays

SPEC = CropSpec(32, 8)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Four images, the n-th of brightness n."""
    rng = np.random.default_rng(0)
    for n in range(4):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((SPEC.side, SPEC.side, 3), n, np.uint8))
    rows: dict[str, object] = {
        "image": [f"{n}.png" for n in range(4)],
        "subject": "S",
        "split": "train",
        "sequence": "",
        "frame": 0,
        "landmarks": list(rng.uniform(8, 40, (4, 136)).astype(np.float32)),
        "AU12": np.arange(4, dtype=np.float32),
    }
    return Manifest(pd.DataFrame(rows), tmp_path, SPEC, {})


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The brightness of the images that a stand-in for the mesh saw, which is what it finds."""
    seen: list[int] = []

    def found(_: object, image: NDArray[np.uint8], landmarks: object) -> NDArray[np.float32]:
        seen.append(int(image[0, 0, 0]))
        return np.full(face_shape.SIZE, seen[-1], np.float32)

    monkeypatch.setattr(module, "FaceMesh", lambda: None)
    monkeypatch.setattr(module, "shape_in_crop", found)
    return seen


def part(manifest: Manifest, rows: list[int], spec: CropSpec = SPEC) -> Manifest:
    return Manifest(manifest.table.iloc[rows].reset_index(drop=True), manifest.folder, spec, {})


def test_each_face_is_looked_for_once(manifest: Manifest, looked_at: list[int]) -> None:
    assert find_shapes(part(manifest, [2, 0]))[:, 0].tolist() == [2, 0]
    assert find_shapes(manifest)[:, 0].tolist() == [0, 1, 2, 3]
    assert find_shapes(part(manifest, [3, 1]))[:, 5].tolist() == [3, 1]
    assert looked_at == [2, 0, 1, 3]


def test_other_points_look_for_all_anew(
    manifest: Manifest, looked_at: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    find_shapes(manifest)
    monkeypatch.setattr(module, "_key", lambda: "other points")
    find_shapes(manifest)
    (manifest.folder / FILE).write_bytes(b"no archive")
    find_shapes(manifest)
    assert looked_at == [0, 1, 2, 3] * 3


def test_another_mesh_looks_for_all_anew(
    manifest: Manifest, looked_at: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    find_shapes(manifest)
    monkeypatch.setattr(module, "sha256", lambda path: "0" * 64)
    find_shapes(manifest)
    assert looked_at == [0, 1, 2, 3] * 2


def test_shapes_that_are_no_numbers_are_looked_for_anew(
    manifest: Manifest, looked_at: list[int]
) -> None:
    find_shapes(manifest)
    with np.load(manifest.folder / FILE) as stored:
        content = dict(stored)
    content["shapes"][1, 5] = np.nan
    np.savez(manifest.folder / FILE, **content)
    assert np.isfinite(find_shapes(manifest)).all()
    assert looked_at == [0, 1, 2, 3] * 2


def test_shapes_are_found_where_nothing_may_be_written(
    manifest: Manifest, looked_at: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user of the tests may write everywhere, so the answer is stood in for."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert find_shapes(manifest)[:, 0].tolist() == [0, 1, 2, 3]
    assert not (manifest.folder / FILE).exists()


def test_two_processes_find_shapes_at_once(manifest: Manifest, looked_at: list[int]) -> None:
    """The second one ended with "another run is writing it", its work lost."""
    with atomic_write(manifest.folder / FILE) as of_the_first:
        of_the_first.write_bytes(b"half")
        assert find_shapes(manifest)[:, 0].tolist() == [0, 1, 2, 3]
        of_the_first.write_bytes(b"whole")
    assert (manifest.folder / FILE).read_bytes() == b"whole"


def test_narrow_crops_have_no_shapes(manifest: Manifest, looked_at: list[int]) -> None:
    narrow = part(manifest, [0, 1], CropSpec(46, 1))
    found = find_shapes(narrow)
    assert found.shape == (2, face_shape.SIZE) and not found.any()
    assert not looked_at and not (manifest.folder / FILE).exists()


def test_an_image_that_is_gone_is_named(manifest: Manifest, looked_at: list[int]) -> None:
    (manifest.folder / "2.png").unlink()
    with pytest.raises(AuheatError, match=r"cannot read the image .*2\.png that the manifest"):
        find_shapes(manifest)


def test_shapes_go_with_their_images(manifest: Manifest) -> None:
    """They are mirrored where the image is, and left out as often as asked for."""
    rng = np.random.default_rng(1)
    shapes = rng.normal(size=(4, face_shape.SIZE)).astype(np.float32)
    shapes[:, -1] = 1
    plain = CropDataset(manifest, ("AU12",), 32, shapes=shapes)
    np.testing.assert_array_equal(plain[2]["geometry"].numpy(), shapes[2])
    flipped = CropDataset(
        manifest, ("AU12",), 32, AugmentConfig(**{**vars(NONE), "flip": 1.0}), shapes=shapes
    )
    np.testing.assert_array_equal(flipped[3]["geometry"].numpy(), face_shape.mirror(shapes[3]))
    dropped = CropDataset(manifest, ("AU12",), 32, NONE, 0, None, shapes, 0.25)
    kept = [float(dropped[visit, 1]["geometry"][-1]) for visit in range(400)]
    assert 0.68 < np.mean(kept) < 0.82
    assert not dropped[kept.index(0.0), 1]["geometry"].any()
    assert "geometry" not in CropDataset(manifest, ("AU12",), 32)[0]


def test_images_are_veiled_where_a_shape_is_known_only(manifest: Manifest) -> None:
    rng = np.random.default_rng(2)
    for name in ("0.png", "1.png"):
        noise = rng.integers(0, 256, (manifest.crop.side, manifest.crop.side, 3), np.uint8)
        cv2.imwrite(str(manifest.folder / name), noise)
    shapes = np.ones((4, face_shape.SIZE), np.float32)
    shapes[1] = 0
    dataset = CropDataset(manifest, ("AU12",), 32, shapes=shapes, image_dropout=0.25)
    plain = CropDataset(manifest, ("AU12",), 32)

    def contrasts(row: int) -> NDArray[np.float64]:
        return np.array([float(dataset[v, row]["image"].float().std()) for v in range(200)])

    detail = float(plain[0]["image"].float().std())
    veiled = contrasts(0) < 0.6 * detail
    assert 0.15 < veiled.mean() < 0.35
    assert (contrasts(0)[~veiled] == detail).all()
    assert (contrasts(1) == float(plain[1]["image"].float().std())).all()
    assert dataset[int(veiled.argmax()), 0]["geometry"].all()


class Recorder:
    """A runtime that reads nothing and keeps the shapes that it is given."""

    def __init__(self, geometry: Any) -> None:
        self.config = ModelConfig(
            aus=("AU12",), input_size=32, deconv_widths=(8,), scc=False, geometry=geometry
        )
        self.given: list[Any] = []

    def heatmaps(self, crops: Any, geometry: Any = None) -> HeatmapArrays:
        self.given += [None] * len(crops) if geometry is None else list(geometry[:, 0])
        return HeatmapArrays(np.zeros((len(crops), 2, 2, 2), np.float32), None)


def test_evaluation_gives_shapes_to_networks_that_take_them(
    manifest: Manifest, looked_at: list[int]
) -> None:
    taker, other = Recorder("channels"), Recorder("none")
    assert predict_part(taker, part(manifest, [1, 3])).shape == (2, 1)  # type: ignore[arg-type]
    assert taker.given == [1, 3] and looked_at == [1, 3]
    predict_part(other, manifest)  # type: ignore[arg-type]
    assert other.given == [None] * 4 and looked_at == [1, 3]
