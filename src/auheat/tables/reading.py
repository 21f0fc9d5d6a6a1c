"""Reads a table of results back, whichever convention it follows, into OpenFace's columns.

So that whoever works on tables (reports, events, evaluation) has to know one form only.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.errors import AuheatError
from auheat.tables.conventions import PERSON
from auheat.tables.series import SeriesRecorder

if TYPE_CHECKING:
    import pandas as pd

_TIDY = {"input", "frame", "timestamp", "face_id", "success", "confidence", "au", "intensity"}
# Ours among the Fex tables: py-feat has no column `confidence`.
FEX = {"frame", "FaceRectX", "FaceScore", "input", "Identity", "confidence"}
_BARE = re.compile(r"AU\d\d")
_NEEDED = ("frame", "timestamp", "success")


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


def read_series(path: Path) -> SeriesRecorder:
    """What is in a table of a video that `auheat predict` or OpenFace wrote.

    Raises AuheatError if the file cannot be read or is no such table.
    """
    if path.suffix.lower() == ".parquet":
        return _read_converted(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            names = [name.strip() for name in next(rows, [])]
            if set(names) >= FEX:
                return _read_converted(path)
            return _read_rows(path, names, [row for row in rows if row])
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuheatError(f"{path} is not a readable CSV table ({error})") from None


def _read_converted(path: Path) -> SeriesRecorder:
    """A tidy or Fex table of ours."""
    import pyarrow as pa

    try:
        table = as_openface(read_any(path))
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except (OSError, ValueError, AttributeError, pa.ArrowException):
        raise AuheatError(f"{path} is not a readable table") from None
    rows = table.astype(str).to_numpy().tolist()
    return _read_rows(path, [str(name) for name in table], rows)


def _read_rows(path: Path, names: list[str], rows: list[list[str]]) -> SeriesRecorder:
    recorder = SeriesRecorder([n[:-2] for n in names if n.startswith("AU") and n.endswith("_r")])
    missing = [name for name in _NEEDED if name not in names]
    if missing or not recorder.aus:
        lacks = ", ".join(missing or ["AUxx_r"])
        raise AuheatError(
            f"{path} is no table of a video: it has no column {lacks}; give one of `auheat predict`"
        )
    wanted = ["frame", "timestamp", "confidence", *(f"{au}_r" for au in recorder.aus)]
    places = [names.index(name) if name in names else -1 for name in wanted]
    who, success = (names.index(n) if n in names else -1 for n in ("face_id", "success"))
    for line, row in enumerate(rows, 2):
        try:
            if float(row[success]):
                numbers = [float(row[place]) if place >= 0 else 1.0 for place in places]
                recorder.add_row(int(row[who]) if who >= 0 else 0, numbers)
        except (ValueError, IndexError):
            raise AuheatError(f"line {line} of {path} is damaged: {','.join(row)[:60]}") from None
    return recorder
