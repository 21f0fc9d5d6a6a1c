"""Small datasets and other programs' tables, for tests of reading and matching them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from auheat.data.manifest import Manifest
from auheat.evaluation.foreign import read_foreign
from auheat.evaluation.join import join_to_labels
from auheat.evaluation.predictions import Predictions
from auheat.faces.crop import CropSpec

AUS = ("AU04", "AU12")


def dataset(*sequences: tuple[str, str], frames: int = 4) -> Manifest:
    """Sequences of (subject, name); AU12 of frame n in the s-th is s + n / 10."""
    rows = [
        {
            "image": f"images/{who}/{name}/{n:06d}.jpg",
            "subject": who,
            "split": "test",
            "sequence": name,
            "frame": n,
            "AU04": np.float32(0),
            "AU12": np.float32(s + n / 10),
        }
        for s, (who, name) in enumerate(sequences)
        for n in range(1, frames + 1)
    ]
    return Manifest(pd.DataFrame(rows), Path("set"), CropSpec(), {"kind": "disfa"})


DISFA = dataset(("SN001", "SN001"), ("SN002", "SN002"))
BP4D = dataset(("F001", "F001_T1"), ("F001", "F001_T2"), ("M001", "M001_T1"))


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def matched(target: Path, whole: Manifest, kind: str = "auto") -> Predictions:
    return join_to_labels(read_foreign(target, kind), whole, part=whole, about={"name": "x"})


def found(target: Path, whole: Manifest, kind: str = "auto") -> dict[tuple[str, int], float]:
    """The AU12 that each (sequence, frame) was given."""
    table = matched(target, whole, kind).table
    keys = zip(table["sequence"], table["frame"], strict=True)
    return dict(zip(keys, table["AU12"].astype(float).round(4), strict=True))


def openface(path: Path, *rows: str, face: bool = True) -> Path:
    head = "frame, face_id, timestamp, confidence, success, AU04_r, AU12_r, AU45_r, AU12_c"
    return write(path, head if face else head.replace(" face_id,", ""), *rows)
