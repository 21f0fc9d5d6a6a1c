"""Who is trained on and who is tested: the published protocols, and k folds of any dataset.

A dataset's own file (`auheat.data.datasets`) says which protocols were published for it: lists of
subjects, one for each fold, or the two lists of an official split. "k-fold" is for any dataset: its
subjects, shuffled by a seed, in k folds of equal size.

Fold i tests on the i-th list and trains on all others. Some training subjects are set aside for
validation, where checkpoints are chosen; test subjects never choose anything. A person is on one
side only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from auheat.data.datasets import Protocol, protocols
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError, unknown_name

K_FOLD = "k-fold"
OFFICIAL = "official"


def protocol_names() -> tuple[str, ...]:
    """What a protocol may be called."""
    return (*protocols(), K_FOLD)


def published(name: str) -> Protocol | None:
    """The published protocol with a name, None for k folds.

    Raises:
        AuheatError: There is none.
    """
    if name not in protocol_names():
        raise unknown_name("protocol", name, protocol_names())
    return protocols().get(name)


def title_of(name: str, k: int = 3) -> str:
    """A protocol as the caption of a table has it; k: the number of k folds."""
    known = published(name)
    return known.title if known else f"{k} folds by subject"


def folds_of(name: str, k: int = 3) -> int:
    """How many folds a protocol has; k: the number of k folds."""
    known = published(name)
    return known.folds if known else k


def check_fold(name: str, number: int, k: int = 3) -> None:
    """Checks what can be checked of a fold without a dataset.

    Args:
        name: Of the protocol.
        number: Of the fold, from 1.
        k: The number of k folds.

    Raises:
        AuheatError: There is no such protocol or no such fold, or k folds are fewer than two.
    """
    if published(name) is None and k < 2:
        raise AuheatError(f"cannot make {k} fold of {name!r}: give 2 or more")
    if not 1 <= number <= folds_of(name, k):
        raise AuheatError(f"fold {number} of {name!r}: it has folds 1 to {folds_of(name, k)}")


@dataclass(frozen=True)
class Fold:
    """Subjects to train, validate and test on.

    Attributes:
        name: "1 of 3", or "official" where there is only one.
        train: Who is trained on.
        val: Who chooses the checkpoint.
        test: Who is tested.

    Raises:
        AuheatError: A subject is on two sides, or a side is empty.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        for side in ("train", "val", "test"):
            if not getattr(self, side):
                raise AuheatError(
                    f"fold {self.name} has no {side} subjects: the dataset holds too few of them"
                )
        refuse_shared(self.train, self.val, test=self.test, where=f"fold {self.name}")


def refuse_shared(
    train: Iterable[str], val: Iterable[str], *, test: Iterable[str], where: str
) -> None:
    """Makes sure that nobody is in more than one of the three.

    Raises:
        AuheatError: Somebody is; the message names `where`.
    """
    sides = {"train": set(train), "val": set(val), "test": set(test)}
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        if shared := sorted(sides[first] & sides[second]):
            raise AuheatError(
                f"subject {shared[0]!r} is both in {first} and in {second} of {where}: "
                "a person belongs to one side only"
            )


def folds(
    protocol: str,
    subjects: Iterable[str],
    *,
    k: int = 3,
    val_fraction: float = 0.15,
    seed: int = 1,
) -> tuple[Fold, ...]:
    """The folds of a protocol for the subjects that a dataset holds.

    The same arguments give the same folds, whatever the order of the subjects.

    Args:
        protocol: Its name.
        subjects: Whom the dataset holds.
        k: Folds of "k-fold"; the others have their own.
        val_fraction: Of the training subjects, at least one, that validate.
        seed: Chooses them, and shuffles "k-fold".

    Raises:
        AuheatError: The protocol does not know a subject, or the dataset lacks all subjects of a
            side.
    """
    if not 0 <= val_fraction < 1:
        raise AuheatError(f"val_fraction = {val_fraction}: give a fraction from 0 to below 1")
    held = sorted(set(subjects))
    lists = _lists(protocol, held, k=k, seed=seed)
    unknown = [name for name in held if not any(name in names for names in lists)]
    if unknown:
        raise AuheatError(
            f"{_some(unknown)} not in the protocol {protocol!r}: choose another one, or none"
        )
    present = [[name for name in names if name in held] for names in lists]
    known = published(protocol)
    if known and known.official:
        return (_fold(OFFICIAL, present[0], present[1], val_fraction, (seed, 0)),)
    found = []
    for number, test in enumerate(present, 1):
        rest = [name for other in present if other is not test for name in other]
        found.append(_fold(f"{number} of {len(present)}", rest, test, val_fraction, (seed, number)))
    return tuple(found)


def fold_of(protocol: str, subjects: Iterable[str], *, number: int = 1, k: int = 3) -> Fold:
    """Fold `number` (from 1) of `folds` with its standard seed.

    Raises:
        AuheatError: There is no such fold, or as `folds` does.
    """
    found = folds(protocol, subjects, k=k)
    check_fold(protocol, number, k)
    return found[number - 1]


def assign(manifest: Manifest, fold: Fold) -> Manifest:
    """The rows of a fold's subjects, in their order, with `split` as the fold says.

    Raises:
        AuheatError: The dataset lacks one of the fold's subjects.
    """
    side_of = {name: side for side in ("train", "val", "test") for name in getattr(fold, side)}
    missing = sorted(set(side_of) - set(manifest.table["subject"]))
    if missing:
        raise AuheatError(f"{_some(missing)} of fold {fold.name} not in {manifest.folder}")
    rows = manifest.table[manifest.table["subject"].isin(list(side_of))].reset_index(drop=True)
    rows = rows.assign(split=rows["subject"].map(side_of).astype(str))
    who = rows.groupby("split")["subject"].unique()
    refuse_shared(
        who["train"], who["val"], test=who["test"], where=f"{manifest.folder}, fold {fold.name}"
    )
    return replace(manifest, table=rows)


def _lists(protocol: str, held: Sequence[str], *, k: int, seed: int) -> Sequence[Sequence[str]]:
    """The lists of subjects that a protocol tells apart."""
    known = published(protocol)
    if known:
        return known.lists
    if not 2 <= k <= len(held):
        raise AuheatError(f"cannot make {k} folds of {len(held)} subjects: give 2 to {len(held)}")
    order = np.random.default_rng([seed, k]).permutation(len(held))
    return [[held[i] for i in part] for part in np.array_split(order, k)]


def _fold(
    name: str, rest: Sequence[str], test: Sequence[str], val_fraction: float, seed: tuple[int, int]
) -> Fold:
    """Sets some of the training subjects aside for validation."""
    names = sorted(rest)
    count = max(1, round(val_fraction * len(names)))
    chosen = np.random.default_rng(seed).permutation(len(names))[:count]
    val = {names[i] for i in chosen}
    train = tuple(who for who in names if who not in val)
    return Fold(name, train, tuple(sorted(val)), tuple(sorted(test)))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"subject {shown} is" if len(names) == 1 else f"subjects {shown} are"
