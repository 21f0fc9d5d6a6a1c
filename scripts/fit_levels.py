"""Gives an AU's readings the spread of its labels, by two numbers of the last layer.

    python scripts/fit_levels.py WEIGHTS DATA SUITE -o OUT.safetensors

A network that was trained on squared error reads what an image shows on average over all that it
may show: the less it sees, the closer it stays to rest. ICC(3,1), which asks for the labels' spread
as well as their order, counts that as disagreement. So each AU's maps are multiplied by a gain and
lowered by an offset, which are chosen by ICC on rendered people of whom the network knows none:
the mean of that over DATA, a dataset of `auheat synth`, and over the families of SUITE (`auheat
synth --suite ood`) that move. A pair may not lower a reading of 1, from which an AU counts as there
(`FALSE_ALARM`), nor raise false alarms at rest above `MAX_ALARMS`, or above what there was. OUT has
the weights with their card, in which the pairs stand. Then measure it on people of its own
(`auheat evaluate`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.data.manifest import Manifest, read_manifest
from auheat.evaluation.evaluate import predict_part
from auheat.facs import MAX_INTENSITY
from auheat.heatmap import layout_of
from auheat.metrics import false_alarms, icc31
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.runtimes.opening import open_runtime
from auheat.tables.markdown import markdown_table

GAINS = np.arange(1.0, 2.21, 0.04)
STEP = 0.04  # of offsets
MAX_ALARMS = 0.03  # of the resting faces of the suite, for each AU
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
    """Exact for readings that were clipped before, as 0 <= offset <= gain - 1."""
    return np.clip(gain * values - offset, 0, MAX_INTENSITY)


def agreement(part: Part, au: int, gain: float = 1.0, offset: float = 0.0) -> float:
    """ICC of one AU with this pair."""
    return icc31(np.stack([scaled(part.values[:, au], gain, offset), part.labels[:, au]], 1))


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
    """The weights with every AU's maps multiplied and lowered."""
    stored = load_checkpoint(weights)
    layout, head = layout_of(stored.config), stored.net.head
    owners = layout.au_of_point if layout.kind == "point" else range(len(stored.config.aus))
    with torch.no_grad():
        for row, au in enumerate(owners):
            gain, offset = pairs[stored.config.aus[au]]
            head.weight[row] *= gain
            bias = torch.as_tensor(head.bias)
            bias[row] = bias[row] * gain - offset * layout.codec.scale
    card = dict(stored.card) | {"levels": {au: list(pair) for au, pair in pairs.items()}}
    save_checkpoint(out, stored.net, stored.config, card=card)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("suite", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    runtime = open_runtime(options.weights, runtime="torch", device="cpu", precision="fp32")
    data, suite = (read_manifest(folder) for folder in (options.data, options.suite))
    rest = suite.table["sequence"].str.startswith(REST).to_numpy()
    known, varied = read(runtime, data), read(runtime, suite.split("test"))
    moving, resting = (known, varied.rows(~rest)), varied.rows(rest)
    pairs = {au: best_pair(moving, resting, n) for n, au in enumerate(runtime.config.aus)}
    rows = []
    for n, (au, pair) in enumerate(pairs.items()):
        texts = [au, *(f"{x:.2f}" for x in pair)]
        for part in moving:
            texts += [f"{agreement(part, n):.3f}", f"{agreement(part, n, *pair):.3f}"]
        rows.append(texts)
    print(markdown_table(("AU", "gain", "offset", "ICC", "then", "suite", "then"), rows))
    write(options.weights, pairs, options.out)


if __name__ == "__main__":
    main()
