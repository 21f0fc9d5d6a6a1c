"""A sum of plain data and of the files that it names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from auheat.data.fingerprint import fingerprint
from auheat.data.image_sources import ImageFiles, VideoImages


@dataclass(frozen=True)
class Slim:
    __slots__ = ("value",)
    value: int


class Other(dict[str, int]):
    pass


ALL_DIFFERENT = [
    None, False, 0, 0.0, "", b"", "0", (), ("",), ("", ""), ((), ()), {}, {"a": 1}, {"a": True},
    {"a": 1.0}, {"b": 1}, {1}, {1, 2}, ["ab", "c"], ["a", "bc"], Slim(1), Slim(2), len, sorted,
    Slim, Path("a"), "a", partial(len, "a"), partial(len, "b"), "".join, "a".join, np.float32(1),
    np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), np.array([0.0, np.nan]),
    ImageFiles({1: Path("a")}), ImageFiles({2: Path("a")}), VideoImages(Path("a")),
]  # fmt: skip


def test_what_differs_has_another_sum() -> None:
    sums = [fingerprint(value) for value in ALL_DIFFERENT]
    assert len(set(sums)) == len(ALL_DIFFERENT)
    assert sums == [fingerprint(value) for value in ALL_DIFFERENT]


def test_equal_values_have_one_sum() -> None:
    for one, other in (
        ({"b", "a", "c"}, {"c", "b", "a"}),
        ({1: "x"}, Other({1: "x"})),  # type: ignore[dict-item]
        ([1, "a"], (1, "a")),
        (np.array([np.nan, 2]), np.array([np.nan, 2])),
        (np.arange(6).reshape(2, 3).T, np.arange(6).reshape(2, 3).T.copy()),
        (ImageFiles({1: Path("a")}), ImageFiles({1: Path("a")})),
        (Slim(3), Slim(3)),
    ):
        assert fingerprint(one) == fingerprint(other)


def test_a_file_counts_by_place_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a"
    seen = {fingerprint(path)}
    path.write_bytes(b"abc")
    os.utime(path, ns=(0, 10**18))
    seen.add(first := fingerprint(path))
    assert fingerprint(Path("a")) == first
    path.write_bytes(b"abcd")
    os.utime(path, ns=(0, 10**18))
    seen.add(fingerprint(path))
    os.utime(path, ns=(0, 10**18 + 1))
    seen.add(fingerprint(path))
    seen.add(fingerprint(path.rename(tmp_path / "b")))
    assert len(seen) == 5
