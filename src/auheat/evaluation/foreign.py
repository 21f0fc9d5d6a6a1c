"""Tables of predictions that other programs wrote, and our own, as rows to be joined to labels.

`auheat.tables.reading` reads them; here their images and videos get names. Rows without a face
(success 0) are left out. Values are scored as they are: a wrong scale lowers ICC and raises MAE;
PCC does not see it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from auheat.errors import AuheatError, unknown_name
from auheat.tables.programs import NOTES, PROGRAM, PROGRAMS
from auheat.tables.reading import is_table, read_table
from auheat.tables.scale import aus_in

KINDS = tuple(PROGRAMS)
_NO_TABLES = {".safetensors", ".onnx", ""}


@dataclass(frozen=True)
class ForeignTable:
    """Predictions of one program.

    Attributes:
        kind: The program.
        rows: `source` (path of the image, or of the video's table, without its ending), `image`
            (bool), `frame` (from 1; 0 for an image), `face`, `confidence`, and a column for every
            AU.
        notes: What looks odd about the values, one line each.
    """

    kind: str
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that the program predicts."""
        return tuple(name for name in self.rows if re.fullmatch(r"AU\d\d", str(name)))


def read_foreign(target: str | Path | pd.DataFrame, kind: str = "auto") -> ForeignTable:
    """Reads one table, all tables in a folder and the folders below it, or a table in memory.

    Args:
        target: a table, or a folder of tables.
        kind: one of `KINDS`, or "auto" to tell by the columns.

    Raises:
        AuheatError: if there is no table, if one is damaged or of no known kind, or if they are of
            several kinds.
    """
    if kind not in ("auto", *KINDS):
        raise unknown_name("format", kind, ("auto", *KINDS))
    if not isinstance(target, str | Path):
        return _read(target, "table", kind)
    target = Path(target)
    paths = tables_in(target)
    if not paths:
        raise AuheatError(f"no CSV or Parquet tables in {target}")
    parts = []
    for path in paths:
        inside = path.relative_to(target) if target.is_dir() else Path(path.name)
        parts.append(_read(path, _without_ending(inside.as_posix()), kind))
    kinds = sorted({part.kind for part in parts})
    if len(kinds) > 1:
        raise AuheatError(f"{target} mixes tables of {', '.join(kinds)}: give one --format")
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    return ForeignTable(kinds[0], rows, tuple(note for part in parts for note in part.notes))


def tables_in(target: Path) -> list[Path]:
    """The tables that a path names: itself, or those in a folder, sorted."""
    if not target.is_dir():
        return [target] if target.suffix.lower() not in _NO_TABLES else []
    return sorted(path for path in target.rglob("*") if is_table(path))


def holds_tables(target: Path) -> bool:
    """Whether a path names tables rather than weights or the folder of a run.

    Raises:
        AuheatError: It is a folder of runs.
    """
    if not target.is_dir():
        return bool(tables_in(target))
    if any(target.glob("*.safetensors")):
        return False
    runs = sorted({path.parent for path in target.glob("*/*.safetensors")})
    if runs and not any(is_table(path) for path in target.iterdir()):
        shown = ", ".join(run.name for run in runs[:4]) + (", ..." if len(runs) > 4 else "")
        raise AuheatError(f"{target} holds {len(runs)} runs: give one of them ({shown})")
    return bool(tables_in(target))


def _read(given: Path | pd.DataFrame, inside: str, kind: str) -> ForeignTable:
    table = read_table(given, format=kind)  # type: ignore[arg-type]
    aus = list(aus_in(table))
    named = table["input"].map(lambda name: f"{inside}/{_without_ending(name)}" if name else inside)
    rows = pd.DataFrame(
        {
            "source": named,
            "is_image": table["frame"] == 0,
            "frame": table["frame"],
            "face": table["face_id"].astype(str),
            "confidence": table["confidence"],
        }
    ).join(table[aus])
    seen = (table["success"] == 1) & table[aus].notna().any(axis=1)
    return ForeignTable(table.attrs[PROGRAM], rows[seen], tuple(table.attrs[NOTES]))


def _without_ending(name: str) -> str:
    """A path without the ending of its last step."""
    return re.sub(r"\.[^./]+$", "", PurePosixPath(name).as_posix())
