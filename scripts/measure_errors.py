"""Measures how far readings are off by level: coverage of 1.96 sd, bias, and against always 0.

    python scripts/measure_errors.py DATA [--weights FILE] [-o docs/errors.json]

DATA is a dataset of `auheat synth` with people in its split test that neither the weights nor their
uncertainty (scripts/fit_uncertainty.py) were made with. Prints the tables of docs/uncertainty.md,
and writes their numbers with -o; tests compare both. All AUs count together, each value of each
image once; what nobody coded is left out.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from auheat.arrays import Floats
from auheat.data.manifest import read_manifest
from auheat.facs import MAX_INTENSITY
from auheat.files import atomic_write
from auheat.inference.uncertainty import load_uncertainty
from auheat.models.runtimes.opening import open_runtime
from auheat.models.weights import default_weights
from auheat.tables.markdown import markdown_table
from fit_uncertainty import read_views

# Bounds of readings; one that is a bound counts to the band above it. The first band is 0.
BOUNDS = (0.0, 0.05, 1.0, 2.0, 3.0, 4.0, 5.0)
Z = 1.96  # standard deviations of a normal that hold 95%


def bands() -> dict[str, tuple[float, float]]:
    """Names and bounds of the bands of readings; the last one holds the highest reading."""
    named = {f"{low:g} to {high:g}": (low, high) for low, high in pairwise(BOUNDS)}
    return {name: (a, np.inf if b == MAX_INTENSITY else b) for name, (a, b) in named.items()}


def by_truth(levels: Floats, labels: Floats, sds: Floats) -> dict[str, dict[str, float]]:
    """For each label, rounded to whole levels, how often it lies within `Z` sd of the reading.

    Args:
        levels: (N, A) readings.
        labels: (N, A).
        sds: (N, A).
    """
    inside = np.abs(levels - labels) <= Z * sds
    rounded = np.rint(labels)
    return {
        f"{level:g}": {
            "values": int((rounded == level).sum()),
            "coverage": round(float(inside[rounded == level].mean()), 3),
        }
        for level in np.unique(rounded[~np.isnan(rounded)])
    }


def by_reading(levels: Floats, labels: Floats, sds: Floats) -> dict[str, dict[str, float]]:
    """For each band of readings coverage, bias, root mean square error, and the mean sd.

    Bias is the mean of the reading less the truth. Arguments as in `by_truth`.
    """
    errors, found = levels - labels, {}
    for name, (low, high) in bands().items():
        rows = (levels >= low) & (levels < high) & ~np.isnan(errors)
        if rows.any():
            own = errors[rows]
            found[name] = {
                "values": int(rows.sum()),
                "coverage": round(float((np.abs(own) <= Z * sds[rows]).mean()), 3),
                "bias": round(float(own.mean()), 3),
                "rmse": round(float(np.sqrt((own**2).mean())), 3),
                "sd": round(float(sds[rows].mean()), 3),
            }
    return found


def always_zero(labels: Floats, aus: tuple[str, ...]) -> dict[str, float]:
    """The mean absolute error of saying 0 of every image, which is the mean label.

    By AU, and as "mean" over them. What nobody coded at all is left out.
    """
    coded = ~np.isnan(labels).all(0)
    means = np.nanmean(labels[:, coded], 0)
    named = zip((*np.array(aus)[coded].tolist(), "mean"), (*means, means.mean()), strict=True)
    return {au: round(float(mean), 6) for au, mean in named}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    path = options.weights or default_weights()
    runtime = open_runtime(path, device="cpu")
    uncertainty = load_uncertainty(path, runtime.config.aus)
    if uncertainty is None:
        parser.error(f"{path} has no uncertainty beside it: run scripts/fit_uncertainty.py")
    views = read_views(read_manifest(options.data).split("test"), runtime, corrupted=(False,))
    sds = uncertainty.std(views.levels, views.seen)
    numbers = (views.levels, views.labels, sds)
    errors = np.abs(views.levels - views.labels)
    report = {
        "kind": "errors by level, synthetic faces",
        "people": len(set(views.people)),
        "images": len(views.levels),
        "coverage": round(float((errors <= Z * sds)[~np.isnan(errors)].mean()), 3),
        "by truth": by_truth(*numbers),
        "by reading": by_reading(*numbers),
        "always zero": always_zero(views.labels, uncertainty.aus),
    }
    if options.out:
        with atomic_write(options.out) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(as_text(report))


def as_text(report: dict[str, Any]) -> str:
    """Everything in Markdown."""
    people, images = report["people"], report["images"]
    whole = f"{people} people, {images} images, coverage {percent(report['coverage'])}"
    rows = [(au, f"{mae:.3f}") for au, mae in report["always zero"].items()]
    zero = markdown_table(["AU", "MAE of always 0"], rows)
    return "\n\n".join((whole, *tables(report), zero))


def tables(report: dict[str, Any]) -> list[str]:
    """The tables of docs/uncertainty.md."""
    truth, reading = report["by truth"], report["by reading"]
    first = ("within 1.96 sd", *(percent(one["coverage"]) for one in truth.values()))
    rows = [
        ("within 1.96 sd", *(percent(one["coverage"]) for one in reading.values())),
        ("mean of reading less truth", *(f"{one['bias']:+.2f}" for one in reading.values())),
        ("root mean square error", *(f"{one['rmse']:.2f}" for one in reading.values())),
        ("mean sd", *(f"{one['sd']:.2f}" for one in reading.values())),
    ]
    return [markdown_table(["true level", *truth], [first]),
            markdown_table(["reading", *reading], rows)]  # fmt: skip


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}%"


if __name__ == "__main__":
    main()
