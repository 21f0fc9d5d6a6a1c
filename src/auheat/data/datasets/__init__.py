"""The real datasets as they lie on disk, one file for each or for a family.

A file holds the facts (`DatasetSpec`), a reader, which gives plain recordings that
`auheat.data.convert` turns into crops with a manifest, and the writer of look-alikes, so that a
layout is described once. Layouts are those of the datasets' own releases; folder and file names are
matched without regard to case, frames by their number.

A new dataset is one such file and one line in `_FILES`: the command line, protocols, studies and
figures take it from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike, Protocol
from auheat.errors import unknown_name

__all__ = ["DATASETS", "Dataset", "DatasetSpec", "Lookalike", "Protocol", "registry"]

# The files, in the order in which datasets are named. Each calls what it describes `DATASET`.
_FILES = (
    "disfa",
    "disfa_plus",
    "bp4d",
    "fera2015",
    "fera2017",
    "bp4d_plus",
    "unbc",
    "authors_json",
)


def registry(files: Iterable[str]) -> dict[str, Dataset]:
    """The datasets that modules beside this one describe, by name."""
    found = [import_module(f"{__name__}.{file}").DATASET for file in files]
    return {dataset.spec.name: dataset for dataset in found}


DATASETS = registry(_FILES)


def dataset_of(name: str) -> Dataset:
    """The dataset with a name.

    Raises:
        AuheatError: There is none.
    """
    if name not in DATASETS:
        raise unknown_name("layout", name, DATASETS)
    return DATASETS[name]


def lookalikes() -> dict[str, Lookalike]:
    """All layouts that look-alikes can have, by name."""
    return {
        name: layout for dataset in DATASETS.values() for name, layout in dataset.lookalikes.items()
    }


def protocols() -> dict[str, Protocol]:
    """All published protocols, by name."""
    return {
        protocol.name: protocol
        for dataset in DATASETS.values()
        for protocol in dataset.spec.protocols
    }
