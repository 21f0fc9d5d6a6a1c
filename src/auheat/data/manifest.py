"""The manifest: one Parquet file that describes a set of aligned, labelled crops.

A dataset is a folder with `manifest.parquet` and the images it names. Columns:

    image       path of the crop, relative to the folder
    subject     who it is; the same person has the same name
    split       "train", "val" or "test"; a subject is in one split only
    sequence    the video, task or pair that a frame belongs to, or ""
    frame       its number there, from 1 (0 where there is no order)
    landmarks   136 float32: x0, y0, x1, ... of the 68 landmarks in crop pixels
    AU01 ...    intensities, float32 0 to 5; NaN where the AU was not coded

The file's metadata holds, as JSON under `auheat`: `version`, `crop` (size and pad, see
`auheat.faces.crop`) and `source` (how the set was made).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from auheat.errors import AuheatError, checked_path
from auheat.faces.crop import CropSpec
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY, TABLE
from auheat.files import atomic_write
from auheat.json_files import parse_json
from auheat.landmarks import COUNT

FILE = "manifest.parquet"
VERSION = 1
SPLITS = ("train", "val", "test")
_FIXED = ("image", "subject", "split", "sequence", "frame", "landmarks")
_KEY = b"auheat"


@dataclass(frozen=True)
class Manifest:
    """The rows of a dataset.

    Attributes:
        table: Columns as the module says.
        folder: Where the images' paths begin.
        crop: Size and pad of the images.
        source: How the set was made.
    """

    table: pd.DataFrame
    folder: Path
    crop: CropSpec
    source: Mapping[str, Any]

    @property
    def aus(self) -> tuple[str, ...]:
        """The coded AUs, in the order of `facs.TABLE`."""
        return tuple(au for au in TABLE if au in self.table.columns)

    def split(self, split: str) -> Manifest:
        """The rows of one split: "train", "val" or "test"."""
        rows = self.table[self.table["split"] == split].reset_index(drop=True)
        return Manifest(rows, self.folder, self.crop, self.source)

    def labels(self, aus: tuple[str, ...]) -> NDArray[np.float32]:
        """Intensities (rows, A); NaN for AUs that the set does not code."""
        missing = np.full(len(self.table), np.nan, np.float32)
        columns = [self.table[au].to_numpy() if au in self.table else missing for au in aus]
        return np.asarray(np.stack(columns, 1), np.float32)

    def landmarks(self) -> NDArray[np.float32]:
        """(rows, 68, 2) in crop pixels."""
        flat = (
            np.stack(self.table["landmarks"].to_list()) if len(self.table) else np.empty((0, 136))
        )
        return np.asarray(flat.reshape(-1, COUNT, 2), np.float32)

    def write(self) -> Path:
        """Writes `manifest.parquet` under a temporary name, then renames it. Returns its path."""
        _check(self.table, self.folder)
        arrays = {name: pa.array(self.table[name]) for name in ("image", "subject", "split")}
        arrays["sequence"] = pa.array(self.table["sequence"].astype(str))
        arrays["frame"] = pa.array(self.table["frame"].astype(np.int32))
        flat = self.landmarks().reshape(-1)
        arrays["landmarks"] = pa.FixedSizeListArray.from_arrays(pa.array(flat), 2 * COUNT)
        for au in self.aus:
            arrays[au] = pa.array(self.table[au].astype(np.float32))
        header = {"version": VERSION, "crop": asdict(self.crop), "source": dict(self.source)}
        stored = pa.table(arrays).replace_schema_metadata({_KEY: json.dumps(header).encode()})
        path = self.folder / FILE
        with atomic_write(path) as temporary:
            pq.write_table(stored, temporary)
        return path


def join(parts: Sequence[Manifest]) -> Manifest:
    """One manifest of several datasets' rows, its folder the closest one that holds all of them.

    Subjects get their dataset's path as a prefix, so that equal names stay different people. An AU
    that a dataset does not code is NaN in its rows.

    Raises:
        AuheatError: The crops differ.
    """
    if len(parts) == 1:
        return parts[0]
    folder = Path(os.path.commonpath([part.folder.resolve() for part in parts]))
    tables = []
    for part in parts:
        if part.crop != parts[0].crop:
            raise AuheatError(
                f"{parts[0].folder} and {part.folder} hold different crops "
                f"({parts[0].crop} and {part.crop}): make them with the same size and pad"
            )
        prefix = part.folder.resolve().relative_to(folder).as_posix() + "/"
        changed = {name: prefix + part.table[name].astype(str) for name in ("image", "subject")}
        tables.append(part.table.assign(**changed))
    table = pd.concat(tables, ignore_index=True)
    return Manifest(table, folder, parts[0].crop, {"joined": [dict(p.source) for p in parts]})


def read_manifest(folder: str | Path) -> Manifest:
    """Reads and checks a dataset's manifest.

    Args:
        folder: The dataset.

    Raises:
        AuheatError: There is none, it is damaged, or a subject is in two splits.
    """
    folder = checked_path("the dataset", folder)
    path = folder / FILE
    if not path.is_file():
        raise AuheatError(
            f"no dataset in {folder}: expected {FILE} there; make one with `auheat prepare` or "
            "`auheat synth`"
        )
    try:
        stored = pq.read_table(path)
        stored.validate(full=True)
        header = parse_json((stored.schema.metadata or {})[_KEY])
        if header["version"] != VERSION:
            raise AuheatError(
                f"{path} has version {header['version']}, this auheat reads {VERSION}"
            )
        crop = CropSpec(**header["crop"])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise AuheatError(f"{path} is not a readable auheat manifest: make it anew") from None
    table = stored.to_pandas()
    _check(table, folder)
    return Manifest(table, folder, crop, header.get("source", {}))


def _check(table: pd.DataFrame, folder: Path) -> None:
    """Refuses missing columns, wrong values, and a subject on both sides."""
    missing = [name for name in _FIXED if name not in table]
    if missing:
        raise AuheatError(f"the manifest in {folder} lacks the columns {', '.join(missing)}")
    strange = sorted(str(split) for split in set(table["split"]) - set(SPLITS))
    if strange:
        raise AuheatError(f"the manifest in {folder} has the unknown split {strange[0]!r}")
    splits = table.groupby("subject")["split"].nunique()
    if (splits > 1).any():
        who = splits.index[splits > 1][0]
        raise AuheatError(f"subject {who!r} is in more than one split of {folder}")
    shapes = table["landmarks"].map(np.shape)
    wrong = (shapes != (2 * COUNT,)).to_numpy(np.bool_)
    if len(table) and not wrong.any():
        wrong = ~np.isfinite(np.stack(table["landmarks"].to_list())).all(1)
    if wrong.any():
        image = table["image"].iloc[int(wrong.argmax())]
        raise AuheatError(f"the manifest in {folder} has no {COUNT} landmarks for {image}")
    for au in (name for name in TABLE if name in table):
        values = pd.to_numeric(table[au], errors="coerce").to_numpy(np.float32)
        outside = (values < MIN_INTENSITY) | (values > MAX_INTENSITY)
        outside |= np.isnan(values) & table[au].notna().to_numpy()
        if outside.any():
            image = table["image"].iloc[int(outside.argmax())]
            raise AuheatError(f"{au} of {image} in {folder} is not in 0 to 5")
