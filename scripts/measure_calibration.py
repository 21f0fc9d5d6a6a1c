r"""Makes the table of docs/calibration.md: raw against calibrated readings.

    auheat synth --assets ASSETS -o PAIRS --pairs --subjects 240 --images 480 --seed 501 \
        --pad 24 --val 0.5 --test 0.5
    python scripts/measure_calibration.py PAIRS [--weights FILE]

PAIRS holds at least two pairs of a resting and an expressive image for every person, each image
in a light and view of its own. What a person's resting image in one pair reads is taken from
their images in the other pair, so no image is its own baseline. The test split is reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.data.manifest import Manifest, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.inference.calibration import calibrated
from auheat.metrics import Agreement
from auheat.models.runtimes.opening import open_runtime
from auheat.models.weights import default_weights
from auheat.tables.markdown import markdown_table


class Measured(NamedTuple):
    """Figures for each AU, (A,): agreement over all images, and false positives."""

    icc: Floats
    mae: Floats
    false: Floats


def crossed(part: Manifest) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row by row: a baseline image, then a resting and an expressive one of another pair."""
    table = part.table.reset_index(drop=True)
    baselines, resting, expressive = [], [], []
    for _, rows in table.groupby("subject"):
        pairs = [pair.sort_values("frame").index.tolist() for _, pair in rows.groupby("sequence")]
        for first, second in zip(pairs, pairs[1:] + pairs[:1], strict=True):
            baselines.append(first[0])
            resting.append(second[0])
            expressive.append(second[1])
        if len(pairs) < 2:
            raise AuheatError(f"{part.folder} has one pair a person: ask for twice as many images")
    return np.array(baselines), np.array(resting), np.array(expressive)


def measure(levels: Floats, labels: Floats, resting: int) -> Measured:
    """levels, labels: (N, A), of which the first `resting` rows show people at rest."""
    agreement = Agreement.of(levels, labels)
    return Measured(agreement.icc, agreement.mae, (levels[:resting] >= 1).mean(0))


def table(aus: Sequence[str], raw: Measured, better: Measured) -> str:
    """Both as Markdown, a row for each AU and their mean."""
    rows = []
    for name, at in [*((au, a) for a, au in enumerate(aus)), ("mean", slice(None))]:
        icc, mae, false = (
            [float(np.mean(one[at])) for one in (getattr(raw, key), getattr(better, key))]
            for key in Measured._fields
        )
        rows.append([name, *(f"{x:.3f}" for x in (*icc, *mae)), *(f"{x:.1%}" for x in false)])
    head = [
        *("AU", "ICC raw", "ICC calibrated", "MAE raw", "MAE calibrated"),
        *("false positives raw", "calibrated"),
    ]
    return markdown_table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    weights = options.weights or default_weights()
    runtime = open_runtime(weights, device="cpu", precision="fp32")
    part = read_manifest(options.pairs).split(options.split)
    levels = predict_part(runtime, part)
    aus = runtime.config.aus
    labels = np.asarray(part.labels(aus), np.float64)
    baselines, resting, expressive = crossed(part)
    odd = (levels[baselines] >= 1).any(1)
    people = part.table["subject"].to_numpy()[baselines]
    for name, rows in (("everybody", odd | ~odd), ("an AU of 1 or more at rest", odd)):
        images = np.concatenate([resting[rows], expressive[rows]])
        rest = np.tile(levels[baselines[rows]], (2, 1))
        count = int(rows.sum())
        raw = measure(levels[images], labels[images], count)
        better = measure(calibrated(levels[images], rest), labels[images], count)
        print(f"{name}: {len(set(people[rows]))} people, {len(images)} images, synthetic faces")
        print(f"\n{table(aus, raw, better)}\n")


if __name__ == "__main__":
    main()
