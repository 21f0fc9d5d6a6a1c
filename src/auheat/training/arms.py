"""The networks of the paper's tables and figures, and the files that describe them.

An arm is one network of a study: a row of a table or a point of a sweep. Its settings are a file
below `configs/paper`; a preset, a file below `configs/presets`, makes all arms smaller alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from auheat.config import read_toml
from auheat.data.datasets import DATASETS
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError, unknown_name
from auheat.evaluation.protocols import K_FOLD


@dataclass(frozen=True)
class Arm:
    """One network of a study.

    name: of its run folders. settings: file below `configs/paper`. changes: `section.key=value`
    assignments that hold whatever the preset says.
    """

    name: str
    settings: str
    changes: tuple[str, ...] = ()


def _arm(name: str) -> Arm:
    return Arm(name, f"{name}.toml")


SCC, PLAIN = _arm("scc-heatmap"), _arm("resnet-deconv")
WIDE, HOURGLASS = _arm("resnet-deconv-256"), _arm("hourglass")
TWO, TWO_PLAIN = _arm("two-deconvs"), _arm("two-deconvs-without-scc")
EDGES_F, EDGES_G = _arm("edges-f"), _arm("edges-g")
# SCC-Heatmap with the paper's own loss (Eq. 2), which the smaller presets replace.
PLAIN_LOSS = Arm(
    "plain-loss",
    "scc-heatmap.toml",
    ("loss.foreground=0.0", "loss.location=0.0", "model.location_maps=false"),
)
SWEEP_K = tuple(range(1, 16))


def at_k(k: int) -> Arm:
    """SCC-Heatmap with k neighbours, a point of Figure 6."""
    return Arm(f"k-{k:02d}", "scc-heatmap.toml", (f"model.scc_k={k}",))


@dataclass(frozen=True)
class Design:
    """How a kind of dataset is studied: the AUs read, the paper's k, the protocol and its folds."""

    aus: tuple[str, ...]
    k: int
    protocol: str
    folds: int


def design_of(manifest: Manifest) -> Design:
    """The AUs and the first protocol of a known dataset; of others all AUs in three folds.

    Raises AuheatError if the dataset lacks AUs of that design.
    """
    dataset = DATASETS.get(str(manifest.source.get("kind")))
    if dataset is None or not dataset.spec.protocols:
        return Design(manifest.aus, dataset.spec.k if dataset else 7, K_FOLD, 3)
    spec, protocol = dataset.spec, dataset.spec.protocols[0]
    known = Design(spec.aus, spec.k, protocol.name, protocol.folds)
    missing = [au for au in known.aus if au not in manifest.aus]
    if missing:
        raise AuheatError(
            f"{manifest.folder} does not code {', '.join(missing)}: prepare it with all AUs"
        )
    return known


def recipes() -> Path:
    """The folder `configs`: inside an installed package, or at the root of a checkout."""
    inside = Path(str(files("auheat"))) / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "configs"


def read_preset(name: str) -> dict[str, Any]:
    """The settings that a preset lays over every arm; `deconv_share` scales deconvolution widths.

    Raises AuheatError for an unknown name.
    """
    known = sorted(path.stem for path in (recipes() / "presets").glob("*.toml"))
    if name not in known:
        raise unknown_name("preset", name, known)
    return read_toml(recipes() / "presets" / f"{name}.toml")
