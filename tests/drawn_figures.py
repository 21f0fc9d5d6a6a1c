"""Made-up faces, curves and counts, and the figures drawn of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from auheat.facs import BP4D_AUS, DISFA_AUS, PAPER_AUS
from auheat.figures.channels import Channels, figure7
from auheat.figures.distribution import figure4
from auheat.figures.face_maps import Faces
from auheat.figures.heatmap_panels import AgreementCurve, figure5, figure8
from auheat.figures.neighbours import NeighbourCurve, figure6


def faces(count: int = 2, aus: tuple[str, ...] = PAPER_AUS, seed: int = 0) -> Faces:
    """Noise images of 40 x 40 under maps of 8 x 8; of all labels one is missing."""
    images, rng = np.random.default_rng(0), np.random.default_rng(seed)
    labels = images.uniform(0, 5, (count, len(aus)))
    labels[:, 0] = 3.0
    labels[0, 1] = np.nan
    return Faces(
        images.integers(0, 255, (count, 40, 40, 3)).astype(np.uint8),
        rng.uniform(0, 5, (count, len(aus), 8, 8)),
        rng.uniform(0, 5, (count, len(aus))),
        labels,
        aus,
    )


def curve(au: str = "AU12") -> AgreementCurve:
    rng = np.random.default_rng(3)
    labelled = np.repeat([0.0, 2.0, 5.0, 1.0, 0.0], 20)
    predicted = np.clip(labelled + rng.normal(0, 0.7, 100), 0, 5)
    predicted[7], labelled[11] = np.nan, np.nan
    return AgreementCurve(np.arange(1, 101), predicted, labelled, au, "SN001")


def channels() -> Channels:
    rng = np.random.default_rng(4)
    weights = rng.normal(0, 0.01, (12, 6))
    weights[3, 4], weights[5, 2] = 0.3, -0.2
    responses = rng.uniform(0, 1, (2, 6, 8, 8))
    images = rng.integers(0, 255, (2, 40, 40, 3)).astype(np.uint8)
    return Channels(weights, images, responses, DISFA_AUS)


def levels(aus: int = 12) -> NDArray[Any]:
    labels = np.minimum(np.random.default_rng(5).geometric(0.6, (3000, aus)) - 1, 5).astype(float)
    labels[:10, 0] = np.nan
    return labels


def neighbour_curve() -> NeighbourCurve:
    rng = np.random.default_rng(6)
    icc, mae = 0.45 + 0.01 * rng.normal(size=15), 0.2 + 0.004 * rng.normal(size=15)
    std = [0.02] * 15, [0.01] * 15
    return NeighbourCurve(range(1, 16), icc.tolist(), mae.tolist(), *std, "folds", 7)


DRAWN: dict[str, Callable[[bool], Figure]] = {
    "4": lambda synthetic: figure4(
        {"BP4D": levels(5), "DISFA": levels() + 0.25},
        {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS},
        synthetic=synthetic,
    ),
    "4, small": lambda synthetic: figure4(
        {"BP4D": levels(5)}, {"BP4D": BP4D_AUS}, synthetic=synthetic
    ),
    "5": lambda synthetic: figure5(
        faces(), [curve(), curve("AU06")], synthetic=synthetic, data="fold 1"
    ),
    "5, one": lambda synthetic: figure5(faces(1), [curve()], synthetic=synthetic, aus=BP4D_AUS),
    "6": lambda synthetic: figure6(
        neighbour_curve(), synthetic, data="made like DISFA, preset light"
    ),
    "7": lambda synthetic: figure7(channels(), synthetic),
    "8": lambda synthetic: figure8(faces(1), faces(1, seed=1), synthetic=synthetic, data="fold 1"),
}


@cache
def drawn(name: str, synthetic: bool = False) -> Figure:
    """A figure that several tests look at and none changes."""
    return DRAWN[name](synthetic)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def shown_images(figure: Figure) -> list[list[Any]]:
    """The images in each pair of axes that has any, bottom first; no scales."""
    return [list(axes.images) for axes in figure.axes if axes.images]
