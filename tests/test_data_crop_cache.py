"""Decoded crops kept in a file: the same samples with it and without, whatever happened to it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from auheat.data.crop_cache import CropCache
from auheat.data.dataset import CropDataset, Sample
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest
from auheat.data.transforms import NONE, AugmentConfig
from auheat.errors import AuheatError
from small_runs import AUS, write_dataset


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_dataset(tmp_path / "data")


def same(a: Sample, b: Sample) -> bool:
    return all(torch.equal(a[key], b[key]) for key in ("image", "points", "intensities"))


@pytest.mark.parametrize("augmentation", [NONE, AugmentConfig()], ids=["plain", "augmented"])
@pytest.mark.parametrize("size", [32, 24])
def test_samples_are_the_same(
    manifest: Manifest, tmp_path: Path, augmentation: AugmentConfig, size: int
) -> None:
    plain = CropDataset(manifest, AUS, size, augmentation, 3)
    cached = CropDataset(manifest, AUS, size, augmentation, 3, tmp_path / "cache")
    for visit in range(3):  # written on the first visit, read on the others
        for row in range(len(plain)):
            assert same(cached[visit, row], plain[visit, row])


def test_later_visits_read_no_image(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CropDataset(manifest, AUS, 32, cache=tmp_path / "cache")
    expected = [first[row] for row in range(4)]
    again = CropDataset(manifest, AUS, 32, cache=tmp_path / "cache")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    assert all(same(again[row], expected[row]) for row in range(4))
    with pytest.raises(AuheatError, match="cannot read the image"):
        again[4]


def test_changed_images_are_read_anew(manifest: Manifest, tmp_path: Path) -> None:
    CropDataset(manifest, AUS, 32, cache=tmp_path / "cache")[0]
    path = manifest.folder / manifest.table["image"][0]
    cv2.imwrite(str(path), np.full((manifest.crop.side,) * 2 + (3,), 7, np.uint8))
    os.utime(path, ns=(1, 1))
    sample = CropDataset(manifest, AUS, 32, cache=tmp_path / "cache")[0]
    assert set(sample["image"].flatten().tolist()) == {7}


def test_a_damaged_row_is_read_anew(manifest: Manifest, tmp_path: Path) -> None:
    """As after a crash in which some pages of the file were never written."""
    cache = tmp_path / "cache"
    expected = CropDataset(manifest, AUS, 32, cache=cache)[1]
    (stored,) = cache.iterdir()
    content = bytearray(stored.read_bytes())
    row = len(content) // len(manifest.table)
    content[row + 2000 : row + 2600] = bytes(600)
    stored.write_bytes(content)
    assert same(CropDataset(manifest, AUS, 32, cache=cache)[1], expected)


def test_workers_share_the_cache(manifest: Manifest, tmp_path: Path) -> None:
    plain = CropDataset(manifest, AUS, 32)
    cached = CropDataset(manifest, AUS, 32, cache=tmp_path / "cache")
    cached[0]
    assert len(pickle.dumps(cached._cache)) < 2000  # and not the images themselves
    for _ in range(2):
        batch = next(iter(crop_loader(cached, len(cached), workers=2)))
        assert torch.equal(
            batch["image"],
            torch.stack([s["image"] for s in map(plain.__getitem__, range(len(plain)))]),
        )
    assert cached._cache is not None
    assert all(cached._cache.get(row) is not None for row in range(len(cached)))


def test_blank_rows_and_black_images_differ(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    cache = CropCache(tmp_path / "cache", [path, path], 4)
    assert cache.get(1) is None
    cache.put(1, np.zeros((4, 4, 3), np.uint8))
    found = cache.get(1)
    assert found is not None
    assert found.shape == (4, 4, 3)
    assert not found.flags.writeable
    assert cache.get(0) is None


def test_what_cannot_be_cached(tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match="cannot read the image"):
        CropCache(tmp_path, [tmp_path / "none.png"], 4)
    (tmp_path / "file").touch()
    with pytest.raises(AuheatError, match="cannot make the folder"):
        CropCache(tmp_path / "file" / "x", [], 4)
