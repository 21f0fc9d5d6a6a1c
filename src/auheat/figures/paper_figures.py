"""Figures 4 to 8 of the paper from the finished runs of a study.

Which pictures and sequences are shown is decided by labels alone, never by how well a network does
on them. Networks are those of the first seed and the first fold, on that fold's test subjects.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.data.manifest import Manifest
from auheat.evaluation.predictions import LABEL, Predictions, pool
from auheat.evaluation.report import is_synthetic
from auheat.figures import probe
from auheat.figures.arm_results import database_of, result_of
from auheat.figures.channels import figure7, telling_channels, telling_pictures
from auheat.figures.distribution import figure4
from auheat.figures.heatmap_panels import Curve, figure5, figure8
from auheat.figures.sweep import Sweep, figure6
from auheat.models.checkpoint import Checkpoint, load_checkpoint
from auheat.training import arms
from auheat.training.arms import Arm
from auheat.training.fit import BEST, read_dataset
from auheat.training.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 2
# AUs whose curves the paper shows, and those that stand in where a dataset does not code them.
_CURVES = (("AU01", "AU02"), ("AU06", "AU12"))
# Pictures among which Figure 7 looks for those that move its channels most.
_CANDIDATES = 200


def draw_figure4(study: Study) -> Figure:
    """How often each level occurs."""
    aus, name = study.design.aus, database_of(study)
    return figure4({name: study.manifest.labels(aus)}, {name: aus}, _synthetic(study))


def draw_figure5(study: Study) -> Figure:
    """Heatmaps of two expressive faces, and two AUs through a sequence each."""
    checkpoint, part = _network(study, arms.SCC)
    rows = probe.expressive_rows(part, study.design.aus, _SHOWN)
    pooled = pool(study.predictions(arms.SCC, study.seeds[0]))
    aus = next(pair for pair in _CURVES if set(pair) <= set(study.design.aus))
    curves = [Curve.of(pooled, sequence, au) for sequence, au in liveliest(pooled, aus)]
    faces = probe.see_faces(checkpoint, part, rows)
    return figure5(faces, curves, _synthetic(study), data=_words(study))


def draw_figure6(study: Study, ks: Sequence[int], results: Path) -> Figure:
    """Agreement against k."""
    found = [result_of(study, at(study, k), results) for k in ks]
    spreads = [result.spread for result in found]
    sweep = Sweep(
        ks,
        [result.mean("icc") for result in found],
        [result.mean("mae") for result in found],
        [spread["icc"] for spread in spreads],
        [spread["mae"] for spread in spreads],
        "folds" if len(study.seeds) == 1 else "seeds",
        study.design.k,
    )
    return figure6(sweep, _synthetic(study), _words(study, "pooled over folds"))


def draw_figure7(study: Study) -> Figure:
    """Two feature channels: their weights, and a picture that moves each."""
    checkpoint, part = _network(study, arms.SCC)
    rows = range(0, len(part.table), max(1, len(part.table) // _CANDIDATES))
    seen = probe.see_channels(checkpoint, part, rows)
    channels = telling_channels(seen.weights)
    chosen = [rows[place] for place in telling_pictures(seen.responses, channels)]
    shown = probe.see_channels(checkpoint, part, chosen)
    return figure7(shown, _synthetic(study), channels, _words(study))


def draw_figure8(study: Study) -> Figure:
    """Heatmaps with and without SCC."""
    checkpoint, part = _network(study, arms.SCC)
    rows = probe.expressive_rows(part, study.design.aus, _SHOWN)
    without, _ = _network(study, arms.PLAIN)
    above, below = (probe.see_faces(network, part, rows) for network in (checkpoint, without))
    return figure8(above, below, _synthetic(study), data=_words(study))


def at(study: Study, k: int) -> Arm:
    """SCC-Heatmap at k; the paper's own k needs no run of its own."""
    return arms.SCC if k == study.design.k else arms.at_k(k)


def liveliest(predictions: Predictions, aus: Sequence[str]) -> list[tuple[str, str]]:
    """For each AU the sequence whose labels vary most, no sequence twice: (sequence, AU)."""
    chosen: list[tuple[str, str]] = []
    for au in aus:
        spread = predictions.table.groupby("sequence")[au + LABEL].std().fillna(0.0)
        spread = spread.drop([sequence for sequence, _ in chosen])
        if len(spread):
            chosen.append((str(spread.idxmax()), au))
    return chosen


def _network(study: Study, arm: Arm) -> tuple[Checkpoint, Manifest]:
    """The network of the first seed and fold, and the pictures that tested it."""
    seed = study.seeds[0]
    checkpoint = load_checkpoint(study.folder(arm, seed, 1) / BEST)
    return checkpoint, read_dataset(study.experiment(arm, seed, 1).data).split("test")


def _synthetic(study: Study) -> bool:
    return is_synthetic(study.manifest.source)


def _words(study: Study, where: str = "test subjects of fold 1") -> str:
    like = "made like " if _synthetic(study) else ""
    return f"{like}{database_of(study)}, {where}, preset {study.preset}"
