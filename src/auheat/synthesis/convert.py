"""Making a face pack from a checkout of the ICT-FaceKit repository (its `FaceXModel` folder).

The kit stores one Wavefront OBJ file a shape, all with the vertices of `generic_neutral_mesh.obj`
in the same order; only that one's faces and texture coordinates are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.synthesis.arrays import Floats32, Ints32
from auheat.synthesis.assets import EXPRESSIONS_NEEDED, GEOMETRY_FILE

T = TypeVar("T", np.float32, np.int64)

_NEUTRAL = "generic_neutral_mesh.obj"


@dataclass(frozen=True)
class ObjMesh:
    """An OBJ file with its polygons cut into triangles. Arrays as in `assets`."""

    vertices: Floats32
    uv: Floats32
    triangles: Ints32
    uv_triangles: Ints32
    material: Ints32


def convert(
    checkout: Path, out: Path, progress: Callable[[Iterable[Path]], Iterable[Path]] = iter
) -> Path:
    """Writes `ict_facekit.npz` into the folder `out` and returns its path.

    Args:
        checkout: the repository, or its FaceXModel folder.
        out: folder that the arrays are written to.
        progress: wraps the list of files that are read.

    Raises:
        AuheatError: if shapes are missing or a file does not fit the neutral mesh.
    """
    folder = checkout / "FaceXModel" if (checkout / "FaceXModel").is_dir() else checkout
    if not (folder / _NEUTRAL).is_file():
        raise AuheatError(
            f"{checkout} is no checkout of ICT-FaceKit: expected FaceXModel/{_NEUTRAL} there"
        )
    identities = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    expressions = [folder / f"{name}.obj" for name in EXPRESSIONS_NEEDED]
    missing = [path.name for path in expressions if not path.is_file()]
    if missing or not identities:
        absent = ", ".join((missing or ["identity000.obj"])[:4])
        raise AuheatError(f"{folder} is incomplete, it lacks {absent}: check out the whole kit")
    mesh = read_obj(folder / _NEUTRAL)
    paths = [*expressions, *identities]
    offsets = np.stack([_offsets(path, mesh) for path in progress(paths)])
    target = out / GEOMETRY_FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        _save(target, mesh, offsets)
    except OSError as error:
        raise AuheatError(f"cannot write {target}: {error.strerror}") from None
    return target


def _save(target: Path, mesh: ObjMesh, offsets: Floats32) -> None:
    """Writes the pack; offsets are of the needed expressions, then of the identities."""
    with atomic_write(target) as temporary:
        np.savez_compressed(
            temporary,
            V=mesh.vertices,
            tri=mesh.triangles.astype(np.uint16),
            uvidx=mesh.uv_triangles.astype(np.uint16),
            VT=mesh.uv,
            mat=mesh.material.astype(np.uint8),
            src=np.arange(len(mesh.vertices), dtype=np.uint16),
            exp=np.array(EXPRESSIONS_NEEDED),
            E=offsets[: len(EXPRESSIONS_NEEDED)],
            I=offsets[len(EXPRESSIONS_NEEDED) :],
        )


def _offsets(path: Path, mesh: ObjMesh) -> Floats32:
    vertices = read_vertices(path)
    if vertices.shape != mesh.vertices.shape:
        raise AuheatError(
            f"{path} has {len(vertices)} vertices, the neutral mesh {len(mesh.vertices)}: "
            "the file may be damaged"
        )
    return np.asarray(vertices - mesh.vertices, np.float16)


def read_vertices(path: Path) -> Floats32:
    """The vertices (n, 3) of an OBJ file.

    Raises:
        AuheatError: if it has none or is damaged.
    """
    rows = [line[2:].split()[:3] for line in _lines(path) if line.startswith("v ")]
    if not rows:
        raise AuheatError(f"{path} holds no vertices: is it a Wavefront OBJ file?")
    return _numbers(path, rows, 3, np.float32)


def read_obj(path: Path) -> ObjMesh:
    """An OBJ file's mesh. Polygons become fans of triangles; materials count up as they come.

    Raises:
        AuheatError: if a face names no texture coordinate, or anything that is not there.
    """
    corners: list[list[str]] = []
    materials: list[int] = []
    rows: list[list[str]] = []
    material = -1
    for line in _lines(path):
        kind, _, rest = line.partition(" ")
        if kind == "vt":
            rows.append(rest.split()[:2])
        elif kind == "usemtl":
            material += 1
        elif kind == "f":
            polygon = [corner.split("/")[:2] for corner in rest.split()]
            for i in range(1, len(polygon) - 1):
                corners += [polygon[0], polygon[i], polygon[i + 1]]
                materials.append(material)
    vertices, uv = read_vertices(path), _numbers(path, rows, 2, np.float32)
    pairs = _numbers(path, corners, 2, np.int64).reshape(-1, 3, 2) - 1
    if pairs.min() < 0 or (pairs.max((0, 1)) >= (len(vertices), len(uv))).any():
        raise AuheatError(f"{path} is damaged: a face names a vertex that is not there")
    triangles, uv_triangles = np.moveaxis(pairs.astype(np.int32), 2, 0)
    return ObjMesh(vertices, uv, triangles, uv_triangles, np.array(materials, np.int32))


def _numbers(path: Path, rows: list[list[str]], width: int, kind: type[T]) -> NDArray[T]:
    """Rows of text as an array (rows, width)."""
    try:
        numbers = np.array(rows, kind)
    except ValueError:
        numbers = np.empty(0, kind)
    if numbers.shape != (len(rows), width) or not rows or not np.isfinite(numbers).all():
        raise AuheatError(f"{path} is damaged: its vertices or faces cannot be read")
    return numbers


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AuheatError(f"cannot read {path}: {error}") from None
