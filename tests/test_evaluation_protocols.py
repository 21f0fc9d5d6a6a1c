from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold

from auheat.data.datasets import protocols
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.protocols import Fold, assign, fold_of, folds, protocol_names, refuse_shared
from auheat.evaluation.selection import select
from auheat.faces.crop import CropSpec

DISFA = tuple(f"SN{n:03d}" for n in (*range(1, 14), 16, 17, 18, 21, *range(23, 33)))
BP4D = tuple([f"F{n:03d}" for n in range(1, 24)] + [f"M{n:03d}" for n in range(1, 19)])


def manifest(subjects: tuple[str, ...], frames: int = 2) -> Manifest:
    """A few rows of everybody, in turn, so that no subject's rows lie together."""
    rows = [
        {"image": f"{who}/{n}.jpg", "subject": who, "split": "train", "sequence": who, "frame": n}
        for n in range(1, frames + 1)
        for who in subjects
    ]
    table = pd.DataFrame(rows).assign(AU12=np.float32(1))
    return Manifest(table, Path("set"), CropSpec(), {"kind": "disfa"})


@pytest.mark.parametrize("protocol", ["disfa-jaa", "disfa-ntinou"])
def test_disfa_has_three_folds_of_nine(protocol: str) -> None:
    """The paper: 18 subjects to train, 9 to test, everybody tested once."""
    found = folds(protocol, DISFA)
    assert [fold.name for fold in found] == ["1 of 3", "2 of 3", "3 of 3"]
    assert [fold.test for fold in found] == [
        tuple(sorted(who)) for who in protocols()[protocol].lists
    ]
    for fold in found:
        assert len(fold.test) == 9 and len(fold.train) + len(fold.val) == 18
        assert len(fold.val) == 3  # 15% of 18, rounded
        assert set(fold.train) | set(fold.val) | set(fold.test) == set(DISFA)


def test_the_first_subjects_of_the_two_lists_of_disfa() -> None:
    """Written out from the lists: SN006 tests in fold 2 of one and in fold 1 of the other."""
    assert "SN006" in folds("disfa-jaa", DISFA)[1].test
    assert "SN006" in folds("disfa-ntinou", DISFA)[0].test


def test_bp4d_has_one_official_fold() -> None:
    (fold,) = folds("bp4d", BP4D)
    assert (fold.name, len(fold.test)) == ("official", 20)
    assert {"F001", "M017"} <= {*fold.train, *fold.val} and {"F002", "M018"} <= set(fold.test)
    train, test = protocols()["bp4d"].lists
    assert {*fold.train, *fold.val} == set(train) and fold.test == test


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 60), st.integers(2, 6), st.integers(0, 9))
def test_k_folds_are_even_and_disjoint(count: int, k: int, seed: int) -> None:
    """As GroupKFold does for groups of equal size: sizes differ by one at most, all tested once."""
    subjects = [f"S{n:02d}" for n in range(count)]
    k = min(k, count // 2)
    found = folds("k-fold", subjects, k=k, val_fraction=0.2, seed=seed)
    sizes = sorted(len(fold.test) for fold in found)
    groups = GroupKFold(k).split(subjects, groups=subjects)
    assert sizes == sorted(len(test) for _, test in groups)
    assert sorted(who for fold in found for who in fold.test) == subjects
    for fold in found:
        sides = [*fold.train, *fold.val, *fold.test]
        assert sorted(sides) == subjects and len(set(sides)) == count
        rest = count - len(fold.test)
        assert len(fold.val) == max(1, round(0.2 * rest))


def test_the_same_arguments_give_the_same_folds() -> None:
    for protocol, subjects in (("k-fold", DISFA), ("disfa-jaa", DISFA), ("bp4d", BP4D)):
        first = folds(protocol, subjects, seed=4)
        assert folds(protocol, (*reversed(subjects), *subjects), seed=4) == first
        assert folds(protocol, subjects, seed=5) != first
    jaa = [folds("disfa-jaa", DISFA, seed=seed) for seed in (4, 5)]
    assert [fold.test for fold in jaa[0]] == [fold.test for fold in jaa[1]]  # lists are lists
    assert fold_of("k-fold", DISFA, number=2, k=5) == folds("k-fold", DISFA, k=5)[1]


def test_a_part_of_the_subjects_is_enough_while_every_side_has_one() -> None:
    found = folds("disfa-jaa", ["SN001", "SN006", "SN003"])
    assert [fold.test for fold in found] == [("SN001",), ("SN006",), ("SN003",)]
    assert all(len(fold.train) == len(fold.val) == 1 for fold in found)
    with pytest.raises(AuheatError, match=r"fold 3 of 3 has no test subjects: the dataset holds"):
        folds("disfa-jaa", ["SN001", "SN002", "SN006", "SN011"])
    with pytest.raises(AuheatError, match="fold 1 of 3 has no train subjects"):
        folds("k-fold", "abc", val_fraction=0.99)
    with pytest.raises(AuheatError, match="fold official has no train subjects"):
        folds("bp4d", ["F001", "F002"])


def test_what_a_protocol_refuses() -> None:
    with pytest.raises(AuheatError, match="subjects P1, P2 are not in the protocol 'disfa-jaa'"):
        folds("disfa-jaa", [*DISFA, "P2", "P1"])
    with pytest.raises(AuheatError, match="subject SN001 is not in the protocol 'bp4d'"):
        folds("bp4d", [*BP4D, "SN001"])
    with pytest.raises(AuheatError, match="unknown protocol 'disfa': did you mean 'disfa-jaa'"):
        folds("disfa", DISFA)
    with pytest.raises(AuheatError, match="cannot make 4 folds of 3 subjects"):
        folds("k-fold", "abc", k=4)
    with pytest.raises(AuheatError, match="val_fraction = 1"):
        folds("k-fold", "abc", k=2, val_fraction=1.0)
    with pytest.raises(AuheatError, match="fold 4 of 'disfa-jaa': it has folds 1 to 3"):
        fold_of("disfa-jaa", DISFA, number=4)
    assert set(protocol_names()) == {"disfa-jaa", "disfa-ntinou", "bp4d", "k-fold"}


Sides = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@pytest.mark.parametrize(
    "sides", [(("a", "b"), ("b",), ("c",)), (("a",), ("b",), ("a",)), (("a",), ("c",), ("b", "c"))]
)
def test_nobody_is_on_two_sides(
    sides: Sides,
) -> None:
    with pytest.raises(AuheatError, match=r"subject '[abc]' is both in \w+ and in \w+ of fold x"):
        Fold("x", *sides)
    with pytest.raises(AuheatError, match="a person belongs to one side only"):
        refuse_shared(*sides[:2], test=sides[2], where="here")


def test_assigning_rewrites_the_split_and_nothing_else() -> None:
    whole, fold = manifest(DISFA), folds("disfa-jaa", DISFA)[1]
    found = assign(whole, fold)
    pd.testing.assert_frame_equal(
        found.table.drop(columns="split"), whole.table.drop(columns="split")
    )
    assert set(whole.table["split"]) == {"train"}  # the given one stays as it was
    for split in ("train", "val", "test"):
        assert tuple(sorted(found.split(split).table["subject"].unique())) == getattr(fold, split)
    assert len(found.split("test").table) == 18


def test_assigning_keeps_only_the_subjects_of_the_fold() -> None:
    fold = Fold("x", ("SN001",), ("SN002",), ("SN005",))
    found = assign(manifest(DISFA), fold)
    assert found.table["image"].to_list() == [
        f"{who}/{n}.jpg" for n in (1, 2) for who in ("SN001", "SN002", "SN005")
    ]
    with pytest.raises(AuheatError, match="subjects P1, SN099 are of fold y not in set"):
        assign(manifest(DISFA), Fold("y", ("P1",), ("SN099",), ("SN005",)))


def test_selecting_rows_to_measure_on() -> None:
    whole = manifest(DISFA)
    trained = {"data": {"protocol": "disfa-ntinou", "fold": 2, "folds": 3}}
    found = select(whole, "test", experiment=trained)
    assert set(found.part.table["subject"]) == set(protocols()["disfa-ntinou"].lists[1])
    assert found.about == {"split": "test", "protocol": "disfa-ntinou", "fold": "2 of 3"}
    assert not set(found.train.table["subject"]) & set(found.part.table["subject"])
    third = select(whole, "test", fold=3, experiment=trained)
    assert set(third.part.table["subject"]) == set(protocols()["disfa-ntinou"].lists[2])
    other = select(whole, "test", protocol="disfa-jaa", experiment=trained)  # its own fold 1, not 2
    assert set(other.part.table["subject"]) == set(protocols()["disfa-jaa"].lists[0])
    assert len(select(whole, "test", protocol="k-fold", k=9).part.table) == 6
    everything = select(whole, "all", protocol="none", experiment=trained)
    assert len(everything.part.table) == 54 and not len(everything.train.table)
    assert everything.about == {"split": "all", "protocol": "", "fold": ""}


def test_what_selecting_refuses() -> None:
    whole = manifest(DISFA)
    with pytest.raises(AuheatError, match=r"its test split has no images \(it has train\)"):
        select(whole, "test")
    with pytest.raises(AuheatError, match="a fold needs a protocol"):
        select(whole, "train", fold=2)
    other = replace(whole, table=whole.table.assign(subject="P1"))
    trained = {"data": {"protocol": "bp4d"}}
    with pytest.raises(AuheatError, match="subject P1 is not in the protocol 'bp4d': choose"):
        select(other, "test", experiment=trained)
