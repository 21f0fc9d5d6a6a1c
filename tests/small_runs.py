"""A tiny dataset and a tiny experiment for tests of training and measuring."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from auheat.config import ModelConfig
from auheat.data.datasets import DatasetSpec
from auheat.data.manifest import Manifest
from auheat.data.transforms import NONE
from auheat.faces.crop import CropSpec
from auheat.training.experiment import DataConfig, Experiment, OptimConfig

AUS = ("AU04", "AU12", "AU25")
CROP = CropSpec(32, 2)
# Settings of the model that make `experiment` one of an hourglass.
HOURGLASS = {"kind": "hourglass", "scc": False, "input_size": 64, "maps": "au"}


def write_dataset(folder: Path, seed: int = 0) -> Manifest:
    """Noise images whose brightness at the mouth follows AU12: 24 train, 8 val, 6 test."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    landmarks = rng.uniform(4, CROP.side - 4, 136).astype(np.float32)
    rows = []
    for index in range(38):
        split = "train" if index < 24 else "val" if index < 32 else "test"
        levels = rng.uniform(0, 5, 3)
        image = rng.integers(60, 120, (CROP.side, CROP.side, 3)).astype(np.uint8)
        image[20:28, 8:28] += np.uint8(20 * levels[1])
        name = f"{index:02d}.png"
        cv2.imwrite(str(folder / name), image[..., ::-1])
        rows.append(
            {
                "image": name,
                "subject": f"S{index // 2}",
                "split": split,
                "sequence": "",
                "frame": 0,
                "landmarks": landmarks,
                **dict(zip(AUS, levels.astype(np.float32), strict=True)),
            }
        )
    manifest = Manifest(pd.DataFrame(rows), folder, CROP, {"kind": "synthetic"})
    manifest.write()
    return manifest


def noise_dataset(
    folder: Path, kind: str, spec: DatasetSpec, aus: tuple[str, ...], frames: int = 4, most: int = 5
) -> Path:
    """Noise in the shape of a prepared dataset of the paper, with all its subjects."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(4, CROP.side - 4, 136).astype(np.float32)
    rows = []
    for subject in (name for fold in spec.protocols[0].lists for name in fold):
        for frame in range(1, frames + 1):
            name = f"{subject}_{frame}.png"
            noise = rng.integers(60, 190, (CROP.side, CROP.side, 3)).astype(np.uint8)
            cv2.imwrite(str(folder / name), noise)
            codes = rng.integers(0, most + 1, len(aus)).astype(np.float32)
            levels = dict(zip(aus, codes, strict=True))
            where = {"subject": subject, "split": "train", "sequence": subject, "frame": frame}
            rows.append({"image": name, **where, "landmarks": landmarks, **levels})
    Manifest(pd.DataFrame(rows), folder, CROP, {"kind": kind, "synthetic": True}).write()
    return folder


def experiment(data: Path, scc: bool = True, **optim: object) -> Experiment:
    """A run of a few seconds on a dataset of `write_dataset`."""
    model = ModelConfig(
        aus=AUS,
        width=0.125,
        input_size=32,
        normalise="imagenet",
        deconv_widths=(8, 8),
        scc=scc,
        scc_k=3,
        scc_norm=True,
        sigma=1.0,
    )
    settings = {"epochs": 3, "precision": "32-true", **optim}
    return Experiment(
        "tiny",
        5,
        model,
        DataConfig(str(data), batch_size=8, epoch_images=16, workers=0, augment=NONE),
        OptimConfig(**settings),  # type: ignore[arg-type]
    )
