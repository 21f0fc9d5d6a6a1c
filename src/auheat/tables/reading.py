"""Reads a table of results back, whichever convention it follows, into OpenFace's columns.

So that whoever works on tables (reports, events, evaluation) has to know one form only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.tables.conventions import PERSON

if TYPE_CHECKING:
    import pandas as pd

_TIDY = {"input", "frame", "timestamp", "face_id", "success", "confidence", "au", "intensity"}
# Ours among the Fex tables: py-feat has no column `confidence`.
FEX = {"frame", "FaceRectX", "FaceScore", "input", "Identity", "confidence"}
_BARE = re.compile(r"AU\d\d")


def read_any(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as it is. Raises as pandas does."""
    import pandas as pd

    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    table = pd.read_csv(path, skipinitialspace=True, low_memory=False)
    return table.rename(columns=lambda name: str(name).strip())


def as_openface(table: pd.DataFrame) -> pd.DataFrame:
    """A tidy or Fex table of ours with the columns of `TableSchema` in OpenFace's convention that
    are needed to work on: those that say which picture or frame and which face, confidence,
    success, and AUxx_r. `input` is always among them. Any other table comes back as it is.
    Raises ValueError if a row of a tidy table is there twice.
    """
    names = set(table.columns)
    if names >= _TIDY:
        return _from_tidy(table)
    return _from_fex(table) if names >= FEX else table


def _from_tidy(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["input", "frame", "timestamp", "face_id", "success", "confidence"]
    aus = list(dict.fromkeys(table["au"]))
    wide = table.set_index([*keys, "au"])["intensity"].unstack("au", sort=False)[aus]
    wide = wide.rename(columns=lambda au: f"{au}_r").rename_axis(columns=None).reset_index()
    return _headed(wide, bool((wide["frame"] > 0).any()))


def _from_fex(table: pd.DataFrame) -> pd.DataFrame:
    levels = table[[name for name in table if _BARE.fullmatch(str(name))]]
    people = table["Identity"].astype("string").str.removeprefix(PERSON)
    heads = table[["input"]].assign(
        frame=table["frame"] + 1,
        timestamp=table.get("timestamp", 0.0),
        face_id=people.fillna("0").astype("int64"),
        success=table["FaceScore"].notna().astype("int64"),
        confidence=table["confidence"],
    )
    wide = heads.join(levels.rename(columns=lambda au: f"{au}_r"))
    return _headed(wide, "timestamp" in table)


def _headed(wide: pd.DataFrame, is_video: bool) -> pd.DataFrame:
    """Pictures that are no frames of a video have no number and no time."""
    if is_video:
        return wide
    return wide.drop(columns=["frame", "timestamp"]).rename(columns={"face_id": "face"})
