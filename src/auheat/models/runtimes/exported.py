"""Exported networks: ONNX files that carry their settings, as checkpoints do.

The file's metadata holds one JSON text under the key `auheat`: {"format": 1, "model":
<ModelConfig>, "card": {...}, "precision": "fp32" or "bf16", "weights": SHA-256 of the checkpoint
that it was made from, "shares": name of that checkpoint if the file takes its numbers from it}.
The graph takes `crops` (B, H, W, 3) uint8 and, if the network takes in the shape of the face's
mesh, `geometry` (B, G) float32, which is 0 where none is known. It gives `intensity` and, if the
network draws such maps, `location`, both (B, N, h, w) float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.face_shape import SIZE
from auheat.json_files import parse_json
from auheat.models.runtimes.names import Precision
from auheat.models.runtimes.runtime import Crops, Shapes
from auheat.settings import build_stored, to_dict
from auheat.sums import OTHER_COPY, sha256, ships

KEY, FORMAT, SUFFIX = "auheat", 1, ".onnx"
CROPS, GEOMETRY = "crops", "geometry"
INTENSITY, LOCATION = "intensity", "location"


@dataclass(frozen=True)
class ExportedSettings:
    """What an exported network says of itself.

    Attributes:
        config: The settings of the network.
        card: See `auheat.models.checkpoint`.
        precision: The lowest that its intensities were compared in when it was exported.
        weights: SHA-256 of the checkpoint that it was made from, in hexadecimal; "" if unknown.
        shares: Name of the checkpoint in the same folder from which it takes its numbers; "" if it
            holds them itself.
    """

    config: ModelConfig
    card: Mapping[str, Any]
    precision: Precision = "fp32"
    weights: str = ""
    shares: str = ""

    def text(self) -> str:
        """For the file's metadata."""
        return json.dumps(
            {
                "format": FORMAT,
                "model": to_dict(self.config),
                "card": dict(self.card),
                "precision": self.precision,
                "weights": self.weights,
                "shares": self.shares,
            }
        )

    @classmethod
    def read(cls, text: str | None, path: str | Path) -> ExportedSettings:
        """The inverse of `text`; None is a file without settings.

        Raises:
            AuheatError: The file is not of auheat, is of another format, or is damaged, or the
                checkpoint that it shares is another one.
        """
        if text is None:
            raise AuheatError(
                f"{path} is a network, but not one of auheat: give a file that `auheat export` "
                "wrote"
            )
        try:
            stored = parse_json(text)
            version, model, card = stored["format"], stored["model"], stored["card"]
            precision, weights = stored["precision"], str(stored.get("weights", ""))
            shares = str(stored.get("shares", ""))
        except (ValueError, KeyError, TypeError):
            raise AuheatError(f"the settings inside {path} are damaged: export it again") from None
        if version != FORMAT or precision not in get_args(Precision):
            raise AuheatError(
                f"{path} has format {version} in {precision}, which this auheat does not read: "
                "export it again"
            )
        if shares and sha256(Path(path).with_name(shares)) != weights:
            raise AuheatError(
                f"{path} takes its weights from {shares} beside it, which is damaged or another: "
                "give another copy of both files, or install auheat again"
            )
        config = build_stored(ModelConfig, model, f"exported network {path}")
        return cls(config, card, precision, weights, shares)


def graph_inputs(
    config: ModelConfig, crops: Crops, geometry: Shapes | None
) -> dict[str, Crops | Shapes]:
    """What the graph of a network takes in, by name; see `Runtime.heatmaps` for the arguments."""
    if config.geometry == "none":
        return {CROPS: crops}
    if geometry is None:
        geometry = np.zeros((len(crops), SIZE), np.float32)
    return {CROPS: crops, GEOMETRY: geometry}


def exists(path: str | Path) -> Path:
    """The path itself.

    Raises:
        AuheatError: There is no file.
    """
    if not Path(path).is_file():
        raise AuheatError(f"no exported network at {path}: give the path of a {SUFFIX} file")
    return Path(path)


def no_bfloat16(path: str | Path, why: str) -> AuheatError:
    """The error for a file that is to be read in bf16 and cannot be.

    Args:
        path: The file.
        why: How the line begins.
    """
    with_torch = "--runtime torch" if ships(path) else "--runtime torch and .safetensors weights"
    return AuheatError(
        f"{why}: for bf16 give {with_torch}, or --runtime openvino and a file that `auheat export "
        "WEIGHTS -o FILE.onnx --precision bf16` writes"
    )


def not_readable(path: str | Path, reason: object) -> AuheatError:
    """The error for a file that cannot be a network."""
    last = (str(reason).strip().splitlines() or ["no reason given"])[-1]
    return AuheatError(f"{path} is not a readable {SUFFIX} network ({last}): {OTHER_COPY}")
