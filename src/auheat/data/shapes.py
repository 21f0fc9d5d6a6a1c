"""The shapes of a dataset's faces, found once and kept beside its manifest.

`shapes.npz` has, for every image whose face was looked for, its path and the shape that the
runtime's own mesh finds in it (`auheat.face_shape`). Images that are added later are looked for
then; another mesh or another choice of points looks for all anew.

Letters: R rows of a manifest, G numbers of a shape.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auheat import face_shape
from auheat.config import ModelConfig
from auheat.data.crop_files import read_crop
from auheat.data.manifest import Manifest
from auheat.faces.crop_shape import shape_in_crop
from auheat.faces.face_mesh import FaceMesh
from auheat.faces.model_files import MESH, model_file
from auheat.files import BeingWrittenError, atomic_write
from auheat.progress import Progress, silent
from auheat.sums import sha256

FILE = "shapes.npz"
# Around the crop there must be this much of its size, or the mesh does not see the whole face.
_MIN_PAD_FRACTION = 0.15
# Shapes that are found before the file is written again.
_SAVE_INTERVAL_IMAGES = 2000


def shapes_for(config: ModelConfig, manifest: Manifest) -> NDArray[np.float32] | None:
    """What `find_shapes` finds, (R, G), if a network with these settings takes it in; else None."""
    return None if config.geometry == "none" else find_shapes(manifest)


def too_close(config: ModelConfig, manifest: Manifest) -> str:
    """What to say where a network takes in shapes and images show too little of a face, or ""."""
    needed, crop = ceil(_MIN_PAD_FRACTION * manifest.crop.size), manifest.crop
    if config.geometry == "none" or crop.pad >= needed:
        return ""
    return (
        f"the images of {manifest.folder} have {crop.pad} pixels around the face and the mesh "
        f"needs {needed}: the shape of the face is left out, and readings are poorer for it; make "
        f"them with --pad {needed} or more"
    )


def find_shapes(manifest: Manifest, progress: Progress = silent) -> NDArray[np.float32]:
    """The shape of every row's face, from the file or from its image.

    What was looked for is kept in the file, unless nothing may be written beside the manifest or
    another process writes the same just then.

    Args:
        manifest: Its images show the face with some of what surrounds it, or the mesh guesses.
        progress: Shows how many are found.

    Returns:
        (R, G), all 0 where no face is found, and for a dataset whose images show too little of
        what surrounds the face.

    Raises:
        AuheatError: An image cannot be read, or the file not be written.
    """
    if manifest.crop.pad < ceil(_MIN_PAD_FRACTION * manifest.crop.size):
        return np.zeros((len(manifest.table), face_shape.SIZE), np.float32)
    path, names = manifest.folder / FILE, manifest.table["image"].astype(str).to_list()
    found = _read(path)
    missing = [row for row, name in enumerate(names) if name not in found]
    if missing:
        with progress("shapes", len(missing), "images") as advance:
            for count, (row, shape) in enumerate(_look(manifest, missing), 1):
                found[names[row]] = shape
                advance(1)
                due = count % _SAVE_INTERVAL_IMAGES == 0 or count == len(missing)
                if due and os.access(manifest.folder, os.W_OK):
                    with suppress(BeingWrittenError):
                        _write(path, found)
    return np.stack([found[name] for name in names]) if names else _NONE


_NONE = np.zeros((0, face_shape.SIZE), np.float32)


def _look(manifest: Manifest, rows: list[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    landmarks, mesh = manifest.landmarks().astype(np.float64), FaceMesh()
    for row in rows:
        path = manifest.folder / manifest.table["image"].iloc[row]
        yield row, shape_in_crop(mesh, read_crop(path), landmarks[row])


def _read(path: Path) -> dict[str, NDArray[np.float32]]:
    """What the file holds; nothing if there is none, or one that cannot be used."""
    with suppress(OSError, KeyError, ValueError, zipfile.BadZipFile), np.load(path) as stored:
        shapes = stored["shapes"].astype(np.float32)
        whole = shapes.shape[1:] == (face_shape.SIZE,) and bool(np.isfinite(shapes).all())
        if str(stored["key"]) == _key() and whole:
            return dict(zip(stored["images"].tolist(), shapes, strict=True))
    return {}


def _write(path: Path, found: dict[str, NDArray[np.float32]]) -> None:
    shapes = np.stack(list(found.values())).astype(np.float16)
    images = np.array(list(found))
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, key=_key(), images=images, shapes=shapes)


def _key() -> str:
    """What the numbers depend on: which mesh, which points, and displaced from where."""
    digest = hashlib.sha256(repr(face_shape.POINTS).encode())
    digest.update(sha256(model_file(MESH)).encode())
    digest.update(face_shape.neutral().round(6).tobytes())
    return digest.hexdigest()[:16]
