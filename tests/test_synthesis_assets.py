"""Reading face packs, the schematic pack of the tests, and the rule by which real assets skip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from auheat.errors import AuheatError
from auheat.landmarks import FLIP
from auheat.synthesis.assets import (
    EXPRESSIONS_NEEDED,
    GEOMETRY_FILE,
    LANDMARK_VERTICES,
    SKINS_FILE,
    FacePack,
    Material,
    load_pack,
)
from conftest import find_assets
from tiny_pack import landmark_layout

Stored = dict[str, np.ndarray]


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


def check_geometry(pack: FacePack) -> None:
    n, triangles, uv = len(pack.vertices), pack.triangles, pack.uv_triangles
    assert pack.vertices.dtype == pack.uv.dtype == pack.expressions.dtype == np.float32
    assert triangles.dtype == uv.dtype == pack.material.dtype == np.int32
    assert sorted(np.unique(triangles)) == list(range(n)), "every vertex is drawn"
    assert triangles.shape == uv.shape == (len(pack.material), 3)
    assert uv.min() >= 0
    assert uv.max() < len(pack.uv)
    assert set(pack.material) == set(Material)
    assert pack.shapes == EXPRESSIONS_NEEDED
    assert pack.expressions.shape == (len(EXPRESSIONS_NEEDED), n, 3)
    assert pack.identities.shape[1:] == (n, 3)
    assert pack.expressions.flags.c_contiguous
    assert len(set(pack.landmarks)) == 68


def check_symmetry(pack: FacePack, tolerance: float) -> None:
    marks = pack.vertices[pack.landmarks]
    np.testing.assert_allclose(marks[list(FLIP)] * (-1, 1, 1), marks, atol=tolerance)
    for name in EXPRESSIONS_NEEDED:
        if not name.endswith("_L"):
            continue
        left = pack.expressions[pack.shapes.index(name)][pack.landmarks]
        right = pack.expressions[pack.shapes.index(f"{name[:-2]}_R")][pack.landmarks]
        np.testing.assert_allclose(
            left[list(FLIP)] * (-1, 1, 1), right, atol=tolerance, err_msg=name
        )


def test_the_tiny_pack_is_complete_and_symmetrical(tiny_pack: FacePack) -> None:
    check_geometry(tiny_pack)
    check_symmetry(tiny_pack, 1e-3)
    assert tiny_pack.skins is not None
    assert tiny_pack.skins.albedo.shape == (6, 64, 64, 3)


def test_the_real_pack_is_complete_and_symmetrical(real_pack: FacePack) -> None:
    check_geometry(real_pack)
    check_symmetry(real_pack, 0.05)
    assert len(real_pack.identities) == 100
    assert real_pack.skins is not None
    assert len(real_pack.skins.names) == len(real_pack.skins.base) == 14


def test_landmarks_are_the_named_vertices(tiny_pack: FacePack) -> None:
    """Numbers are those of the kit; hidden vertices were dropped and the rest moved up."""
    uv, points = landmark_layout()
    np.testing.assert_allclose(tiny_pack.vertices[tiny_pack.landmarks], points, atol=1e-5)
    corners = (tiny_pack.material == Material.FACE).nonzero()[0]
    seen = dict(
        zip(
            tiny_pack.triangles[corners].ravel().tolist(),
            tiny_pack.uv_triangles[corners].ravel().tolist(),
            strict=True,
        )
    )
    np.testing.assert_allclose(
        tiny_pack.uv[[seen[int(v)] for v in tiny_pack.landmarks]], uv, atol=1e-6
    )


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
    assert "auheat assets" in refusal(tmp_path)
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


def test_the_tiny_skin_has_holes_for_eyes_and_mouth(tiny_pack: FacePack) -> None:
    """No triangle spans an opening, so that what lies behind is seen."""
    skin = tiny_pack.triangles[tiny_pack.material == Material.FACE]
    vertices = tiny_pack.landmarks
    for rim in (range(36, 42), range(42, 48), range(60, 68)):
        assert not np.isin(skin, vertices[list(rim)]).all(1).any()
    edges = np.sort(np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert set(uses) == {1, 2}, "an edge belongs to two triangles, or to one at a border"


def test_the_tiny_pack_is_its_own_mirror_image(tiny_pack: FacePack) -> None:
    distance, _ = cKDTree(tiny_pack.vertices).query(tiny_pack.vertices * (-1, 1, 1))
    assert distance.max() < 1e-5


def test_assets_are_found_by_the_variable_or_beside_the_repository(folder: Path) -> None:
    assert find_assets({"AUHEAT_ASSETS": str(folder)}) == folder
    beside = Path(__file__).resolve().parents[2] / "shared" / "face-assets"
    if beside.is_dir():
        assert find_assets({}) == find_assets({"AUHEAT_ASSETS": ""}) == beside


def test_missing_assets_skip_unless_they_are_required(tmp_path: Path) -> None:
    nowhere = {"AUHEAT_ASSETS": str(tmp_path)}
    for variables in (nowhere, nowhere | {"AUHEAT_REQUIRE_ASSETS": "0"}):
        with pytest.raises(pytest.skip.Exception):
            find_assets(variables)
    with pytest.raises(pytest.fail.Exception, match="AUHEAT_ASSETS"):
        find_assets(nowhere | {"AUHEAT_REQUIRE_ASSETS": "1"})


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_the_rule_holds_for_a_run_of_tests(tmp_path: Path, required: str, outcome: str) -> None:
    """Also that the marker `assets` is put on whatever uses the fixture."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "assets", __file__,
         "-k", "test_the_real_pack_is_complete or test_the_tiny_pack_is_complete"],
        env=os.environ | {"AUHEAT_ASSETS": str(tmp_path), "AUHEAT_REQUIRE_ASSETS": required},
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert re.search(outcome, result.stdout), result.stdout
    assert result.returncode == (1 if required else 0)
