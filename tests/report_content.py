"""What a report holds, as data."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.web.report.readings import Readings
from auheat.web.report.table import read_stored_table

VIDEO_HEAD = "frame,face_id,timestamp,confidence,success"


def content_of(text: str) -> dict[str, Any]:
    """The content of a report's HTML."""
    found: dict[str, Any] = json.loads(text.split('id="content">')[1].split("</script>")[0])
    return found


def unpacked(person: dict[str, Any], aus: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Frames, from 0, and intensities (N, A) of a person."""
    frames = np.frombuffer(base64.b64decode(person["frames"]), "<i4")
    hundredths = np.frombuffer(base64.b64decode(person["intensities"]), "<u2")
    return frames, hundredths.reshape(-1, aus) / 100


def readings_of(path: Path, lines: list[str], head: str) -> Readings:
    """The readings of a table that is written first."""
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return read_stored_table(path).readings
