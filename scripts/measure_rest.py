"""Makes the table "On a real face" of docs/calibration.md: of someone who rests, then smiles.

    python scripts/measure_rest.py CLIP [--rest 1-17] [--smile 21-69] [--weights FILE]

Frames count from 1, ranges are inclusive. For the readings as they are and for each baseline: the
highest reading of any resting frame, of every AU that reads at least 0.5 there and of the others
together, and the mean of AU12 in the smile. Below the table: what the resting reading of an AU does
while the face rests, which no baseline takes off.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import auheat
from auheat.tables.markdown import markdown_table

BASELINES: tuple[int | str | None, ...] = (None, 10, 1, "auto")
# AUs that read this at rest have a column of their own.
_HIGH = 0.5


def frames(text: str) -> tuple[int, int]:
    """The first and the last frame of "1-17"."""
    first, _, last = text.partition("-")
    return int(first), int(last)


def within(table: Any, span: tuple[int, int]) -> Any:
    """The rows of a table of one person in a span of frames."""
    return table[(table["success"] == 1) & table["frame"].between(*span)]


def measured(tables: Mapping[str, Any], rest: tuple[int, int], smile: tuple[int, int]) -> str:
    """The table and the line below it, as Markdown.

    Args:
        tables: By the name of their row, the readings as they are first.
        rest: First and last frame of rest.
        smile: The same of the smile.
    """
    raw = within(next(iter(tables.values())), rest)
    columns = list(raw.filter(regex=r"AU(?!45)\d+_r$"))
    high = [name for name in columns if raw[name].max() >= _HIGH]
    rows = []
    for name, table in tables.items():
        at_rest, smiling = within(table, rest)[columns].max(), within(table, smile)["AU12_r"]
        cells = [f"{at_rest[column]:.2f}" for column in high]
        others = f"{at_rest.drop(high).max():.2f}"
        rows.append([name, *cells, others, f"{smiling.mean():.2f} (at most {smiling.max():.2f})"])
    head = ["", *(column[:4] for column in high), "other AUs", "AU12, smile"]
    drifts = ", ".join(f"{c[:4]} from {raw[c].min():.2f} to {raw[c].max():.2f}" for c in high)
    return f"{markdown_table(head, rows)}\n\nReadings at rest: {drifts or 'all below 0.5'}."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rest", type=frames, default=(1, 17))
    parser.add_argument("--smile", type=frames, default=(21, 69))
    parser.add_argument("--weights", default="default")
    options = parser.parse_args()
    predictor = auheat.load(options.weights, max_faces=1)
    tables = {
        "raw" if one is None else f"`--baseline {one}`": predictor.predict_video(
            options.clip, baseline=one
        ).to_pandas()
        for one in BASELINES
    }
    print(measured(tables, options.rest, options.smile))


if __name__ == "__main__":
    main()
