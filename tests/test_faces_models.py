"""The face models that come with auheat: where they are from, and how near they are to that."""

from __future__ import annotations

import gzip
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.faces.model_files import MODELS, NAMES
from auheat.onnx import open_session

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mediapipe")
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_the_folder_holds_these_models() -> None:
    assert sorted(path.name for path in MODELS.glob("*.onnx*")) == sorted(
        f"{name}.onnx.gz" for name in NAMES
    )
    assert sum(path.stat().st_size for path in MODELS.iterdir()) < 4.5e6


@pytest.mark.parametrize("name", NAMES)
def test_a_model_says_where_it_is_from(name: str) -> None:
    origin = open_session(MODELS / f"{name}.onnx.gz").get_modelmeta().custom_metadata_map
    assert origin["source"].startswith("mediapipe 0.10.21, modules/face_")
    assert origin["license"] == "Apache-2.0, Copyright The MediaPipe Authors"
    assert len(origin["source_sha256"]) == 64


def test_they_were_compared_with_their_originals() -> None:
    """By scripts/convert_mediapipe.py --check: in pixels of the input, over 200 rendered faces."""
    parity = json.loads((MODELS / "parity.json").read_text("utf-8"))
    assert set(parity) == set(NAMES)
    for result in parity.values():
        assert result["images"] >= 200
        assert result["with_face"] >= 199
        assert result["pixels"] < 0.1
        assert result["score"] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_the_same_models(name: str, scripts: None) -> None:
    import onnx

    from convert_mediapipe import MODELS as ORIGINALS
    from convert_mediapipe import converted

    (model,) = (original for original in ORIGINALS if original.name == name)
    packed = (MODELS / f"{name}.onnx.gz").read_bytes()
    assert converted(model) == onnx.load_from_string(gzip.decompress(packed))


@pytest.mark.slow
@pytest.mark.assets
def test_a_few_faces_are_compared_again(assets: Path, scripts: None) -> None:
    pytest.importorskip("ai_edge_litert")
    from convert_mediapipe import compare

    for result in compare(MODELS, assets, 3).values():
        assert result["pixels"] < 0.01


def plain_patch(
    features: NDArray[np.float32], matrix: NDArray[np.float32], height: int, width: int
) -> NDArray[np.float64]:
    """TransformTensorBilinear as MediaPipe defines it, pixel by pixel."""
    _, channels, rows, columns = features.shape
    patch = np.zeros((1, channels, height, width))
    for j, i in product(range(height), range(width)):
        x, y = matrix @ [i + 0.5, j + 0.5, 1] - 0.5
        if not (0 <= x <= columns - 1 and 0 <= y <= rows - 1):
            continue
        left, top = min(int(x), columns - 2), min(int(y), rows - 2)
        for v, u in product((0, 1), (0, 1)):
            weight = abs(1 - v - (y - top)) * abs(1 - u - (x - left))
            patch[0, :, j, i] += weight * features[0, :, top + v, left + u]
    return patch


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.3, -0.4), (-2.0, 3.0)])
def test_a_patch_of_a_map_has_zeros_outside(shift: tuple[float, float], scripts: None) -> None:
    """Not a mean of the border and zero: that much of a patch lies outside in the second case."""
    import onnxruntime
    from onnx import TensorProto, helper

    from tflite_to_onnx import OnnxWriter, sampled_patch

    rng = np.random.default_rng(3)
    features = rng.normal(size=(1, 2, 6, 8)).astype(np.float32)
    matrix = np.array([[1.2, -0.3, shift[0]], [0.3, 1.2, shift[1]]], np.float32)
    write = OnnxWriter(source=None)  # type: ignore[arg-type]
    write.rename(sampled_patch(write, "features", "matrix", (6, 8), (4, 5)), "patch")
    shapes = {"features": [1, 2, 6, 8], "matrix": [1, 2, 3]}
    model = write.model(
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("patch", TensorProto.FLOAT, [1, 2, 4, 5])],
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"features": features, "matrix": matrix[None]})
    expected = plain_patch(features, matrix, 4, 5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert shift == (0.0, 0.0) or (expected == 0).any()
