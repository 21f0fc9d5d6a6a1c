"""Our own figures for the paper's tables, and the words that say what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from auheat.config import EdgeFeatures, ModelConfig
from auheat.figures.printed import Database
from auheat.heatmap import heatmap_side

# "method": a trained network. "matched": the same after variance matching, which was fitted on
# validation subjects. "control": a predictor without skill, such as all zeros or the mean.
Kind = Literal["method", "matched", "control"]
Interval = tuple[float, float]

_EDGES: dict[EdgeFeatures, str] = {
    "centre_difference": "(f_i, f_j − f_i)",
    "centre_neighbour": "(f_i, f_j)",
    "difference": "f_j − f_i",
}


@dataclass(frozen=True)
class Row:
    """One of our results, for one database. What is not defined is NaN.

    name: the method (Table 1). setting: the letter or words in Tables 2 and 3; "" there means name.
    icc, mae: by AU. mean_icc, mean_mae: averages over the AUs.
    icc_interval, mae_interval: (low, high) of the averages.
    seeds: runs that were averaged. icc_spread: standard deviation of mean_icc between them.
    note: printed below the table. kind: only methods compete for bold type.
    design: cells of the columns DL, HR, SCC and EF, see `design_of`.
    """

    name: str
    setting: str
    icc: Mapping[str, float]
    mae: Mapping[str, float]
    mean_icc: float
    mean_mae: float
    icc_interval: Interval | None = None
    mae_interval: Interval | None = None
    seeds: int = 1
    icc_spread: float | None = None
    note: str = ""
    kind: Kind = "method"
    design: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What our rows of a table were measured on.

    database: the dataset, or the one that synthetic faces were made to look like in AUs, levels
        and numbers. protocol: such as "3 folds by subject". images, subjects: tested.
    seeds: runs of each method. preset: settings of the networks. interval: what intervals are.
    """

    database: Database
    synthetic: bool
    protocol: str
    images: int
    subjects: int
    seeds: int
    preset: str
    interval: str = "95 % interval"

    @property
    def label(self) -> str:
        """Which data in a few words, to stand beside every group of our rows."""
        if self.synthetic:
            return f"synthetic, {self.database} look-alike"
        return self.database

    @property
    def sentence(self) -> str:
        """Everything that was measured, as one sentence without its full stop."""
        faces = "synthetic faces, a look-alike of " if self.synthetic else ""
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return (
            f"Our rows were measured on {faces}{self.database}: {self.protocol}, "
            f"{self.images:,} test images of {self.subjects} subjects, {seeds}, "
            f"preset {self.preset}"
        )


def design_of(config: ModelConfig) -> dict[str, str]:
    """The cells of Tables 2 and 3 that describe a network: DL, HR (pixels), SCC and EF."""
    side = heatmap_side(config)
    return {
        "DL": str(len(config.deconv_widths)) if config.kind == "deconv" else "",
        "HR": f"{side} × {side}",
        "SCC": "yes" if config.scc else "no",
        "EF": _EDGES[config.scc_edges] if config.scc else "",
    }
