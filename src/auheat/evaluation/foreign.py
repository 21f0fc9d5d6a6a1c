"""Tables of predictions that other programs wrote, and our own, read into one form.

auheat     AU12_r from 0 to 5; `frame` from 1, or `input`, or neither for a single picture. Also
           its tidy and Fex tables, and the Parquet file of `auheat evaluate` (AU12 beside
           AU12_label)
openface   OpenFace 2.2: AU12_r from 0 to 5, `frame` from 1 or none for a picture, blanks in names
py-feat    Fex: AU12 from 0 to 1, `frame` from 0, `input`, FaceScore
libreface  au_12_intensity from 0 to 5, `frame_idx` from 0, or `input_image_path`

Rows without a face (success 0) are left out. Values are scored as they are: a wrong scale lowers
ICC and raises MAE; PCC does not see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd
import pyarrow as pa

from auheat.errors import AuheatError, unknown_name
from auheat.tables.reading import as_openface, read_any

KINDS = ("auheat", "openface", "py-feat", "libreface")
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm"}
_TABLES = (".csv", ".parquet")

_PATTERNS = {
    "auheat": re.compile(r"AU(\d+)_r"),
    "openface": re.compile(r"AU(\d+)_r"),
    "py-feat": re.compile(r"AU(\d+)"),
    "libreface": re.compile(r"au_?(\d+)_intensity", re.IGNORECASE),
}
_ONLY_OPENFACE = ("AU07_r", "AU45_r", "gaze_0_x", "AU28_c")
_ONLY_PY_FEAT = ("FaceScore", "FaceRectX", "input")
_SOURCES = ("image", "input", "input_image_path")
_FACES = ("face_id", "face", "Identity")
_CERTAINTIES = ("confidence", "FaceScore", "face_detection_score")
# What has to be added so that the first frame is 1.
_FRAMES = {"frame": {"auheat": 0, "openface": 0, "py-feat": 1}, "frame_idx": {"libreface": 1}}


@dataclass(frozen=True)
class ForeignTable:
    """Predictions of one program.

    rows: `source` (path of the picture, or of the video's table, without its ending), `picture`
    (bool), `frame` (from 1; 0 for a picture), `face`, `confidence`, and a column for every AU.
    """

    kind: str
    rows: pd.DataFrame

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that the program predicts."""
        return tuple(name for name in self.rows if re.fullmatch(r"AU\d\d", str(name)))


def read_foreign(target: Path, kind: str = "auto") -> ForeignTable:
    """Reads one table, or all tables in a folder and the folders below it.

    kind: one of `KINDS`, or "auto" to tell by the columns. Raises AuheatError if there is no table,
    if one is damaged or of no known kind, or if they are of several kinds.
    """
    if kind not in ("auto", *KINDS):
        raise unknown_name("format", kind, ("auto", *KINDS))
    paths = tables_in(target)
    if not paths:
        raise AuheatError(f"no CSV or Parquet tables in {target}")
    parts = []
    for path in paths:
        inside = path.relative_to(target) if target.is_dir() else Path(path.name)
        parts.append(_read(path, PurePosixPath(inside.with_suffix("").as_posix()), kind))
    kinds = sorted({part.kind for part in parts})
    if len(kinds) > 1:
        raise AuheatError(f"{target} mixes tables of {', '.join(kinds)}: give one --format")
    return ForeignTable(kinds[0], pd.concat([part.rows for part in parts], ignore_index=True))


def tables_in(target: Path) -> list[Path]:
    """The tables that a path names: itself, or those in a folder, sorted."""
    if not target.is_dir():
        return [target] if target.suffix.lower() in _TABLES else []
    return sorted(path for path in target.rglob("*") if path.suffix.lower() in _TABLES)


def holds_tables(target: Path) -> bool:
    """Whether a path names tables rather than weights or the folder of a run."""
    weights = target.is_dir() and any(target.glob("*.safetensors"))
    return not weights and bool(tables_in(target))


def _read(path: Path, inside: PurePosixPath, kind: str) -> ForeignTable:
    try:
        table = read_any(path)
        if kind in ("auto", "auheat"):
            table = as_openface(table)
    except FileNotFoundError:
        raise AuheatError(f"no table at {path}") from None
    except (OSError, ValueError, pd.errors.ParserError, pa.ArrowException):
        raise AuheatError(f"{path} is not a readable table") from None
    kind = _kind(table.columns, path) if kind == "auto" else kind
    levels = _levels(table, kind)
    if levels.empty:
        raise AuheatError(f"{path} has no columns of {kind} ({_looked_for(kind)})")
    rows = pd.concat([_heads(table, inside, kind), levels], axis=1)
    if "success" in table:
        rows = rows[pd.to_numeric(table["success"], errors="coerce") != 0]
    return ForeignTable(kind, rows[levels.loc[rows.index].notna().any(axis=1)])


def _kind(columns: Iterable[str], path: Path) -> str:
    """Which program wrote a table with these columns."""
    names = set(columns)
    if any(_PATTERNS["libreface"].fullmatch(name) for name in names):
        return "libreface"
    if any(_PATTERNS["openface"].fullmatch(name) for name in names):
        return "openface" if names & set(_ONLY_OPENFACE) else "auheat"
    if any(f"{name}_label" in names for name in names):
        return "auheat"
    bare = any(_PATTERNS["py-feat"].fullmatch(name) for name in names)
    if bare and names & set(_ONLY_PY_FEAT):
        return "py-feat"
    looked = "; ".join(f"{kind}: {_looked_for(kind)}" for kind in KINDS)
    raise AuheatError(f"{path} is a table of an unknown kind: looked for {looked}")


def _looked_for(kind: str) -> str:
    return {
        "auheat": "AU12_r, or AU12 beside AU12_label",
        "openface": "AU12_r beside AU45_r or gaze_0_x",
        "py-feat": "AU12 beside FaceScore or input",
        "libreface": "au_12_intensity",
    }[kind]


def _levels(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The columns of intensities as AU01 and so on."""
    own = {name[: -len("_label")]: name for name in table if name.endswith("_label")}
    pattern = _PATTERNS["py-feat" if kind == "auheat" and own else kind]
    found = {}
    for name in table:
        if match := pattern.fullmatch(name):
            values = pd.to_numeric(table[name], errors="coerce")
            found[f"AU{int(match[1]):02d}"] = values.astype("float64")
    return pd.DataFrame(found, index=table.index)


def _heads(table: pd.DataFrame, inside: PurePosixPath, kind: str) -> pd.DataFrame:
    """Which picture or frame, and which face in it, every row is of."""
    name, first = next(
        ((name, by[kind]) for name, by in _FRAMES.items() if name in table and kind in by), ("", 0)
    )
    source, picture = _sources(table, inside)
    picture = picture if name else pd.Series(True, table.index)
    frame = pd.to_numeric(table[name], errors="coerce") + first if name else 0
    face = next((table[name] for name in _FACES if name in table), pd.Series(0, table.index))
    sure = next((table[name] for name in _CERTAINTIES if name in table), None)
    return pd.DataFrame(
        {
            "source": source,
            "picture": picture,
            "frame": pd.Series(frame, table.index).where(~picture, 0).fillna(-1).astype("int64"),
            "face": face.astype(str),
            "confidence": 1.0 if sure is None else pd.to_numeric(sure, errors="coerce").fillna(0.0),
        },
        index=table.index,
    )


def _sources(table: pd.DataFrame, inside: PurePosixPath) -> tuple[pd.Series, pd.Series]:
    """The path that every row is of, without its ending, and whether it is that of a picture.

    It begins with the table's own path, for that may name the sequence.
    """
    names = next((table[name].astype(str) for name in _SOURCES if name in table), None)
    if names is None:
        return pd.Series(inside.as_posix(), table.index), pd.Series(False, table.index)
    names = names.str.replace("\\", "/", regex=False)
    ending = names.map(lambda text: PurePosixPath(text).suffix.lower())
    return f"{inside}/" + names.str.replace(r"\.[^./]+$", "", regex=True), ending.isin(PICTURES)
