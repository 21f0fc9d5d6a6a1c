"""The face models that come with auheat; `models/README.md` says where they are from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from auheat.onnx import open_session

MODELS = Path(__file__).parent / "models"
SHORT_RANGE, FULL_RANGE = "face_detection_short_range", "face_detection_full_range"
MESH, ATTENTION_MESH = "face_mesh", "face_mesh_attention"
NAMES = (SHORT_RANGE, FULL_RANGE, MESH, ATTENTION_MESH)


def model_file(name: str) -> Path:
    """Where the model of that name lies."""
    return MODELS / f"{name}.onnx.gz"


def open_model(name: str) -> Any:
    """An ONNX Runtime session with the model of that name, on one thread.

    Raises:
        AuheatError: The file is missing or damaged.
    """
    return open_session(model_file(name))
