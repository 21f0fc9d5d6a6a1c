"""Measures the neutral face of `auheat.face_shape`: how the runtime's mesh sees resting faces.

    python scripts/measure_neutral_shape.py DATASET ...

The datasets are those of `auheat synth --pad 24`, whose crops show whole faces. The mean of all
resting faces in the pose and size of that mean, made symmetrical, is written into the package.
Networks that take the shape in must be trained anew when it changes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from auheat.data.manifest import read_manifest
from auheat.face_shape import FILE, VERTICES, aligned
from auheat.faces.crop_shape import mesh_in_crop
from auheat.faces.face_mesh import FaceMesh
from auheat.files import atomic_write
from auheat.media.images import read_image

Mesh = NDArray[np.float64]

_AT_REST = 0.05  # intensity of every AU at most
_RIGHT_EYE, _LEFT_EYE, _FOREHEAD, _CHIN = 33, 263, 10, 152
_ROUNDS = 10


def meshes(folder: Path) -> list[Mesh]:
    """The meshes (468, 3) of a dataset's resting faces."""
    manifest, landmarker, found = read_manifest(folder), FaceMesh(), []
    resting = (np.nan_to_num(manifest.labels(manifest.aus)) < _AT_REST).all(1)
    landmarks = manifest.landmarks().astype(np.float64)
    for index in np.flatnonzero(resting):
        image = read_image(manifest.folder / manifest.table["image"][index])
        mesh = mesh_in_crop(landmarker, image, landmarks[index])
        if mesh is not None:
            found.append(mesh)
    return found


def upright(mesh: Mesh) -> Mesh:
    """A mesh that looks into the camera: eyes level, the origin between them."""
    x = mesh[_LEFT_EYE] - mesh[_RIGHT_EYE]
    span = float(np.linalg.norm(x))
    x = x / span
    y = mesh[_CHIN] - mesh[_FOREHEAD]
    y = y - (y @ x) * x
    y = y / np.linalg.norm(y)
    axes = np.stack([x, y, np.cross(x, y)], 1)
    return np.asarray((mesh - (mesh[_LEFT_EYE] + mesh[_RIGHT_EYE]) / 2) @ axes / span)


def symmetrical(mesh: Mesh) -> Mesh:
    """The mean of an upright mesh and its mirror image."""
    mirrored = mesh * (-1, 1, 1)
    distances = np.linalg.norm(mirrored[:, None] - mesh[None], axis=2)
    _, pair = linear_sum_assignment(distances)
    if (pair[pair] != np.arange(len(mesh))).any():
        raise SystemExit("the mesh is too crooked to tell which vertices mirror each other")
    return np.asarray((mesh + mirrored[pair]) / 2)


def mean_face(found: list[Mesh]) -> Mesh:
    """The mean in its own size and pose."""
    mean = symmetrical(upright(np.mean([upright(mesh) for mesh in found], 0)))
    for _ in range(_ROUNDS):
        laid = [face for mesh in found if (face := aligned(mesh, mean)) is not None]
        mean = symmetrical(upright(np.mean(laid, 0)))
    return mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    folders = parser.parse_args().datasets
    found = [mesh for folder in folders for mesh in meshes(folder)]
    mean = mean_face(found)
    assert mean.shape == (VERTICES, 3)
    out = Path("src/auheat") / FILE
    with atomic_write(out) as temporary:
        vertices = [[round(float(value), 4) + 0.0 for value in vertex] for vertex in mean]
        lines = ",\n  ".join(json.dumps(vertex) for vertex in vertices)
        temporary.write_text(
            f'{{\n "faces": {len(found)},\n "vertices": [\n  {lines}\n ]\n}}\n', "utf-8"
        )
    print(f"{out}: the mean of {len(found)} resting faces")


if __name__ == "__main__":
    main()
