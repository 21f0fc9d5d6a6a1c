"""The real datasets as they lie on disk, one file for each or for a family.

A file holds the facts (`DatasetSpec`), a reader, which gives plain recordings that
`auheat.data.convert` turns into crops with a manifest, and the writer of look-alikes, so that a
layout is described once. Layouts are those of the datasets' own releases; folder and file names are
matched without regard to case, frames by their number.

A new dataset is one such file and one line in `DATASETS`: the command line, protocols, studies and
figures take it from there.
"""

from __future__ import annotations

from auheat.data.datasets import (
    authors_json,
    bp4d,
    bp4d_plus,
    disfa,
    disfa_plus,
    fera2015,
    fera2017,
    unbc,
)
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike, Protocol
from auheat.errors import unknown_name

__all__ = ["DATASETS", "Dataset", "DatasetSpec", "Lookalike", "Protocol"]

DATASETS: dict[str, Dataset] = {
    dataset.spec.name: dataset
    for dataset in (
        disfa.DISFA,
        disfa_plus.DISFA_PLUS,
        bp4d.BP4D,
        fera2015.FERA_2015,
        fera2017.FERA_2017,
        bp4d_plus.BP4D_PLUS,
        unbc.UNBC,
        authors_json.AUTHORS_JSON,
    )
}


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
