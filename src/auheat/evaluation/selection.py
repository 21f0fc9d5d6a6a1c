"""Which rows of a dataset are measured: a split of its own, or of a protocol's fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.protocols import assign, fold_of

ALL = "all"
NONE = "none"


@dataclass(frozen=True)
class Selection:
    """Rows to measure on, and the training rows of the same division.

    Attributes:
        whole: All rows of the dataset.
        part: Those to measure on.
        train: Those of the training side; none where everything is measured.
        about: What to note: split, protocol, fold.
    """

    whole: Manifest
    part: Manifest
    train: Manifest
    about: Mapping[str, str]


def select(
    manifest: Manifest,
    split: str,
    *,
    protocol: str = "",
    fold: int | None = None,
    k: int | None = None,
    experiment: Mapping[str, Any] | None = None,
) -> Selection:
    """Selects a split, of a protocol's fold if there is one.

    Args:
        manifest: The dataset.
        split: "test", "val", "train" or "all".
        protocol: See `auheat.evaluation.protocols`; "" takes the one that a run was trained with,
            "none" takes none.
        fold: From 1; the run's by default, else 1.
        k: Number of folds of "k-fold"; the run's by default, else 3.
        experiment: A run's settings.

    Raises:
        AuheatError: The protocol does not fit the dataset, or the split has no rows.
    """
    trained = (experiment or {}).get("data", {})
    protocol = protocol or str(trained.get("protocol", ""))
    about = {"split": split}
    if protocol and protocol != NONE:
        same = protocol == trained.get("protocol")
        number = fold or (int(trained.get("fold", 1)) if same else 1)
        count = k or (int(trained.get("folds", 3)) if same else 3)
        chosen = fold_of(protocol, manifest.table["subject"], number, k=count)
        manifest = assign(manifest, chosen)
        about |= {"protocol": protocol, "fold": chosen.name}
    elif fold or k:
        raise AuheatError("a fold needs a protocol: add --protocol, such as k-fold")
    part = manifest if split == ALL else manifest.split(split)
    if not len(part.table):
        held = ", ".join(sorted(set(manifest.table["split"]))) or "nothing"
        raise AuheatError(
            f"nothing to evaluate in {manifest.folder}: its {split} split has no pictures "
            f"(it has {held})"
        )
    none = replace(manifest, table=manifest.table.iloc[:0])
    return Selection(manifest, part, none if split == ALL else manifest.split("train"), about)
