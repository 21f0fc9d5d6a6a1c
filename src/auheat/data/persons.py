"""Who the subjects of a dataset are, over datasets: several show the same people.

DISFA+ and both cameras of DISFA show people of DISFA, FERA 2015 and the training part of FERA 2017
those of BP4D, its validation part those of BP4D+ (`auheat.data.corpora` says so for each layout),
and rendered sets with one seed the same ones. Of other datasets nothing is known but their folder.
"""

from __future__ import annotations

from collections.abc import Hashable

from auheat.data.datasets import DATASETS
from auheat.data.manifest import Manifest


def persons(manifest: Manifest) -> dict[str, Hashable]:
    """Something for each subject that is equal wherever datasets show the same person.

    Args:
        manifest: As `read_manifest` gives it: the split of FERA 2017 tells its people apart, so a
            protocol must not have changed it.
    """
    rows = manifest.table[["subject", "split"]].drop_duplicates("subject")
    return {
        str(subject): _person(manifest, str(subject), str(split))
        for subject, split in zip(rows["subject"], rows["split"], strict=True)
    }


def _person(manifest: Manifest, subject: str, split: str) -> Hashable:
    kind = str(manifest.source.get("kind"))
    if kind == "synthetic":
        plan = manifest.source.get("plan")
        if isinstance(plan, dict) and isinstance(plan.get("seed"), int):
            return kind, plan["seed"], subject
    if kind in DATASETS:
        number = DATASETS[kind].person_number(subject, split)
        if number is not None:
            return bool(manifest.source.get("synthetic")), number
    return str(manifest.folder.resolve()), subject
