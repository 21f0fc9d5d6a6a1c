"""Figures 4 to 8 of the paper from the finished runs of a sweep.

Which images and sequences are shown is decided by labels alone, never by how well a network does
on them. Networks are those of the first seed and the first fold, on that fold's test subjects.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.evaluation.report import is_synthetic
from auheat.figures import activations, style
from auheat.figures.channels import (
    figure7,
    most_discriminative_channels,
    most_discriminative_images,
)
from auheat.figures.distribution import figure4
from auheat.figures.face_maps import Faces
from auheat.figures.heatmap_panels import AgreementCurve, figure5, figure8
from auheat.figures.neighbours import NeighbourCurve, figure6
from auheat.figures.rows import database_of
from auheat.models.checkpoint import Checkpoint, load_checkpoint
from auheat.training import ablations
from auheat.training.ablations import Sweep, Variant
from auheat.training.aggregate import aggregate
from auheat.training.run_data import read_dataset
from auheat.training.run_folder import BEST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 2
_TESTED = "test subjects of fold 1"
_PICKED = "people and AUs are those with the largest labels"
# AUs whose curves the paper shows, and those that stand in where a dataset does not code them.
_CURVES = (("AU01", "AU02"), ("AU06", "AU12"))
# Images among which Figure 7 looks for those that move its channels most.
_CANDIDATES = 200


def draw_figure4(*sweeps: Sweep) -> Figure:
    """How often each level occurs, a panel for each dataset."""
    named = {database_of(sweep): sweep for sweep in sweeps}
    return figure4(
        {name: sweep.manifest.labels(sweep.design.aus) for name, sweep in named.items()},
        {name: sweep.design.aus for name, sweep in named.items()},
        synthetic=[name for name, sweep in named.items() if _synthetic(sweep)],
    )


def draw_figure5(*sweeps: Sweep) -> Figure:
    """Heatmaps of two expressive faces, and two AUs through a sequence each.

    The faces are of the first dataset, the sequences of the last, as the paper has them of BP4D and
    DISFA.
    """
    above, below = sweeps[0], sweeps[-1]
    words = _words(above)
    if len(sweeps) > 1:
        faces_of, curves_of = (
            f"{style.SYNTHETIC} {_made_like(sweep)}" if _synthetic(sweep) else _made_like(sweep)
            for sweep in (above, below)
        )
        words = f"heatmaps: {faces_of}; curves: {curves_of}; {_settings(above)}"
    return figure5(
        _expressive_faces(above),
        _varied_curves(below),
        synthetic=len(sweeps) == 1 and _synthetic(above),
        data=f"{words}; {_PICKED}; sequences are those whose labels vary most",
    )


def _expressive_faces(sweep: Sweep) -> Faces:
    checkpoint, part = _network(sweep, ablations.SCC)
    rows = activations.most_active_rows(part, sweep.design.aus, count=_SHOWN)
    return activations.face_activations(checkpoint, part, rows=rows)


def _varied_curves(sweep: Sweep) -> list[AgreementCurve]:
    tested = sweep.predictions(ablations.SCC, sweep.seeds[0])[0]  # those of the network's own fold
    aus = next(pair for pair in _CURVES if set(pair) <= set(sweep.design.aus))
    return [
        AgreementCurve.of(tested, sequence, au)
        for sequence, au in most_active_sequences(tested, aus)
    ]


def draw_figure6(sweep: Sweep, ks: Sequence[int], *, results: Path) -> Figure:
    """Agreement against k."""
    found = [aggregate(sweep, at(sweep, k), results) for k in ks]
    spreads = [result.spread for result in found]
    curve = NeighbourCurve(
        ks,
        [result.mean("icc") for result in found],
        [result.mean("mae") for result in found],
        [spread["icc"] for spread in spreads],
        [spread["mae"] for spread in spreads],
        "folds" if len(sweep.seeds) == 1 else "seeds",
        sweep.design.k,
    )
    return figure6(curve, _synthetic(sweep), data=_words(sweep, "pooled over folds"))


def draw_figure7(sweep: Sweep) -> Figure:
    """Two feature channels: their weights, and an image that moves each."""
    checkpoint, part = _network(sweep, ablations.SCC)
    rows = range(0, len(part.table), max(1, len(part.table) // _CANDIDATES))
    seen = activations.channel_activations(checkpoint, part, rows=rows)
    channels = most_discriminative_channels(seen.weights)
    chosen = [rows[place] for place in most_discriminative_images(seen.responses, channels)]
    shown = activations.channel_activations(checkpoint, part, rows=chosen)
    return figure7(shown, _synthetic(sweep), channels=channels, data=_words(sweep))


def draw_figure8(sweep: Sweep) -> Figure:
    """Heatmaps with and without SCC."""
    checkpoint, part = _network(sweep, ablations.SCC)
    rows = activations.most_active_rows(part, sweep.design.aus, count=_SHOWN)
    without, _ = _network(sweep, ablations.PLAIN)
    above = activations.face_activations(checkpoint, part, rows=rows)
    below = activations.face_activations(without, part, rows=rows)
    return figure8(above, below, synthetic=_synthetic(sweep), data=f"{_words(sweep)}; {_PICKED}")


def at(sweep: Sweep, k: int) -> Variant:
    """SCC-Heatmap at k; the paper's own k needs no run of its own."""
    return ablations.SCC if k == sweep.design.k else ablations.at_k(k)


def refuse_other_k(sweep: Sweep, ks: Sequence[int]) -> None:
    """Looks whether every point of Figure 6 has the k that it is drawn at.

    Raises:
        AuheatError: The changes of the sweep say another.
    """
    for k in ks:
        if sweep.experiment(at(sweep, k), sweep.seeds[0], 1).model.scc_k != k:
            raise AuheatError("model.scc_k is what figure6 is about: leave it out, and give --k")


def most_active_sequences(predictions: Predictions, aus: Sequence[str]) -> list[tuple[str, str]]:
    """For each AU the sequence whose labels vary most, no sequence twice: (sequence, AU)."""
    chosen: list[tuple[str, str]] = []
    for au in aus:
        spread = predictions.table.groupby("sequence")[au + LABEL].std().fillna(0.0)
        spread = spread.drop([sequence for sequence, _ in chosen])
        if len(spread):
            chosen.append((str(spread.idxmax()), au))
    return chosen


def _network(sweep: Sweep, variant: Variant) -> tuple[Checkpoint, Manifest]:
    """The network of the first seed and fold, and the images that tested it."""
    seed = sweep.seeds[0]
    checkpoint = load_checkpoint(sweep.folder(variant, seed, 1) / BEST)
    return checkpoint, read_dataset(sweep.experiment(variant, seed, 1).data).split("test")


def _synthetic(sweep: Sweep) -> bool:
    return is_synthetic(sweep.manifest.source)


def _words(sweep: Sweep, where: str = _TESTED) -> str:
    return f"{_made_like(sweep)}, {_settings(sweep, where)}"


def _made_like(sweep: Sweep) -> str:
    return f"{'made like ' if _synthetic(sweep) else ''}{database_of(sweep)}"


def _settings(sweep: Sweep, where: str = _TESTED) -> str:
    return f"{where}, preset {sweep.settings_words}"
