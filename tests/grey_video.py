"""Videos of plain grey frames, and a predictor that reads their grey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from auheat.facs import PointLayout
from auheat.heatmap import codec_of
from auheat.inference.predictor import Predictor
from auheat.media.frames import Frame
from auheat.models.heatmap_model import Heatmaps
from auheat.results import Face
from stand_ins import SMALL, KnownFaces, MapsFrom, checkpoint_of

REST = {"AU04": 1.0, "AU09": 0.0, "AU12": 2.5}


class Greys:
    """A frame source of plain images, 25 frames a second if not told."""

    def __init__(self, greys: Sequence[int], rate: int = 25) -> None:
        self.name, self.rate, self.problem = "clip", Fraction(rate), None
        self.count, self._greys = len(greys), greys
        self.paths: tuple[Path, ...] = ()
        self.passes = 0

    def __iter__(self) -> Iterator[Frame]:
        self.passes += 1
        for index, grey in enumerate(self._greys):
            yield Frame(index + 1, float(index / self.rate), np.full((240, 320, 3), grey, np.uint8))


def intensities_of(grey: float) -> list[float]:
    """AU04 is grey / 50, AU09 always 1, AU12 is 2 + grey / 100."""
    return [grey / 50, 1.0, 2 + grey / 100]


def grey_predictor(known: Sequence[Sequence[Face]]) -> Predictor:
    layout, codec = PointLayout.of(SMALL.aus), codec_of(SMALL)

    def draw(crops: torch.Tensor) -> Heatmaps:
        grey = crops[:, 0, 32, 32].float()
        levels = torch.stack([grey / 50, torch.ones_like(grey), 2 + grey / 100], 1)
        at_points = levels[:, list(layout.au_of_point)] * codec.scale
        maps = torch.zeros(*at_points.shape, *codec.map_size)
        maps[:, :, 4, 4] = at_points
        return Heatmaps(maps, None)

    return Predictor(checkpoint_of(MapsFrom(draw)), KnownFaces(known), device="cpu")
