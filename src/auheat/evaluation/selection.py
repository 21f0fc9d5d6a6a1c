"""Which rows of a dataset are measured: a split of its own, or of a protocol's fold."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auheat.data.manifest import Manifest, read_manifest
from auheat.data.persons import persons
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
        is_own: Whether this is how the run that is measured divides its own dataset.
        seen: People to measure on whom the run was trained on, or who chose its checkpoint; None
            where that cannot be told.
    """

    whole: Manifest
    part: Manifest
    train: Manifest
    about: Mapping[str, str]
    is_own: bool = False
    seen: frozenset[str] | None = frozenset()


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
    whole = manifest
    about = {"split": split, "protocol": "", "fold": ""}
    if protocol and protocol != NONE:
        same = protocol == trained.get("protocol")
        number = fold or (int(trained.get("fold", 1)) if same else 1)
        count = k or (int(trained.get("folds", 3)) if same else 3)
        chosen = fold_of(protocol, manifest.table["subject"], number=number, k=count)
        manifest = assign(manifest, chosen)
        about |= {"protocol": protocol, "fold": chosen.name}
    elif fold or k:
        raise AuheatError("a fold needs a protocol: add --protocol, such as k-fold")
    part = manifest if split == ALL else manifest.split(split)
    if not len(part.table):
        held = ", ".join(sorted(set(manifest.table["split"]))) or "nothing"
        raise AuheatError(
            f"nothing to evaluate in {manifest.folder}: its {split} split has no images "
            f"(it has {held})"
        )
    none = replace(manifest, table=manifest.table.iloc[:0])
    seen = _seen(whole, trained) if experiment is not None else frozenset[str]()
    return Selection(
        whole=manifest,
        part=part,
        train=none if split == ALL else manifest.split("train"),
        about=about,
        is_own=_is_own(whole, trained, manifest),
        seen=None if seen is None else seen & frozenset(part.table["subject"]),
    )


def _is_own(whole: Manifest, trained: Mapping[str, Any], divided: Manifest) -> bool:
    """Whether a dataset is divided as a run with these settings divided it."""
    if not _is_at(whole, trained.get("folder", "")):
        return False
    own = _as_trained(whole, trained).table[["image", "split"]]
    return bool(own.equals(divided.table[["image", "split"]]))


def _seen(whole: Manifest, trained: Mapping[str, Any]) -> frozenset[str] | None:
    """Whom of a dataset a run with these settings learnt from; None where that cannot be told."""
    folders = [folder for folder in (trained.get("folder"), *trained.get("more", ())) if folder]
    learnt: set[Hashable] = set()
    held: set[Hashable] = set()  # whoever only tests: what other datasets have of them is left out
    for folder in folders:
        is_own = folder == trained.get("folder")
        try:
            stored = read_manifest(Path(str(folder)))
        except AuheatError:
            if _is_at(whole, trained.get("folder", "")):
                continue  # it is known whom of these the run left out, whatever else it saw
            return None
        who = persons(stored)
        table = (_as_trained(stored, trained) if is_own else stored).table
        taught = table["split"].isin(["train", "val"] if is_own else ["train"])
        if is_own:
            held = {who[subject] for subject in set(table.loc[~taught, "subject"])}
        learnt |= {who[subject] for subject in set(table.loc[taught, "subject"])} - held
    if not folders:
        return None
    return frozenset(subject for subject, person in persons(whole).items() if person in learnt)


def _as_trained(whole: Manifest, trained: Mapping[str, Any]) -> Manifest:
    protocol = str(trained.get("protocol", ""))
    if not protocol:
        return whole
    number, k = int(trained.get("fold", 1)), int(trained.get("folds", 3))
    return assign(whole, fold_of(protocol, whole.table["subject"], number=number, k=k))


def _is_at(manifest: Manifest, folder: object) -> bool:
    return bool(folder) and Path(str(folder)).resolve() == manifest.folder.resolve()
