"""The schematic pack of the tests, the real one, and the rule by which real assets skip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from auheat.landmarks import FLIP
from auheat.synthesis.assets import EXPRESSIONS_NEEDED, FacePack, Material
from conftest import find_assets
from tiny_face import landmark_layout


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


def test_assets_are_found_by_the_variable_or_beside_the_repository(
    tiny_folder: Path,
) -> None:
    assert find_assets({"AUHEAT_ASSETS": str(tiny_folder)}) == tiny_folder
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
