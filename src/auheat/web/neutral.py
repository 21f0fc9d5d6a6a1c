"""The table of a reading, calibrated afterwards as `auheat.inference.calibration` does it."""

from __future__ import annotations

import csv
import io

import numpy as np

from auheat.inference.baseline import Baseline, Rest
from auheat.inference.calibration import calibrated
from auheat.inference.curves import Recorder
from auheat.results import is_present


def calibrated_table(text: str, recorder: Recorder, baseline: Baseline) -> str:
    """A video's CSV, calibrated, with what was read in columns AUxx_raw, as `auheat predict` does.

    text: the CSV as read. recorder: the same readings unrounded. A person who is not in the
    baseline stays as read.
    """
    reader = csv.DictReader(io.StringIO(text))
    raw = [f"{au}_raw" for au in recorder.aus]
    out = io.StringIO()
    writer = csv.DictWriter(out, [*(reader.fieldnames or ()), *raw], lineterminator="\n")
    writer.writeheader()
    people = recorder.curves()
    for row in reader:
        face_id, levels = int(row["face_id"]), {}
        if row["success"] == "1":
            person = people[face_id]
            read = person.levels[np.searchsorted(person.frames, int(row["frame"]))]
            levels = _levels(read, recorder.aus, baseline.of(face_id))
        writer.writerow(row | dict.fromkeys(raw, "") | levels)
    return out.getvalue()


def _levels(
    read: np.ndarray[tuple[int, ...], np.dtype[np.float64]], aus: tuple[str, ...], rest: Rest | None
) -> dict[str, str]:
    base = [rest.readings[au] if rest else 0.0 for au in aus]
    cells: dict[str, str] = {}
    for au, before, after in zip(aus, read.tolist(), calibrated(read, base).tolist(), strict=True):
        cells |= {f"{au}_r": f"{after:.2f}", f"{au}_c": str(is_present(after))}
        cells[f"{au}_raw"] = f"{before:.2f}"
    return cells
