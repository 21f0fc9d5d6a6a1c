"""Gives an AU's readings the spread of its labels, by a curve after the last layer.

    python scripts/fit_levels.py WEIGHTS DATA SUITE -o OUT.safetensors

A network that was trained on squared error reads what an image shows on average over all that it
may show: the less it sees, the closer it stays to rest. ICC(3,1), which asks for the labels' spread
as well as their order, counts that as disagreement. So each AU's maps are multiplied by a gain and
lowered by an offset, and where that would end below `FAINT` times what they were, they become that
instead, so that no order is lost (`auheat.models.levels`). Gain and offset are chosen by ICC on
rendered people of whom the network knows none: the mean of that over DATA, a dataset of `auheat
synth`, and over the families of SUITE (`auheat synth --suite ood`) that move. A pair may not lower
a reading of 1, from which an AU counts as there (`FALSE_ALARM`), nor raise false alarms at rest
above `MAX_ALARMS`, or above what there was. OUT has the weights with their card, in which the pairs
stand. Then measure it on people of its own (`auheat evaluate`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.data.manifest import Manifest, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.facs import MAX_INTENSITY
from auheat.heatmap import layout_of
from auheat.metrics import false_alarms, icc31
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.levels import LevelCurves
from auheat.models.runtimes.opening import open_runtime
from auheat.tables.markdown import markdown_table

GAINS = np.arange(1.0, 2.21, 0.04)
STEP = 0.04  # of offsets
FAINT = 0.1  # half of it leaves ties in tables of two decimals; twice of it costs more MAE
MAX_ALARMS = 0.03  # of the resting faces of the suite, for each AU
ENDS = ("ICC", "then", "AUC", "then")  # of columns
REST = "rest"  # how the names of the families at rest begin


@dataclass(frozen=True)
class Part:
    """Readings and labels of some images, (N, A) each."""

    values: Floats
    labels: Floats

    def rows(self, rows: NDArray[np.bool_]) -> Part:
        return Part(self.values[rows], self.labels[rows])


def read(runtime: Any, part: Manifest) -> Part:
    values = predict_part(runtime, part)
    return Part(values, part.labels(runtime.config.aus).astype(np.float64))


def scaled(values: Floats, gain: float, offset: float) -> Floats:
    """Exact for readings that were clipped before, as 0 <= offset <= gain - 1, of one point.

    The network bends the map of each point before points are averaged: where those of an AU differ,
    in uneven faces, it reads a little else.
    """
    return np.clip(np.maximum(gain * values - offset, FAINT * values), 0, MAX_INTENSITY)


def agreement(part: Part, au: int, gain: float = 1.0, offset: float = 0.0) -> float:
    """ICC of one AU with this pair."""
    return icc31(np.stack([scaled(part.values[:, au], gain, offset), part.labels[:, au]], 1))


def order(part: Part, au: int, gain: float = 1.0, offset: float = 0.0) -> float:
    """AUC of one AU with this pair: plain faces, from level 2, against resting ones.

    Readings have the two decimals of a table.
    """
    values, labels = np.round(scaled(part.values[:, au], gain, offset), 2), part.labels[:, au]
    plain, none = values[labels >= 2, None], values[labels == 0]
    return float(np.mean((plain > none) + 0.5 * (plain == none)))


def best_pair(moving: Sequence[Part], resting: Part, au: int) -> tuple[float, float]:
    """Gain and offset of one AU."""

    def alarms(gain: float, offset: float) -> float:
        values = scaled(resting.values[:, au : au + 1], gain, offset)
        return float(false_alarms(values, resting.labels[:, au : au + 1])[0])

    limit = max(MAX_ALARMS, alarms(1.0, 0.0))
    pairs = [(g, o) for g in GAINS for o in np.arange(0, g - 1 + 1e-9, STEP)]
    pairs = [pair for pair in pairs if alarms(*pair) <= limit]
    gain, offset = max(pairs, key=lambda pair: sum(agreement(part, au, *pair) for part in moving))
    return round(float(gain), 2), round(float(offset), 2)


def write(weights: Path, pairs: dict[str, tuple[float, float]], out: Path) -> None:
    """The weights with the curves of every AU."""
    stored = load_checkpoint(weights)
    layout = layout_of(stored.config)
    owners = layout.au_of_point if layout.kind == "point" else range(len(stored.config.aus))
    gain, offset = np.array([pairs[stored.config.aus[au]] for au in owners]).T
    stored.net.levels = LevelCurves(stored.net.points)
    stored.net.levels.set(gain, offset * layout.codec.scale, FAINT)
    card = dict(stored.card) | {"levels": {au: list(pair) for au, pair in pairs.items()}}
    save_checkpoint(out, stored.net, replace(stored.config, levels=True), card=card)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("suite", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    if load_checkpoint(options.weights).config.levels:
        parser.error(f"{options.weights} has curves already: give the weights from before")
    runtime = open_runtime(options.weights, runtime="torch", device="cpu", precision="fp32")
    data, suite = (read_manifest(folder) for folder in (options.data, options.suite))
    suite = suite.split("test")
    rest = suite.table["sequence"].str.startswith(REST).to_numpy()
    if rest.all() or not rest.any():
        parser.error(f"{options.suite} has no families: make them with auheat synth --suite ood")
    known, varied = read(runtime, data), read(runtime, suite)
    moving, resting = (known, varied.rows(~rest)), varied.rows(rest)
    pairs = {au: best_pair(moving, resting, n) for n, au in enumerate(runtime.config.aus)}
    rows = []
    for n, (au, pair) in enumerate(pairs.items()):
        texts = [au, *(f"{x:.2f}" for x in pair)]
        for part in moving:
            texts += [f"{agreement(part, n):.3f}", f"{agreement(part, n, *pair):.3f}"]
            texts += [f"{order(part, n):.3f}", f"{order(part, n, *pair):.3f}"]
        rows.append(texts)
    head = ("AU", "gain", "offset", *(f"{what}{end}" for what in ("", "suite ") for end in ENDS))
    print(markdown_table(head, rows))
    write(options.weights, pairs, options.out)


if __name__ == "__main__":
    try:
        main()
    except AuheatError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
