"""Checks predictions on real images and clips against what a person sees in them.

    python scripts/check_real.py MEDIA [--weights FILE] [--groups FILE]

MEDIA holds images, videos and `expectations.csv` with columns id, file, au, measure, frames_a,
frames_b, op, value, why: orderings and bounds that hold if the tool works. Frames count from 1 and
ranges are inclusive. FILE has columns file and tags, words that say who is seen and how (`f older
glasses`): what holds is then also counted for each word, in active and in resting faces, with
Wilson's 95% interval. It takes expectations for independent, which those of one person are not, so
it is too narrow rather than too wide. The media are for checking only, never for training or
tuning.
"""

from __future__ import annotations

import argparse
import csv
import math
import operator
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scipy.stats import binomtest

import auheat
from auheat.results import FrameResult

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}
_IMAGES = {".jpg", ".jpeg", ".png"}
_MOST_FACES = 12  # as many as the largest group has that expectations count


def read_results(path: Path, weights: str) -> list[FrameResult]:
    """All frames of a video, or the single one of an image."""
    if path.suffix.lower() in _IMAGES:
        predictions = auheat.load(weights, max_faces=_MOST_FACES).predict(path).faces
        return [FrameResult(1, 0.0, faces=tuple(predictions))]
    return list(auheat.load(weights, max_faces=_MOST_FACES).predict_video(path))


def mean_of(results: list[FrameResult], what: str, frames: str) -> float:
    """Mean of `success`, or of an AU over the first face of each frame that has one.

    Readings have the two decimals of a table, from which others count, too.
    """
    chosen = [result for result in results if _in_range(result.frame, frames)]
    if what == "success":
        return sum(bool(result.faces) for result in chosen) / max(len(chosen), 1)
    levels = [round(result.faces[0].intensities[what], 2) for result in chosen if result.faces]
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


def _kind(row: dict[str, str]) -> str:
    """Whether an expectation is about an active or a resting face, or about something else."""
    if row["au"] in ("faces", "success") or row["measure"] != "mean":
        return "other"
    return "active" if row["op"] == ">=" else "resting"


def group_lines(
    held: Sequence[tuple[dict[str, str], bool]], tags: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """A line of a Markdown table for each tag, the most frequent first.

    Args:
        held: Expectations, and whether each holds.
        tags: Of each file.
    """
    counts: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for row, passed in held:
        for tag in tags.get(row["file"], ()):
            counts[tag][_kind(row), passed] += 1
    yield "| group | active as active | 95% | resting as resting | 95% |"
    yield "|---|---|---|---|---|"
    for tag, count in sorted(counts.items(), key=lambda item: (-item[1].total(), item[0])):
        cells = [tag]
        for kind in ("active", "resting"):
            good, bad = count[kind, True], count[kind, False]
            cells += [f"{good}/{good + bad}", _wilson(good, good + bad)]
        yield f"| {' | '.join(cells)} |"


def _wilson(good: int, total: int) -> str:
    if not total:
        return ""
    low, high = binomtest(good, total).proportion_ci(method="wilson")
    return f"[{low:.2f}, {high:.2f}]"


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
    parser.add_argument("--groups", type=Path)
    arguments = parser.parse_args()
    with (arguments.media / "expectations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    tags: dict[str, list[str]] = {}
    if arguments.groups:
        with arguments.groups.open(newline="") as stream:
            tags = {row["file"]: row["tags"].split() for row in csv.DictReader(stream)}
    results: dict[str, list[FrameResult]] = {}
    held: list[tuple[dict[str, str], bool]] = []
    for row in rows:
        name = row["file"]
        if name not in results:
            results[name] = read_results(arguments.media / name, arguments.weights)
        value = measure(results[name], row)
        passed = _OPERATORS[row["op"]](value, float(row["value"]))
        held.append((row, passed))
        print(
            f"{'ok  ' if passed else 'FAIL'} {row['id']} {name:18s} {row['au']:8s} "
            f"{row['measure']:20s} {value:6.2f} {row['op']} {row['value']:5s} {row['why']}"
        )
    holding = sum(passed for _, passed in held)
    print(f"{holding} of {len(rows)} hold")
    if tags:
        print("\n" + "\n".join(group_lines(held, tags)))
    return 0 if holding == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
