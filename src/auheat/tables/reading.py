"""Reads a table of results, whoever wrote it, into one schema.

    input       path of the image or video that a row is of; "" where the table does not say
    frame       from 1; 0 for an image that is no frame of a video
    timestamp   seconds; NaN where the table does not say
    face_id     from 0
    success     1, or 0 where no face was found
    confidence  0 to 1; 1 where the table does not say
    AU01 ...    intensities; NaN where no face was found

and, from tables of ours that have them, AU01_raw and AU01_sd. Numbers are on the scale of who wrote
them and are not changed. Whoever works on tables (reports, events, evaluation) knows this schema
only. Which programs are known, and how their tables differ: `auheat.tables.programs`.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from auheat.errors import AuheatError, check_choice, checked_path
from auheat.folders import IMAGE_SUFFIXES
from auheat.optional import require
from auheat.tables.columns import unquoted
from auheat.tables.conventions import PERSON
from auheat.tables.names import ProgramChoice, TableProgram
from auheat.tables.programs import (
    CONFIDENCES,
    FACES,
    INPUTS,
    NOTES,
    OUR_FEX,
    PROGRAM,
    PROGRAMS,
    TIDY,
    intensities_in,
    program_of,
)
from auheat.tables.scale import off_scale
from auheat.tables.soundness import MAX_NUMBER, odd_confidence, without_times, wrong_time
from auheat.tables.stored import stored_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz")
EVENTS = ".events.csv"  # how names of tables of events end, which hold no readings
# Whoever wrote a table may have read images that we do not.
_EXTRAS = ("_raw", "_sd")


def read_table(
    table: str | Path | pd.DataFrame | Any, *, format: ProgramChoice = "auto"
) -> pd.DataFrame:
    """A table of OpenFace, py-feat, LibreFace or auheat in the schema of this module.

    Args:
        table: Path of a CSV file (commas, semicolons or tabs, plain or gzipped) or Parquet file; or
            a pandas or polars table with the same columns.
        format: Who wrote it; "auto" tells by its columns.

    Returns:
        A row for each frame or image and face, in the order of inputs, frames and faces.
        `attrs["auheat_program"]` says who wrote it, `attrs["auheat_notes"]` what looks odd.

    Raises:
        AuheatError: If it cannot be read, is nobody's table, has a frame that is no whole number,
            a face twice in one frame, or something else than a finite number for an intensity.
    """
    check_choice("format", format, get_args(ProgramChoice))
    reader = _Reader.of(table)
    program = reader.recognise(None if format == "auto" else format)
    return reader.in_schema(program)


class _Reader:
    """A table as it is, with what messages need to know of it."""

    def __init__(
        self, stored: pd.DataFrame, name: str, lines: list[int] | None, notes: tuple[str, ...]
    ) -> None:
        self.stored, self.name, self.lines, self.notes = stored, name, lines, list(notes)

    @classmethod
    def of(cls, table: Any) -> _Reader:
        pd = require("pandas")
        if isinstance(table, pd.DataFrame):
            return cls(table, "the table", None, tuple(table.attrs.get(NOTES, ())))
        if hasattr(table, "to_pandas"):
            return cls(table.to_pandas(), "the table", None, ())
        if not isinstance(table, str | Path):
            kind = type(table).__name__
            raise AuheatError(f"a table is a path or a DataFrame, and this is of type {kind}")
        path = checked_path("the table", table)
        read = stored_table(path)
        return cls(read.table, str(path), read.lines, read.notes)

    def recognise(self, wanted: TableProgram | None) -> TableProgram:
        """Who wrote the table; brings tidy and Fex tables of ours into columns of OpenFace's."""
        columns = [str(name) for name in self.stored.columns]
        names = set(columns)
        if len(names) < len(columns):
            twice = next(name for name in columns if columns.count(name) > 1)
            raise AuheatError(f"{self.name} has two columns {twice}: leave one out")
        if wanted in (None, "auheat"):
            if names >= TIDY:
                self.stored, self.lines = self._from_tidy(), None
                return "auheat"
            if names >= OUR_FEX:
                self.stored = self._from_fex()
                return "auheat"
        program = wanted or program_of(names)
        if program is None:
            looked = "; ".join(f"{one.name}: {one.looked_for}" for one in PROGRAMS.values())
            raise AuheatError(f"{self.name} is a table of an unknown kind: looked for {looked}")
        if not intensities_in(names, program):
            looked = PROGRAMS[program].looked_for
            raise AuheatError(f"{self.name} has no columns of {program} ({looked})")
        return program

    def _from_tidy(self) -> pd.DataFrame:
        keys = ["input", "frame", "timestamp", "face_id", "success", "confidence"]
        aus = list(dict.fromkeys(self.stored["au"]))
        twice = self.stored.duplicated([*keys, "au"])
        if twice.any():
            raise AuheatError(f"{self.name} is damaged: a row for one face and AU is there twice")
        rows = self.stored.set_index([*keys, "au"])
        wide = rows["intensity"].unstack("au", sort=False)[aus].add_suffix("_r")
        for extra in _EXTRAS:
            if extra[1:] in rows:
                more = rows[extra[1:]].unstack("au", sort=False)[aus].add_suffix(extra)
                wide = wide.join(more)
        return wide.rename_axis(columns=None).reset_index()

    def _from_fex(self) -> pd.DataFrame:
        table = self.stored.rename(
            columns={name: f"{au}_r" for name, au in intensities_in(self.stored, "py-feat").items()}
        ).copy()
        table = table.assign(success=table["FaceScore"].notna().astype("int64"))
        if "timestamp" not in table:  # images
            return table.drop(columns="frame")
        return table.assign(frame=self._numbers("frame") + 1)

    def in_schema(self, program: TableProgram) -> pd.DataFrame:
        """The columns of the schema, sorted."""
        import pandas as pd

        stored, about = self.stored, PROGRAMS[program]
        found = intensities_in(stored.columns, program)
        values = {au: self._numbers(name) for name, au in found.items()}
        for extra in _EXTRAS if program == "auheat" else ():
            for au in found.values():
                if au + extra in stored:
                    values[au + extra] = self._numbers(au + extra)
        inputs = self._inputs()
        confidence = next((name for name in CONFIDENCES if name in stored), None)
        table = pd.DataFrame(
            {
                "input": inputs,
                "frame": self._frames(about.frame, inputs),
                "timestamp": np.nan,
                "face_id": 0,
                "success": 1,
                "confidence": 1.0 if confidence is None else self._numbers(confidence).fillna(0.0),
                **values,
            },
            index=stored.index,
        )
        aus = list(found.values())
        if "success" in stored:
            success = self._numbers("success").fillna(0)
            if (wrong := ~success.isin((0, 1))).any():
                self._refuse(wrong, "success is {}, and is 0 or 1", "success")
            table["success"] = success.astype("int64")
        else:
            table["success"] = table[aus].notna().any(axis=1).astype("int64")
        table.loc[table["success"] == 0, list(values)] = np.nan
        self._add_times(table, about.timestamp)
        self._add_faces(table)
        self._refuse_twice(table)
        order = pd.factorize(table["input"])[0]
        table = table.assign(_order=order).sort_values(
            ["_order", "frame", "face_id"], kind="stable"
        )
        table = table.drop(columns="_order").reset_index(drop=True)
        table.attrs = {PROGRAM: program}
        odd = [*off_scale(table, self.name), *odd_confidence(table, self.name)]
        table.attrs[NOTES] = list(dict.fromkeys([*self.notes, *odd]))
        return table

    def _inputs(self) -> pd.Series:
        import pandas as pd

        name = next((name for name in INPUTS if name in self.stored), None)
        if name is None:
            return pd.Series("", self.stored.index)
        names = self.stored[name].fillna("").astype(str).map(unquoted)
        return names.str.replace("\\", "/", regex=False)

    def _frames(self, names: Any, inputs: pd.Series) -> pd.Series:
        """Numbers of frames from 1; 0 for images. A GIF with several frames is a video."""
        import pandas as pd

        name = next((name for name in names if name in self.stored), None)
        if name is None:
            return pd.Series(0, self.stored.index)
        ending = inputs.map(lambda text: PurePosixPath(text).suffix.lower())
        numbers = self._numbers(name) + names[name]
        is_animated = (ending == ".gif") & (numbers.groupby(inputs).transform("nunique") > 1)
        numbers = numbers.where(~ending.isin(IMAGE_SUFFIXES) | is_animated, 0)
        wrong = numbers.isna() | (numbers % 1 != 0) | (numbers < 0)
        if wrong.any():
            self._refuse(wrong, f"{name} is {{}}, and frames are whole numbers", name)
        self._refuse_large(name, numbers)
        return numbers.astype("int64")

    def _add_times(self, table: pd.DataFrame, names: Any) -> None:
        import pandas as pd

        name = next((name for name in names if name in self.stored), None)
        if name is None:
            return
        times = self._numbers(name) / names[name]
        empty = times.isna() & (table["frame"] > 0)
        # Whoever gives no times at all is read without; a single empty one is damage.
        if empty.any() and not times.isna().all():
            self._refuse(empty, f"{name} is empty", name)
        table["timestamp"] = times
        if wrong := wrong_time(table):
            self._refuse(pd.Series(wrong[0]), f"{name} {wrong[1]}", name)
        if (same := without_times(table)).any():
            table.loc[same, "timestamp"] = np.nan
            self.notes.append(f"all times in {self.name} are the same: they count as unknown")

    def _refuse_large(self, name: str, numbers: pd.Series) -> None:
        if (wrong := numbers > MAX_NUMBER).any():
            self._refuse(wrong, f"{name} is {{}}, which is too large a number", name)

    def _add_faces(self, table: pd.DataFrame) -> None:
        name = next((name for name in FACES if name in self.stored), None)
        if name is None:  # the surest first
            ranked = table.sort_values("confidence", ascending=False, kind="stable")
            table["face_id"] = ranked.groupby(["input", "frame"]).cumcount()
            if not table["input"].any() and (table["frame"] == 0).all():
                table["face_id"] = np.arange(len(table))
            return
        plain = self.stored[name]
        if name == "Identity":
            plain = plain.astype("string").str.removeprefix(PERSON)
        numbers = self._numbers(name, plain).fillna(0)
        wrong = (numbers % 1 != 0) | (numbers < 0)
        if wrong.any():
            self._refuse(wrong, f"{name} is {{}}, and faces are numbered from 0", name)
        self._refuse_large(name, numbers)
        table["face_id"] = numbers.astype("int64")

    def _refuse_twice(self, table: pd.DataFrame) -> None:
        twice = table.duplicated(["input", "frame", "face_id"])
        if twice.any():
            row = table[twice].iloc[0]
            what = f"frame {row['frame']}" if row["frame"] else row["input"] or "the image"
            self._refuse(twice, f"face {row['face_id']} of {what} is there twice")

    def _numbers(self, name: str, values: Any = None) -> pd.Series:
        """A column as floats, NaN where it is empty.

        Raises:
            AuheatError: for anything else.
        """
        import pandas as pd

        stored = self.stored[name] if values is None else values
        numbers = pd.to_numeric(stored, errors="coerce").astype("float64")
        if stored.dtype.kind not in "iufb":
            text = stored.astype("string").str.strip().fillna("")
            wrong = numbers.isna() & (text != "") & (text.str.lower() != "nan")
            if wrong.any():
                self._refuse(wrong, f"{name} is {{}}, which is no number", name)
        infinite = pd.Series(np.isinf(numbers.to_numpy()), numbers.index)
        if infinite.any():
            self._refuse(infinite, f"{name} is {{}}, which is no number", name)
        return numbers

    def _refuse(self, rows: pd.Series, reason: str, column: str | None = None) -> None:
        place = int(np.argmax(rows.to_numpy()))
        where = f"line {self.lines[place]}" if self.lines else f"row {place + 1}"
        value = "" if column is None else repr(self.stored[column].iloc[place])
        raise AuheatError(f"{where} of {self.name} is damaged: {reason.format(value)}")


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table of readings; one of events lies beside it."""
    name = path.name.lower()
    return name.endswith(SUFFIXES) and not name.endswith(EVENTS)
