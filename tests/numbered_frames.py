"""A manifest of one person's frames, counted from 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from auheat.data.manifest import Manifest
from auheat.faces.crop import CropSpec


def frames(count: int) -> Manifest:
    table = pd.DataFrame(
        {
            "image": [f"i/{n}.jpg" for n in range(1, count + 1)],
            "subject": "P1",
            "split": "test",
            "sequence": "P1",
            "frame": range(1, count + 1),
            "landmarks": [np.arange(136, dtype=np.float32)] * count,
            "AU12": np.arange(count, dtype=np.float32) % 6,
        }
    )
    return Manifest(table, Path("set"), CropSpec(32, 4), {"kind": "x"})
