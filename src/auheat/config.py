"""The settings of a network, which are stored inside every file of weights."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from auheat.errors import AuheatError
from auheat.facs import PAPER_AUS, action_units
from auheat.settings import FORMER_NAME, FORMER_VALUE

Backbone = Literal["resnet18", "resnet34", "resnet50"]
SccInit = Literal["identity", "zero", "orthogonal", "random"]
EdgeFeatures = Literal["centre_difference", "centre_neighbour", "difference"]
HeatmapKind = Literal["point", "au"]
Gaussian = Literal["fixed", "growing"]
MapUnits = Literal["intensity", "amplitude"]
Geometry = Literal["none", "channels"]
# No network of use is larger; a damaged or hostile file may ask for any.
_MAX_WIDTH, _MAX_SIDE, _MAX_STAGES = 16, 4096, 7


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to rebuild a heatmap network. Stored inside every checkpoint.

    Attributes:
        aus: The Action Units, in output order.
        kind: "deconv" is a residual backbone with deconvolutions and SCC
            (`auheat.models.heatmap_net`); "hourglass" is `auheat.models.hourglass`, which has no
            backbone, deconvolutions or SCC.
        backbone: Residual network.
        width: Factor on the channel counts of the backbone or the hourglass, 1/64 to 16.
        input_size: Side of the square input in pixels; a multiple of 32, of 64 for an hourglass,
            up to 4096.
        normalise: "imagenet" subtracts ImageNet's channel means and divides by its standard
            deviations (for published weights); "image" removes each image's own channel means and
            divides by its own standard deviation, which makes light and colour cast matter less.
        deconv_widths: Channels of the stride-2 deconvolutions after the backbone, up to seven.
        scc: Whether semantic correspondence convolutions (SCC) follow deconvolutions.
        scc_stages: Which deconvolutions they follow, counted from 1 in rising order, or "all". The
            matrices grow with the fourth power of a map's side, so the last stage costs most.
        scc_k: Neighbours in its graph, the channel itself included.
        scc_norm: See `auheat.models.scc`, as for the next two. The authors' code has the norm; the
            light default goes without, for it then joins a trained network with less harm
            (docs/weights.md has the figures).
        scc_init: How its matrices start.
        scc_edges: What an edge is made of.
        geometry: Whether the network takes in the shape of the face's mesh (`auheat.face_shape`)
            beside the image: "channels" adds maps that are drawn from it to the channels that the
            first deconvolution gives, before SCC joins them; "none" does not.
        maps: One heatmap per AU point, or one per AU.
        sigma: See `auheat.heatmap`, as for amplitude and gaussian.
        amplitude: Peak of a heatmap at intensity 1, "paper" for that of Eq. 1. Where `map_units` is
            "intensity", neither training nor what is read depends on it.
        map_units: What the network's last layer counts in, and so the loss: "intensity" is levels;
            "amplitude" is levels times `amplitude`, as Eq. 1 and 2 read literally.
        gaussian: Whether the Gaussian grows with the intensity.
        location_maps: Whether there is a second set of heatmaps that mark each AU point with peak 1
            whatever the intensity.
        levels: Whether curves that were fitted after training give intensities the spread of labels
            (`auheat.models.levels`). `scripts/fit_levels.py` makes such weights; to train further
            leave it out, as the loss wants maps without.

    Raises:
        AuheatError: No network can be built from these values.
    """

    aus: tuple[str, ...] = PAPER_AUS
    kind: Literal["deconv", "hourglass"] = "deconv"
    backbone: Backbone = dataclasses.field(default="resnet18", metadata={FORMER_NAME: "trunk"})
    width: float = 0.5
    input_size: int = 128
    normalise: Literal["imagenet", "image"] = "image"
    deconv_widths: tuple[int, ...] = (128, 64, 64)
    scc: bool = True
    scc_stages: tuple[int, ...] | Literal["all"] = dataclasses.field(
        default="all", metadata={FORMER_VALUE: "all"}
    )
    scc_k: int = 7
    scc_norm: bool = False
    scc_init: SccInit = "identity"
    scc_edges: EdgeFeatures = "centre_difference"
    geometry: Geometry = dataclasses.field(default="none", metadata={FORMER_VALUE: "none"})
    maps: HeatmapKind = "point"
    sigma: float = 2.0
    amplitude: float | Literal["paper"] = 0.2
    gaussian: Gaussian = "fixed"
    location_maps: bool = True
    map_units: MapUnits = dataclasses.field(
        default="intensity", metadata={FORMER_VALUE: "amplitude"}
    )
    levels: bool = dataclasses.field(default=False, metadata={FORMER_VALUE: False})

    def __post_init__(self) -> None:
        action_units(self.aus)
        widths, hourglass = self.deconv_widths, self.kind == "hourglass"
        stages = self.stages_with_scc
        joined = [widths[stage - 1] for stage in stages if 1 <= stage <= len(widths)]
        step = 64 if hourglass else 32
        rules = {
            "width": (1 / 64 <= self.width <= _MAX_WIDTH, f"1/64 to {_MAX_WIDTH}"),
            "input_size": (
                0 < self.input_size <= _MAX_SIDE and self.input_size % step == 0,
                f"a positive multiple of {step} where kind is {self.kind!r}, {_MAX_SIDE} at most",
            ),
            "deconv_widths": (
                hourglass
                or (
                    1 <= len(widths) <= _MAX_STAGES and min(widths) > 0 and max(widths) <= _MAX_SIDE
                ),
                f"1 to {_MAX_STAGES} channel counts up to {_MAX_SIDE}",
            ),
            "scc": (not (self.scc and hourglass), "false where kind is 'hourglass'"),
            "scc_stages": (
                not self.scc
                or (len(joined) == len(stages) > 0 and list(stages) == sorted(set(stages))),
                f"'all', or numbers of deconvolutions from 1 to {len(widths)} in rising order",
            ),
            "scc_k": (
                not self.scc or 1 <= self.scc_k <= min(joined, default=1),
                "1 to the smallest of deconv_widths that SCC follows",
            ),
            "geometry": (
                self.geometry == "none" or not hourglass,
                "'none' where kind is 'hourglass'",
            ),
            "sigma": (0 < self.sigma < math.inf, "more than 0"),
            "amplitude": (
                self.amplitude == "paper" or 0 < self.amplitude < math.inf,
                "'paper' or more than 0",
            ),
        }
        for key, (holds, expected) in rules.items():
            if not holds:
                raise AuheatError(f"{key} = {getattr(self, key)!r}: expected {expected}")

    @property
    def stages_with_scc(self) -> tuple[int, ...]:
        """The numbers of the deconvolutions that SCC follows."""
        if not self.scc:
            return ()
        every = tuple(range(1, len(self.deconv_widths) + 1))
        return every if self.scc_stages == "all" else self.scc_stages
