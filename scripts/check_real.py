"""Checks predictions on real images and clips against what a person sees in them.

    python scripts/check_real.py MEDIA [--weights FILE]

MEDIA holds images, videos and `expectations.csv` with columns id, file, au, measure, frames_a,
frames_b, op, value, why: orderings and bounds that hold if the tool works. Frames count from 1 and
ranges are inclusive. The media are for checking only, never for training or tuning.
"""

from __future__ import annotations

import argparse
import csv
import math
import operator
import sys
from collections.abc import Callable
from pathlib import Path

import auheat
from auheat.results import FrameResult

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}
_IMAGES = {".jpg", ".jpeg", ".png"}


def read_results(path: Path, weights: str) -> list[FrameResult]:
    """All frames of a video, or the single one of an image."""
    if path.suffix.lower() in _IMAGES:
        predictions = auheat.load(weights).predict(path).faces
        return [FrameResult(1, 0.0, faces=tuple(predictions))]
    return list(auheat.load(weights).predict_video(path))


def mean_of(results: list[FrameResult], what: str, frames: str) -> float:
    """Mean of `success`, or of an AU over the first face of each frame that has one."""
    chosen = [result for result in results if _in_range(result.frame, frames)]
    if what == "success":
        return sum(bool(result.faces) for result in chosen) / max(len(chosen), 1)
    levels = [result.faces[0].intensities[what] for result in chosen if result.faces]
    return sum(levels) / len(levels) if levels else math.nan


def measure(results: list[FrameResult], row: dict[str, str]) -> float:
    """The number that an expectation is about."""
    kind, what = row["measure"], row["au"]
    if kind == "count":
        return float(len(results[0].faces))
    if kind.startswith("faces_at_least_"):
        level = float(kind.rsplit("_", 1)[1])
        return float(sum(face.intensities[what] >= level for face in results[0].faces))
    value = mean_of(results, what, row["frames_a"])
    if kind == "mean_difference":
        value -= mean_of(results, what, row["frames_b"])
    return value


def _in_range(frame: int, frames: str) -> bool:
    if not frames:
        return True
    first, last = (int(number) for number in frames.split("-"))
    return first <= frame <= last


def main() -> int:
    """Prints a line for each expectation; the exit code is 1 if any fails."""
    parser = argparse.ArgumentParser(description="Check predictions on real media.")
    parser.add_argument("media", type=Path)
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    with (arguments.media / "expectations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    results: dict[str, list[FrameResult]] = {}
    held = 0
    for row in rows:
        name = row["file"]
        if name not in results:
            results[name] = read_results(arguments.media / name, arguments.weights)
        value = measure(results[name], row)
        passed = _OPERATORS[row["op"]](value, float(row["value"]))
        held += passed
        print(
            f"{'ok  ' if passed else 'FAIL'} {row['id']} {name:18s} {row['au']:8s} "
            f"{row['measure']:20s} {value:6.2f} {row['op']} {row['value']:5s} {row['why']}"
        )
    print(f"{held} of {len(rows)} hold")
    return 0 if held == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
