"""From the OBJ files of ICT-FaceKit to a pack."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.synthesis.assets import (
    EXPRESSIONS_NEEDED,
    GEOMETRY_FILE,
    LANDMARK_VERTICES,
    FacePack,
    load_pack,
)
from auheat.synthesis.convert import convert, read_obj, read_vertices

SQUARE = """# a comment
mtllib some.mtl
v 0 0 0
v 1.5 0 -2e-1
v 1 1 0 1.0
v 0 1 0
vt 0 0
vt 1 0 0
vt 1 1
vt 0 1
"""


def obj(folder: Path, text: str) -> Path:
    path = folder / "mesh.obj"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "faces", ["f 1/4 2/3 3/2 4/1", "f 1/4/7 2/3/7 3/2/7 4/1/7", "f 1/4/ 2/3/ 3/2/ 4/1/"]
)
def test_a_quad_becomes_two_triangles(tmp_path: Path, faces: str) -> None:
    mesh = read_obj(obj(tmp_path, f"{SQUARE}usemtl M_Face\n{faces}\n"))
    np.testing.assert_allclose(
        mesh.vertices, np.array([[0, 0, 0], [1.5, 0, -0.2], [1, 1, 0], [0, 1, 0]])
    )
    np.testing.assert_allclose(mesh.uv, [[0, 0], [1, 0], [1, 1], [0, 1]])
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv_triangles.tolist() == [[3, 2, 1], [3, 1, 0]]
    assert mesh.material.tolist() == [0, 0]


def test_triangles_and_larger_polygons(tmp_path: Path) -> None:
    text = f"{SQUARE}v 2 2 2\nusemtl a\nf 1/1 2/2 3/3\nusemtl b\nf 1/1 2/2 3/3 4/4 5/1\n"
    mesh = read_obj(obj(tmp_path, text))
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
    assert mesh.material.tolist() == [0, 1, 1, 1]


def test_materials_count_up_even_where_one_has_no_faces(tmp_path: Path) -> None:
    face = "f 1/1 2/2 3/3\n"
    mesh = read_obj(obj(tmp_path, f"{SQUARE}usemtl a\n{face}usemtl b\nusemtl c\n{face}"))
    assert mesh.material.tolist() == [0, 2]


@pytest.mark.parametrize(
    "faces",
    [
        "f 1/1 2/2 5/3",  # a vertex that is not there
        "f 1/1 2/2 3/5",  # a texture coordinate that is not there
        "f -1/1 -2/2 -3/3",  # counted from the end, which the kit does not do
        "f 1 2 3",
        "f 1//1 2//1 3//1",
        "f 1/1 2/2 x/3",
        "",
    ],
)
def test_wrong_faces_are_refused(tmp_path: Path, faces: str) -> None:
    path = obj(tmp_path, f"{SQUARE}usemtl a\n{faces}\n")
    with pytest.raises(AuheatError, match=rf"^{path} is damaged: [^\n]*$"):
        read_obj(path)


@pytest.mark.parametrize("line", ["v 1 2", "v 1 2 x", "v 1 2 nan", "v"])
def test_wrong_vertices_are_refused(tmp_path: Path, line: str) -> None:
    path = obj(tmp_path, f"v 0 0 0\n{line} \n")
    with pytest.raises(AuheatError, match=rf"^{path} is damaged: [^\n]*$"):
        read_vertices(path)


def test_files_that_are_no_obj_files_are_refused(tmp_path: Path) -> None:
    path = obj(tmp_path, "version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(AuheatError, match=f"^{path} holds no vertices"):
        read_vertices(path)
    path.write_bytes(b"\xff\xfe\x00v 1 2 3")
    with pytest.raises(AuheatError, match=f"^cannot read {path}"):
        read_vertices(path)
    with pytest.raises(AuheatError, match=r"^cannot read"):
        read_vertices(tmp_path / "nowhere.obj")


def written(vertices: NDArray[Any]) -> str:
    return "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in vertices.tolist())


@pytest.fixture(scope="module")
def kit(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pack in the layout of ICT-FaceKit: landmarks at their numbers, the rest around."""
    root = tmp_path_factory.mktemp("kit")
    folder = root / "FaceXModel"
    folder.mkdir()
    with np.load(tiny_folder / GEOMETRY_FILE) as stored:
        pack = dict(stored)
    count = max(LANDMARK_VERTICES) + 1
    free = iter(sorted(set(range(count)) - set(LANDMARK_VERTICES)))
    number = [s if s in LANDMARK_VERTICES else next(free) for s in pack["src"].tolist()]

    def save(name: str, offsets: NDArray[Any], more: str = "") -> None:
        vertices = np.zeros((count, 3), np.float32)
        vertices[number] = pack["V"] + offsets.astype(np.float32)
        (folder / f"{name}.obj").write_text(written(vertices) + more)

    lines = [f"vt {u:.9g} {v:.9g}" for u, v in pack["VT"].tolist()]
    for material in range(12):
        lines.append(f"usemtl M_{material}")
        chosen = pack["mat"] == material
        for corners, uv in zip(pack["tri"][chosen], pack["uvidx"][chosen], strict=True):
            lines.append(
                "f "
                + " ".join(f"{number[a] + 1}/{b + 1}" for a, b in zip(corners, uv, strict=True))
            )
    save("generic_neutral_mesh", np.zeros(3), "\n".join(lines))
    for name, offsets in zip(pack["exp"], pack["E"], strict=True):
        save(str(name), offsets)
    for i, offsets in enumerate(pack["I"]):
        save(f"identity{i:03d}", offsets)
    save("eyePupilDilate_L", pack["E"][0])  # of no use here, as in the real kit
    return root


def test_a_kit_becomes_the_pack_it_was_made_from(
    kit: Path, tiny_pack: FacePack, tmp_path: Path
) -> None:
    path = convert(kit, tmp_path / "deep" / "pack")
    assert path == tmp_path / "deep" / "pack" / GEOMETRY_FILE
    assert [file.name for file in path.parent.iterdir()] == [GEOMETRY_FILE]
    pack = load_pack(path.parent)
    order = np.argsort(tiny_pack.material, kind="stable")  # the kit lists faces by material
    mine, theirs = pack.triangles, tiny_pack.triangles[order]
    np.testing.assert_array_equal(pack.vertices[mine], tiny_pack.vertices[theirs])
    np.testing.assert_array_equal(pack.material, tiny_pack.material[order])
    np.testing.assert_array_equal(
        pack.uv[pack.uv_triangles], tiny_pack.uv[tiny_pack.uv_triangles[order]]
    )
    np.testing.assert_allclose(
        pack.expressions[:, mine], tiny_pack.expressions[:, theirs], atol=2e-3
    )
    np.testing.assert_allclose(pack.identities[:, mine], tiny_pack.identities[:, theirs], atol=2e-3)
    np.testing.assert_array_equal(
        pack.vertices[pack.landmarks], tiny_pack.vertices[tiny_pack.landmarks]
    )


def test_the_inner_folder_will_do_and_progress_sees_every_file(kit: Path, tmp_path: Path) -> None:
    names: list[str] = []

    def watched(paths):  # type: ignore[no-untyped-def]
        for path in paths:
            names.append(path.stem)
            yield path

    convert(kit / "FaceXModel", tmp_path, watched)
    assert names == [*EXPRESSIONS_NEEDED, *(f"identity00{i}" for i in range(4))]


def without(kit: Path, target: Path, name: str) -> Path:
    """The kit as links, lacking one file."""
    folder = target / "FaceXModel"
    folder.mkdir(parents=True)
    for path in (kit / "FaceXModel").iterdir():
        if not path.match(name):
            (folder / path.name).symlink_to(path)
    return target


def test_a_wrong_folder_is_refused(kit: Path, tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match=f"^{tmp_path} is no checkout of ICT-FaceKit"):
        convert(tmp_path, tmp_path)
    with pytest.raises(AuheatError, match="is no checkout"):
        convert(without(kit, tmp_path / "kit", "generic_neutral_mesh.obj"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["jawOpen.obj", "cheekPuff_R.obj", "identity*.obj"])
def test_an_incomplete_kit_is_refused(kit: Path, tmp_path: Path, name: str) -> None:
    partial = without(kit, tmp_path / "kit", name)
    with pytest.raises(AuheatError) as error:
        convert(partial, tmp_path / "out")
    assert str(partial) in str(error.value)
    assert name.replace("*", "000") in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["generic_neutral_mesh.obj", "browDown_L.obj", "identity003.obj"])
def test_a_damaged_file_is_named(kit: Path, tmp_path: Path, name: str) -> None:
    partial = without(kit, tmp_path / "kit", name)
    path = partial / "FaceXModel" / name
    whole = (kit / "FaceXModel" / name).read_text()
    path.write_text(whole[: whole.index("v ", 50000)])  # a download that broke off
    with pytest.raises(AuheatError) as error:
        convert(partial, tmp_path / "out")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_an_unwritable_place_is_refused(kit: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(AuheatError, match=f"^cannot write {file}"):
        convert(kit, file)


def test_the_original_files_give_the_arrays_of_the_real_pack(assets: Path, tmp_path: Path) -> None:
    """Bit for bit: a few files of the kit as its authors publish it."""
    archive = assets / "ict_facekit_original_subset.tar.xz"
    if not archive.is_file():
        pytest.skip("this copy of the assets has no original files")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    folder = tmp_path / "FaceXModel"
    mesh = read_obj(folder / "generic_neutral_mesh.obj")
    with np.load(assets / GEOMETRY_FILE) as stored:
        np.testing.assert_array_equal(mesh.vertices, stored["V"])
        np.testing.assert_array_equal(mesh.triangles, stored["tri"])
        np.testing.assert_array_equal(mesh.uv_triangles, stored["uvidx"])
        np.testing.assert_array_equal(mesh.uv, stored["VT"])
        np.testing.assert_array_equal(mesh.material, stored["mat"])
        np.testing.assert_array_equal(np.arange(len(mesh.vertices)), stored["src"])
        names, expressions, identities = stored["exp"].tolist(), stored["E"], stored["I"]
    for path in folder.glob("*.obj"):
        if path.stem == "generic_neutral_mesh":
            continue
        offsets = (read_vertices(path) - mesh.vertices).astype(np.float16)
        if path.stem.startswith("identity"):
            expected = identities[int(path.stem[-3:])]
        else:
            expected = expressions[names.index(path.stem)]
        np.testing.assert_array_equal(offsets, expected, path.stem)
