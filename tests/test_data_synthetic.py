"""Writing synthetic datasets: the same files whatever the workers and interruptions.

Most of it runs in this process, with small chunks; one dataset is made by real worker processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from auheat.data import resumable, synthetic
from auheat.data.cropping import save_crop
from auheat.data.manifest import FILE, read_manifest
from auheat.data.synthetic import SynthesisPlan, synthesise
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.facs import ALL_AUS
from auheat.progress import Advance, Progress
from auheat.synthesis.assets import load_pack
from auheat.synthesis.families import FAMILIES
from auheat.synthesis.studio import Studio
from folder_contents import files
from serial_pool import Serial

PLAN = SynthesisPlan(subjects=5, images=8, seed=3, crop=CropSpec(32, 2), val=0.2, test=0.2)


def counting(counts: list[int]) -> Progress:
    """A `Progress` that notes every step of the images."""

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "frames") -> Iterator[Advance]:
        assert (label, unit) == ("faces", "images")
        yield counts.append
        assert sum(counts) == total

    return progress


@pytest.fixture
def serial(tiny_serial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks of two subjects."""
    monkeypatch.setattr(synthetic, "_CHUNK_SUBJECTS", 2)


def test_a_dataset_is_complete(serial: None, tiny_folder: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    out = tmp_path / "deep" / "set"
    manifest = synthesise(tiny_folder, out, PLAN, 1, counting(counts))
    assert counts[0] == 0  # what was there before, then what each chunk adds
    assert sorted(counts[1:]) == [1, 3, 4]
    found = read_manifest(out)
    assert len(found.table) == len(manifest.table) == 8
    assert found.crop == PLAN.crop
    assert found.source["kind"] == "synthetic"
    assert found.source["plan"]["subjects"] == 5
    assert found.source["plan"]["crop"] == {"size": 32, "pad": 2}
    assert found.aus == ALL_AUS
    subjects = [f"S00000{i}" for i in (0, 0, 1, 1, 2, 2, 3, 4)]  # spread evenly, the first get more
    assert found.table["subject"].to_list() == subjects
    splits = dict(zip(subjects, found.table["split"], strict=True))
    assert list(splits.values()) == ["train", "train", "train", "val", "test"]
    expected = {f"images/0000/{s}_00{i}.jpg" for s in set(subjects) for i in range(2)}
    stored = files(out)
    assert set(stored) == {FILE, synthetic.PEOPLE, *found.table["image"]}
    assert set(found.table["image"]) <= expected
    assert set(found.table["sequence"]) == {""}
    assert set(found.table["frame"]) == {0}
    for name in found.table["image"]:
        assert cv2.imread(str(out / name)).shape == (36, 36, 3)


def test_files_hold_the_studio_s_images(
    serial: None, tiny_folder: Path, tiny_studio: Studio, tmp_path: Path
) -> None:
    """By number, with the labels and landmarks that belong to them; test people in other skins."""
    synthesise(tiny_folder, tmp_path, PLAN, 1)
    manifest = read_manifest(tmp_path)
    for row, (subject, index) in ((1, (0, 1)), (7, (4, 0))):
        person = tiny_studio.person(3, subject, held_out_skins=subject == 4)
        numbers = (3, subject, index)
        sample = tiny_studio.random_image(person, numbers, PLAN.crop.transform, PLAN.crop.side)
        np.testing.assert_array_equal(
            manifest.landmarks()[row], sample.landmarks.astype(np.float32)
        )
        labels = np.array([sample.intensities[au] for au in ALL_AUS], np.float32)
        np.testing.assert_array_equal(manifest.labels(ALL_AUS)[row], labels)
        stored = cv2.imread(str(tmp_path / manifest.table["image"][row]))[..., ::-1]
        assert np.abs(stored.astype(int) - sample.image).mean() < 4


def test_chunks_do_not_matter(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    for chunk in (1, 2, 25):
        monkeypatch.setattr(synthetic, "_CHUNK_SUBJECTS", chunk)
        synthesise(tiny_folder, tmp_path / str(chunk), PLAN, 1)
    first = files(tmp_path / "1")
    assert first == files(tmp_path / "2") == files(tmp_path / "25")


def test_pairs(serial: None, tiny_folder: Path, tmp_path: Path) -> None:
    counts: list[int] = []
    plan = replace(PLAN, subjects=2, images=3, pairs=True)
    table = synthesise(tiny_folder, tmp_path, plan, 1, counting(counts)).table
    assert sum(counts) == len(table) == 6
    assert table["frame"].to_list() == [1, 2] * 3
    assert table["sequence"].to_list() == [
        *["S000000_0"] * 2, *["S000000_1"] * 2, *["S000001_0"] * 2
    ]  # fmt: skip
    rest, expressive = table[table["frame"] == 1], table[table["frame"] == 2]
    assert (rest[list(ALL_AUS)].to_numpy() == 0).all()
    assert expressive[list(ALL_AUS)].to_numpy().max() > 0
    assert len(set(table["image"])) == 6
    assert all((tmp_path / name).is_file() for name in table["image"])


def test_an_interrupted_run_is_continued(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    """It ends with the same bytes, and makes only what is missing."""
    synthesise(tiny_folder, tmp_path / "whole", PLAN, 1)
    made: list[int] = []
    original = synthetic._make_chunk

    def broken(worker: Any, first: int) -> int:
        if first == 2 and not made.count(2):
            made.append(first)
            raise AuheatError("the disk is full")
        made.append(first)
        return original(worker, first)

    monkeypatch.setattr(synthetic, "_make_chunk", broken)
    with pytest.raises(AuheatError, match="the disk is full"):
        synthesise(tiny_folder, tmp_path / "broken", PLAN, 1)
    assert not (tmp_path / "broken" / FILE).exists()
    made[:] = [2]
    counts: list[int] = []
    synthesise(tiny_folder, tmp_path / "broken", PLAN, 1, counting(counts))
    assert made == [2, 2]
    assert counts == [5, 3]  # there before, then made
    assert files(tmp_path / "broken") == files(tmp_path / "whole")


def test_an_interruption_within_a_chunk_leaves_no_rows_of_it(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    synthesise(tiny_folder, tmp_path / "whole", PLAN, 1)
    original, saved = save_crop, list[Path]()

    def failing(path: Path, image: Any) -> None:
        saved.append(path)
        if len(saved) == 6:
            raise AuheatError("cannot write")
        original(path, image)

    monkeypatch.setattr(synthetic, "save_crop", failing)
    with pytest.raises(AuheatError, match="cannot write"):
        synthesise(tiny_folder, tmp_path / "broken", PLAN, 1)
    synthesise(tiny_folder, tmp_path / "broken", PLAN, 1)
    assert files(tmp_path / "broken") == files(tmp_path / "whole")


@pytest.mark.parametrize(("subjects", "images"), [(1, 1), (3, 3), (7, 30), (200, 1234)])
def test_images_are_spread_evenly(subjects: int, images: int) -> None:
    plan = SynthesisPlan(subjects, images)
    each = [plan.images_of(subject) for subject in range(subjects)]
    assert sum(each) == images
    assert max(each) - min(each) <= 1
    assert sorted(each, reverse=True) == each


@pytest.mark.parametrize(("val", "test"), [(0.04, 0.06), (0.0, 0.0), (0.5, 0.5), (0.1, 0.25)])
def test_subjects_are_split_by_share(val: float, test: float) -> None:
    """In order: training people first, test people last."""
    plan = SynthesisPlan(200, 200, val=val, test=test)
    splits = [plan.split(subject) for subject in range(200)]
    assert splits.count("val") == round(200 * val)
    assert splits.count("test") == round(200 * test)
    order = {"train": 0, "val": 1, "test": 2}
    assert [order[s] for s in splits] == sorted(order[s] for s in splits)


def test_test_people_wear_other_skins(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    asked: dict[int, bool] = {}
    original = Studio.person

    def watched(self: Studio, seed: int, subject: int, held_out_skins: bool = False) -> Any:
        asked[subject] = held_out_skins
        return original(self, seed, subject, held_out_skins)

    monkeypatch.setattr(Studio, "person", watched)
    synthesise(tiny_folder, tmp_path, PLAN, 1)
    assert asked == {0: False, 1: False, 2: False, 3: False, 4: True}


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tiny_studio: Studio, tmp_path: Path
) -> None:
    """Two real processes, each with a chunk of its own, write what this one writes."""
    plan = replace(PLAN, subjects=26, images=26, crop=CropSpec(24, 0))
    synthesise(tiny_folder, tmp_path / "two", plan, 2)
    with monkeypatch.context() as patch:
        patch.setattr(resumable, "ProcessPoolExecutor", Serial)
        patch.setattr(synthetic, "Studio", lambda pack: tiny_studio)
        threads = cv2.getNumThreads()
        synthesise(tiny_folder, tmp_path / "one", plan, 1)
        cv2.setNumThreads(threads)
    two, one = files(tmp_path / "two"), files(tmp_path / "one")
    assert len(one) == 28
    assert one == two


def test_a_table_says_what_people_are_like(serial: None, tiny_folder: Path, tmp_path: Path) -> None:
    synthesise(tiny_folder, tmp_path / "set", PLAN, 1)
    people = pd.read_csv(tmp_path / "set" / "people.csv")
    assert list(people) == ["subject", "split", "sex", "age", "monk", "glasses", "beard"]
    assert people["split"].to_list() == ["train"] * 3 + ["val", "test"]
    studio = Studio(load_pack(tiny_folder))
    for row in people.itertuples():
        number = int(row.subject[1:])
        person = studio.person(PLAN.seed, number, held_out_skins=number == 4)
        assert row.sex == ("male" if person.masculine else "female")
        assert row.age == round(person.age, 2)
        assert row.monk == 1 + round(9 * person.depth)
        assert row.glasses == ("no" if person.glasses is None else "yes")
        assert row.beard == ("no" if person.beard is None else "yes")
    assert people["monk"].between(1, 10).all()


def test_a_suite_shows_every_family(serial: None, tiny_folder: Path, tmp_path: Path) -> None:
    plan = SynthesisPlan(subjects=2, images=2, seed=3, crop=CropSpec(32, 2), suite="ood")
    counts: list[int] = []
    manifest = synthesise(tiny_folder, tmp_path / "ood", plan, 1, counting(counts))
    assert sum(counts) == 2 * len(FAMILIES) == len(manifest.table)
    assert set(manifest.table["split"]) == {"test"}
    assert not (tmp_path / "ood" / "people.csv").exists()  # families decide what people are like
    assert manifest.table["sequence"].value_counts().to_dict() == dict.fromkeys(FAMILIES, 2)
    assert len(set(manifest.table["image"])) == len(manifest.table)
    resting = manifest.table["sequence"].str.startswith("rest")
    assert (manifest.table.loc[resting, list(ALL_AUS)] == 0).all(axis=None)


def test_a_suite_has_no_pairs() -> None:
    with pytest.raises(AuheatError, match="no pairs"):
        SynthesisPlan(subjects=2, images=2, pairs=True, suite="ood")
