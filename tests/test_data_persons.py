"""People who are in several datasets: known by any name, not trained on when they test."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auheat.data.datasets import DATASETS, bp4d, disfa
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.persons import persons
from auheat.errors import AuheatError
from auheat.evaluation.selection import select
from auheat.faces.crop import CropSpec
from auheat.settings import to_dict
from auheat.training.experiment import Experiment
from auheat.training.run_data import read_run_data
from small_runs import experiment, noise_dataset


def listing(
    kind: str, *subjects: str, split: str = "train", real: bool = True, **source: object
) -> Manifest:
    rows = [{"subject": subject, "split": split} for subject in subjects]
    return Manifest(
        pd.DataFrame(rows), Path(kind), CropSpec(), {"kind": kind, "synthetic": not real, **source}
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (listing("disfa", "SN001"), listing("disfa-plus", "SN001")),
        (listing("disfa", "SN001"), listing("authors-json", "SN001")),
        (listing("bp4d", "F001"), listing("fera2015", "F001")),
        (listing("bp4d", "M018"), listing("authors-json", "M018", split="test")),
        (listing("bp4d", "F001"), listing("fera2017", "F001")),
        (listing("bp4d-plus", "F005"), listing("fera2017", "F005", split="test")),
        (listing("bp4d-plus", "F001"), listing("fera2017", "VA-F001", split="test")),
        (
            listing("synthetic", "S000001", plan={"seed": 7}),
            listing("synthetic", "S000001", plan={"seed": 7}),
        ),
    ],
)
def test_one_person_in_two_datasets(one: Manifest, other: Manifest) -> None:
    assert list(persons(one).values()) == list(persons(other).values())


def test_everybody_else_is_somebody_else() -> None:
    everybody = [
        listing("disfa", "SN001", "SN002"),
        listing("disfa", "SN001", real=False),
        listing("bp4d", "F001", "M001"),
        listing("bp4d-plus", "F001", "M001"),
        listing("unbc", "042-ll042", "043-jh043"),
        listing("synthetic", "S000001", plan={"seed": 7}),
        listing("synthetic", "S000001", plan={"seed": 8}),
        listing("mine", "S000001", "anna"),
        listing("yours", "S000001"),
        listing("authors-json", "anna", "sub-01", "12", "a12", "p1_s2"),
        listing("disfa", "SN-001", "SN012"),
        listing("bp4d", "F²"),
    ]
    found = [person for manifest in everybody for person in persons(manifest).values()]
    assert len(set(found)) == len(found) == 22


def test_every_dataset_tells_its_people_apart() -> None:
    """All of a look-alike's subjects, in the split in which the reader puts them."""
    for dataset in DATASETS.values():
        for layout in dataset.lookalikes.values():
            names = layout.corpus.subjects
            numbers = {dataset.person_number(name, "train") for name in names if name[:3] != "VA_"}
            assert len(numbers) == sum(name[:3] != "VA_" for name in names), layout.corpus.layout


@pytest.fixture
def disfa_twice(tmp_path: Path) -> Path:
    """All of DISFA by the left camera and by the right one."""
    for camera in ("left", "right"):
        noise_dataset(tmp_path / camera, "disfa", disfa.SPEC, ("AU04", "AU12", "AU25"), frames=1)
    return tmp_path


def of_fold(folder: Path, *more: Path, protocol: str = "disfa-jaa") -> Experiment:
    plain = experiment(folder)
    data = replace(plain.data, protocol=protocol, more=tuple(str(path) for path in more))
    return replace(plain, data=data)


def test_people_who_test_are_not_trained_on_by_another_camera(disfa_twice: Path) -> None:
    """Fold 1 tests nine people and validates three: 15 of 27 may be trained on."""
    settings = of_fold(disfa_twice / "left", disfa_twice / "right")
    data = read_run_data(settings)
    who = data.train.table["subject"].str.split("/").str[-1]
    assert len(data.train.table) == 30 and (who.value_counts() == 2).all()
    assert not set(who) & set(disfa.SPEC.protocols[0].lists[0])
    (line,) = data.left_out
    assert line.startswith(f"{disfa_twice / 'right'}: SN001, SN002, ")
    assert line.endswith("so 12 images of theirs are not trained on")


def test_evaluating_on_the_other_camera_counts_people_who_were_trained_on(
    disfa_twice: Path,
) -> None:
    alone = asdict(of_fold(disfa_twice / "left"))
    right = read_manifest(disfa_twice / "right")
    everybody = select(right, "train", protocol="none", experiment=alone)
    assert everybody.seen is not None and len(everybody.seen) == 18
    assert not everybody.seen & set(disfa.SPEC.protocols[0].lists[0])
    both = to_dict(of_fold(disfa_twice / "left", disfa_twice / "right"))
    assert select(right, "train", protocol="none", experiment=both).seen == everybody.seen
    assert select(right, "test", experiment=both).seen == frozenset()
    shutil.rmtree(disfa_twice / "left")
    assert select(right, "train", protocol="none", experiment=both).seen is None


def test_a_dataset_of_nobody_else_is_refused(tmp_path: Path) -> None:
    bp = noise_dataset(tmp_path / "bp4d", "bp4d", bp4d.SPEC, ("AU12",), frames=1)
    fera = noise_dataset(tmp_path / "fera", "fera2015", bp4d.SPEC, ("AU12",), frames=1)
    whole = read_manifest(fera)
    held = whole.table["subject"].isin(bp4d.SPEC.protocols[0].lists[1])
    replace(whole, table=whole.table[held].reset_index(drop=True)).write()
    settings = of_fold(bp, fera, protocol="bp4d")
    settings = replace(settings, model=replace(settings.model, aus=("AU12",)))
    with pytest.raises(AuheatError, match=r"all of whose people validate or test in .*: leave it"):
        read_run_data(settings)


def test_rendered_sets_of_other_seeds_are_joined_whole(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2), ("again", 1)):
        noise_dataset(tmp_path / name, "synthetic", disfa.SPEC, ("AU04",), frames=1)
        made = read_manifest(tmp_path / name)
        replace(made, source={"kind": "synthetic", "plan": {"seed": seed}}).write()
    plain = of_fold(tmp_path / "one", tmp_path / "two")
    data = read_run_data(plain)
    assert len(data.train.table) == 15 + 27 and data.left_out == ()
    again = read_run_data(of_fold(tmp_path / "one", tmp_path / "again"))
    assert len(again.train.table) == 15 + 15
    assert np.char.startswith(again.left_out[0], str(tmp_path / "again"))
