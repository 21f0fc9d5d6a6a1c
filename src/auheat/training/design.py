"""How a dataset is studied by default: as the paper studies it, if it is one of the paper's."""

from __future__ import annotations

from dataclasses import dataclass

from auheat.data.datasets import DATASETS
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.protocols import K_FOLD


@dataclass(frozen=True)
class Design:
    """How a kind of dataset is studied: the AUs read, the paper's k, the protocol and its folds."""

    aus: tuple[str, ...]
    k: int
    protocol: str
    folds: int


def design_of(manifest: Manifest) -> Design:
    """The AUs and the first protocol of a known dataset; of others all AUs in three folds.

    Raises:
        AuheatError: if the dataset lacks AUs of that design.
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
