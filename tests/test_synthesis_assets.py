"""Reading face packs: what is read, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.synthesis.assets import (
    GEOMETRY_FILE,
    LANDMARK_VERTICES,
    SKINS_FILE,
    FacePack,
    Material,
    load_pack,
)

Stored = dict[str, NDArray[Any]]


def rewritten(folder: Path, change: Callable[[Stored], object], name: str = GEOMETRY_FILE) -> Path:
    """The pack in `folder` with one of its files changed."""
    with np.load(folder / name) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(folder / name, **arrays)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(AuheatError) as error:
        load_pack(folder)
    message = str(error.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny pack, to be damaged."""
    return shutil.copytree(tiny_folder, tmp_path / "pack")


def test_hidden_materials_are_dropped(folder: Path) -> None:
    with np.load(folder / GEOMETRY_FILE) as stored:
        hidden = ~np.isin(stored["mat"], [int(material) for material in Material])
        everything, tri = stored["V"], stored["tri"]
    assert hidden.any(), "the tiny pack has something hidden"
    pack = load_pack(folder)
    assert len(pack.vertices) == len(everything) - 4
    np.testing.assert_array_equal(pack.vertices[pack.triangles], everything[tri[~hidden]])


def test_expressions_come_in_a_fixed_order(folder: Path, tiny_pack: FacePack) -> None:
    """A pack may list its shapes in any order and may have more than are needed."""

    def shuffled(stored: Stored) -> None:
        order = np.random.default_rng(0).permutation(len(stored["exp"]))
        stored["exp"] = np.append(stored["exp"][order], "tongueOut")
        stored["E"] = np.concatenate([stored["E"][order], stored["E"][:1]])

    pack = load_pack(rewritten(folder, shuffled))
    np.testing.assert_array_equal(pack.expressions, tiny_pack.expressions)


def test_landmark_numbers_are_distinct() -> None:
    assert len(set(LANDMARK_VERTICES)) == 68


def test_a_pack_without_skins(folder: Path) -> None:
    (folder / SKINS_FILE).unlink()
    assert load_pack(folder).skins is None


def test_no_pack_is_refused(tmp_path: Path) -> None:
    assert "scripts/convert_face_assets.py" in refusal(tmp_path)
    assert GEOMETRY_FILE in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("key", ["V", "E", "I", "exp", "tri", "uvidx", "VT", "mat", "src"])
def test_a_missing_array_is_refused(folder: Path, key: str) -> None:
    assert f"lacks the array {key}" in refusal(rewritten(folder, lambda stored: stored.pop(key)))


@pytest.mark.parametrize("key", ["tex", "base", "names"])
def test_a_missing_array_of_skins_is_refused(folder: Path, key: str) -> None:
    rewritten(folder, lambda stored: stored.pop(key), SKINS_FILE)
    message = refusal(folder)
    assert SKINS_FILE in message
    assert f"lacks the array {key}" in message


def test_a_missing_shape_is_refused(folder: Path) -> None:
    def renamed(stored: Stored) -> None:
        stored["exp"] = np.where(stored["exp"] == "jawOpen", "jawOpened", stored["exp"])

    assert "lacks expression shapes: jawOpen" in refusal(rewritten(folder, renamed))


def test_a_missing_landmark_is_refused(folder: Path) -> None:
    def renumbered(stored: Stored) -> None:
        stored["src"][stored["src"] == 3443] = 9999

    assert "landmark vertices [3443]" in refusal(rewritten(folder, renumbered))


def test_a_missing_material_is_refused(folder: Path) -> None:
    def blind(stored: Stored) -> None:
        stored["mat"][stored["mat"] == Material.LEFT_EYE] = 5

    assert "LEFT_EYE" in refusal(rewritten(folder, blind))


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("V", (slice(1, None),)),
        ("E", (slice(None), slice(1, None))),
        ("E", (slice(1, None),)),
        ("I", (slice(None), slice(1, None))),
        ("tri", (slice(None), slice(2))),
        ("uvidx", (slice(1, None),)),
        ("mat", (slice(1, None),)),
        ("src", (slice(1, None),)),
        ("VT", (slice(None), 0)),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    folder: Path, key: str, shape: tuple[int | slice, ...]
) -> None:
    def cut(stored: Stored) -> None:
        stored[key] = stored[key][shape]

    assert "does not fit the others" in refusal(rewritten(folder, cut))


@pytest.mark.parametrize("key", ["tri", "uvidx"])
def test_indices_beyond_the_end_are_refused(folder: Path, key: str) -> None:
    def beyond(stored: Stored) -> None:
        stored[key][5, 1] = 60000

    assert f"array {key} " in refusal(rewritten(folder, beyond))


@pytest.mark.parametrize(("key", "shape"), [("tex", (0,)), ("base", (slice(1, None),))])
def test_skins_that_do_not_fit_together_are_refused(
    folder: Path, key: str, shape: tuple[int | slice, ...]
) -> None:
    def cut(stored: Stored) -> None:
        stored[key] = stored[key][shape]

    assert SKINS_FILE in refusal(rewritten(folder, cut, SKINS_FILE))


@pytest.mark.parametrize("name", [GEOMETRY_FILE, SKINS_FILE])
@pytest.mark.parametrize("keep", [0, 10, 0.3, 0.99])
def test_a_truncated_file_is_refused(folder: Path, name: str, keep: float) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
    assert name in refusal(folder)


def test_a_damaged_file_is_refused(folder: Path) -> None:
    """Flipped bytes at many places: each is found, whether it breaks the zip or its content."""
    path = folder / GEOMETRY_FILE
    whole = path.read_bytes()
    for place in np.linspace(1000, len(whole) - 1000, 15).astype(int):
        damaged = bytearray(whole)
        damaged[place : place + 40] = bytes(255 - b for b in whole[place : place + 40])
        path.write_bytes(damaged)
        refusal(folder)


def test_something_else_is_refused(folder: Path) -> None:
    path = folder / GEOMETRY_FILE
    path.write_text("no zip file at all")
    assert "not a readable .npz file" in refusal(folder)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))  # one array, not a collection of them
    assert "not a readable .npz file" in refusal(folder)


def test_no_objects_are_unpickled(folder: Path) -> None:
    def pickled(stored: Stored) -> None:
        stored["exp"] = np.array(list(stored["exp"]), object)

    assert "not a readable .npz file" in refusal(rewritten(folder, pickled))
