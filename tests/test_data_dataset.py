"""A manifest as samples, and the order in which training visits it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from auheat.data.dataset import CropDataset
from auheat.data.manifest import Manifest
from auheat.data.sampling import VisitSampler
from auheat.data.transforms import NONE, AugmentConfig
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.facs import PointLayout

AUS = ("AU12", "AU01", "AU04")
ROWS, SPEC = 5, CropSpec(64, 4)


@pytest.fixture
def manifest(tmp_path: Path, face: NDArray[np.float64]) -> Manifest:
    """Images of one colour each but for a red first row; lossless, so that bytes are known."""
    rng = np.random.default_rng(0)
    marks = [(face * 0.3 + (5, 2) + i).astype(np.float32) for i in range(ROWS)]
    for i in range(ROWS):
        image = np.full((SPEC.side, SPEC.side, 3), (10 + i, 100, 200), np.uint8)
        image[0] = (255, 0, 0)
        cv2.imwrite(str(tmp_path / f"{i}.png"), image[..., ::-1])
    table = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(ROWS)],
            "subject": [f"S{i}" for i in range(ROWS)],
            "split": "train",
            "sequence": "",
            "frame": 0,
            "landmarks": [m.ravel() for m in marks],
            "AU04": rng.uniform(0, 5, ROWS).astype(np.float32),
            "AU12": np.array([1, 2, np.nan, 4, 5], np.float32),
        }
    )
    return Manifest(table, tmp_path, SPEC, {})


def test_a_sample(manifest: Manifest) -> None:
    dataset = CropDataset(manifest, AUS, 64)
    assert len(dataset) == ROWS
    sample = dataset[2]
    assert sample["image"].shape == (3, 64, 64)
    assert sample["image"].dtype == torch.uint8
    assert sample["image"][:, 30, 30].tolist() == [12, 100, 200]  # red, green, blue
    assert sample["points"].dtype == sample["intensities"].dtype == torch.float32
    layout = PointLayout.of(AUS)
    expected = layout.locate(manifest.landmarks()[2].astype(np.float64) - SPEC.pad)
    np.testing.assert_allclose(sample["points"].numpy(), expected, atol=1e-4)
    assert sample["points"].shape == (layout.count, 2)
    found = sample["intensities"]
    assert found.isnan().tolist() == [True, True, False]  # not coded here, not coded at all
    assert found[2] == manifest.table["AU04"][2]


def test_the_padding_is_cut_away(manifest: Manifest) -> None:
    assert (CropDataset(manifest, AUS, 64)[0]["image"][0] == 10).all()
    larger = CropDataset(manifest, AUS, 128)[0]
    assert larger["image"].shape == (3, 128, 128)
    small = CropDataset(manifest, AUS, 64)[0]["points"]
    np.testing.assert_allclose((larger["points"] + 0.5) / 128, (small + 0.5) / 64, atol=1e-4)


def test_changing_a_sample_does_not_change_the_dataset(manifest: Manifest) -> None:
    dataset = CropDataset(manifest, AUS, 64)
    for name in ("image", "points", "intensities"):
        dataset[0][name].zero_()
    assert dataset[0]["intensities"][0] == 1
    assert dataset[0]["image"].float().mean() > 50
    assert dataset[0]["points"].abs().sum() > 10


def test_a_row_is_augmented_by_its_visit(manifest: Manifest) -> None:
    """The same visit gives the same view, another visit, row or seed another one."""
    dataset = CropDataset(manifest, AUS, 64, AugmentConfig(), seed=3)
    view = dataset[4, 1]
    for again in (dataset[4, 1], CropDataset(manifest, AUS, 64, AugmentConfig(), seed=3)[4, 1]):
        assert torch.equal(again["image"], view["image"])
        assert torch.equal(again["points"], view["points"])
    others = [dataset[5, 1], CropDataset(manifest, AUS, 64, AugmentConfig(), seed=4)[4, 1]]
    for other in others:
        assert not torch.equal(other["points"], view["points"])
        np.testing.assert_array_equal(other["intensities"], view["intensities"])
    assert torch.equal(dataset[1]["image"], dataset[0, 1]["image"])
    shift = dataset[4, 2]["points"] - dataset[4, 1]["points"]
    assert (shift - 1).abs().max() > 0.5  # rows lie one pixel apart, but are moved on their own


def test_without_augmentation_visits_are_alike(manifest: Manifest) -> None:
    dataset = CropDataset(manifest, AUS, 64, NONE, seed=3)
    assert torch.equal(dataset[0, 1]["image"], dataset[7, 1]["image"])


def test_batches_of_a_loader(manifest: Manifest) -> None:
    dataset = CropDataset(manifest, AUS, 64, AugmentConfig(), seed=1)
    sampler = VisitSampler(ROWS, 8, seed=2)
    batches = list(DataLoader(dataset, batch_size=4, sampler=sampler))
    assert [tuple(b["image"].shape) for b in batches] == [(4, 3, 64, 64)] * 2
    keys = list(sampler)
    assert torch.equal(batches[1]["image"][3], dataset[keys[7]]["image"])


def test_an_unreadable_image_is_named(
    manifest: Manifest, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = CropDataset(manifest, AUS, 64)
    path = manifest.folder / "3.png"
    path.write_bytes(b"no image")
    with pytest.raises(AuheatError, match=rf"^cannot read the image {path} [^\n]+$"):
        dataset[3]
    path.unlink()
    with pytest.raises(AuheatError, match=rf"^cannot read the image {path} [^\n]+$"):
        dataset[3]
    assert capfd.readouterr() == ("", "")  # OpenCV has nothing to add
    assert dataset[2]["image"].shape == (3, 64, 64)


@pytest.mark.parametrize("shape", [(64, 64, 3), (72, 80, 3), (144, 144, 3)])
def test_an_image_of_another_size_is_refused(
    manifest: Manifest, shape: tuple[int, int, int]
) -> None:
    """Its landmarks would lie somewhere else."""
    path = manifest.folder / "1.png"
    cv2.imwrite(str(path), np.zeros(shape, np.uint8))
    with pytest.raises(AuheatError, match=rf"^the image {path} is not 72 x 72 [^\n]+$"):
        CropDataset(manifest, AUS, 64)[1]


def test_rows_end(manifest: Manifest) -> None:
    with pytest.raises(IndexError):
        CropDataset(manifest, AUS, 64)[ROWS]


def test_unknown_aus_are_refused(manifest: Manifest) -> None:
    with pytest.raises(AuheatError, match="AU99"):
        CropDataset(manifest, ("AU12", "AU99"), 64)


def test_an_empty_part_is_an_empty_dataset(manifest: Manifest) -> None:
    assert len(CropDataset(replace(manifest).split("val"), AUS, 64)) == 0


# --- the order of visits ---


def stream(rows: int, length: int, seed: int, epochs: int) -> list[tuple[int, int]]:
    sampler = VisitSampler(rows, length, seed)
    visited = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        own = list(sampler)
        assert len(own) == len(sampler) == length
        visited += own
    return visited


@given(st.integers(1, 30), st.integers(1, 70), st.integers(0, 9), st.integers(1, 5))
def test_every_row_is_visited_once_before_any_is_again(
    rows: int, length: int, seed: int, epochs: int
) -> None:
    """Over epochs of any length, longer or shorter than the set."""
    visited = stream(rows, length, seed, epochs)
    for start in range(0, len(visited), rows):
        round_of_all = visited[start : start + rows]
        assert {visit for visit, _ in round_of_all} == {start // rows}
        seen = [row for _, row in round_of_all]
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(range(rows))
    assert len(set(visited)) == len(visited)


@given(st.integers(1, 20), st.integers(1, 50), st.integers(0, 6))
def test_an_epoch_depends_only_on_its_number(rows: int, length: int, epoch: int) -> None:
    """So that a resumed run sees what an unbroken one would have seen."""
    resumed = VisitSampler(rows, length, 5)
    resumed.set_epoch(epoch)
    whole = stream(rows, length, 5, epoch + 1)
    assert list(resumed) == whole[epoch * length :]
    assert list(resumed) == whole[epoch * length :]  # and may be read twice


@given(st.integers(1, 20), st.integers(1, 50), st.integers(1, 5), st.integers(0, 3))
def test_processes_share_an_epoch(rows: int, length: int, processes: int, epoch: int) -> None:
    whole = stream(rows, length, 5, epoch + 1)[epoch * length :]
    parts = []
    for rank in range(processes):
        sampler = VisitSampler(rows, length, 5, rank, processes)
        sampler.set_epoch(epoch)
        own = list(sampler)
        assert len(own) == len(sampler)
        assert own == whole[rank::processes]
        parts += own
    assert sorted(parts) == sorted(whole)


def test_order_differs_between_visits_and_seeds() -> None:
    first, second = stream(50, 50, 1, 2)[:50], stream(50, 50, 1, 2)[50:]
    assert [row for _, row in first] != [row for _, row in second]
    assert first != stream(50, 50, 2, 1)
    assert [row for _, row in first] != list(range(50))
