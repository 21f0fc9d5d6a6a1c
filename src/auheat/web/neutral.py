"""A frame of a reading taken as neutral, with the formula of `auheat.inference.calibration`."""

from __future__ import annotations

import csv
import io

import numpy as np

from auheat.errors import AuheatError
from auheat.inference.baseline import Baseline, Rest
from auheat.inference.calibration import AROUND, calibrated
from auheat.inference.curves import Recorder
from auheat.results import is_present


def baseline_at(frame: int, recorder: Recorder, source: str) -> Baseline:
    """The resting faces of everyone in a frame (from 1): the median of the frames around it.

    source: what the video is called. Raises AuheatError if no face is in that frame.
    """
    faces = {}
    for face_id, person in recorder.curves().items():
        if frame in person.frames:
            time = person.times[person.frames == frame][0]
            near = np.abs(person.times - time) <= AROUND + 1e-6
            readings = np.median(person.levels[near], axis=0).tolist()
            rest = dict(zip(recorder.aus, readings, strict=True))
            faces[face_id] = Rest(rest, tuple(person.frames[near].tolist()))
    if not faces:
        raise AuheatError(f"frame {frame} shows no face: choose another one as neutral")
    method = f"frame {frame}, median of the frames up to {AROUND:g} s around it"
    return Baseline(faces, method, source)


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
