"""The face assets: geometry of ICT-FaceKit and, if present, skin textures, from a folder.

A pack is a folder with two files. `ict_facekit.npz` (needed): V (n, 3) neutral vertices in
centimetres, x to the subject's left, y up, z forward; tri (t, 3) and uvidx (t, 3) triangles as
indices of V and VT; VT (u, 2) texture coordinates; mat (t,) material; src (n,) vertex numbers in
ICT-FaceKit; exp (s,) names and E (s, n, 3) offsets of expression shapes; I (m, n, 3) identity
offsets, whose coefficients are about N(0, 1). `makehuman_skins.npz` (optional): tex (k, T, T, 3)
uint8 sRGB albedo in the face's texture space, base (k, 3) mean linear colour, names (k,).

ICT-FaceKit: Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR 2020 (MIT).
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.synthesis.arrays import Floats32, Ints32

GEOMETRY_FILE = "ict_facekit.npz"
SKINS_FILE = "makehuman_skins.npz"


class Material(IntEnum):
    """Materials of ICT-FaceKit's mesh that are drawn; the others lie hidden inside the eyes."""

    FACE = 0
    HEAD = 1
    MOUTH = 2
    TEETH = 3
    LEFT_EYE = 4
    RIGHT_EYE = 6
    EYE_SHADOW = 10
    LASHES = 11


# The 68 landmarks in iBUG order as vertex numbers of ICT-FaceKit. Brow points lie on the upper edge
# of the brow, some 4 mm below the kit's own, so that brows grow on the ridge of the forehead and
# not above it; jaw points do not slide along the silhouette when the head turns.
LANDMARK_VERTICES: tuple[int, ...] = (
    *(1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272),
    *(4088, 3443),
    *(270, 495, 1032, 2040, 2007, 4207, 4236, 3252, 2736, 2511),
    *(978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360),
    *(1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732),
    *(5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841),
    *(5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966),
)

EXPRESSIONS_NEEDED: tuple[str, ...] = (
    *(f"{name}_{side}" for name in (
        "browDown", "browInnerUp", "browOuterUp", "cheekRaiser", "cheekSquint", "eyeBlink",
        "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide",
        "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile",
        "mouthStretch", "mouthUpperUp", "noseSneer", "cheekPuff",
    ) for side in "LR"),
    *("jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft"),
    *("mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower"),
    "mouthShrugUpper",
)  # fmt: skip


# Shapes of the arrays in the two files; letters stand for any length, the same one everywhere.
_GEOMETRY: dict[str, tuple[str | int, ...]] = {
    "V": ("n", 3), "E": ("s", "n", 3), "I": ("m", "n", 3), "exp": ("s",), "tri": ("t", 3),
    "uvidx": ("t", 3), "VT": ("u", 2), "mat": ("t",), "src": ("n",),
}  # fmt: skip
_SKINS: dict[str, tuple[str | int, ...]] = {
    "tex": ("k", "T", "T", 3), "base": ("k", 3), "names": ("k",)
}  # fmt: skip


@dataclass(frozen=True)
class Skins:
    """Skin textures. albedo: (k, T, T, 3) uint8 sRGB; base: (k, 3) mean linear colour."""

    albedo: NDArray[np.uint8]
    base: Floats32
    names: tuple[str, ...]


@dataclass(frozen=True)
class FacePack:
    """Geometry reduced to what is drawn: n vertices, t triangles.

    Attributes:
        vertices: (n, 3) centimetres.
        triangles: (t, 3) into vertices and uv.
        uv_triangles: (t, 3) into vertices and uv.
        uv: (u, 2), v = 0 at row 0 of a texture.
        material: (t,).
        expressions: (s, n, 3) offsets named by `shapes`.
        identities: (m, n, 3).
        landmarks: (68,) vertex indices.
        skins: None where the pack has none.
    """

    vertices: Floats32
    triangles: Ints32
    uv_triangles: Ints32
    uv: Floats32
    material: Ints32
    shapes: tuple[str, ...]
    expressions: Floats32
    identities: Floats32
    landmarks: Ints32
    skins: Skins | None


def load_pack(folder: Path) -> FacePack:
    """Reads and checks a pack.

    Raises:
        AuheatError: names the file and what is wrong with it.
    """
    path = folder / GEOMETRY_FILE
    if not path.is_file():
        raise AuheatError(
            f"no face assets in {folder}: expected {GEOMETRY_FILE} there; "
            "make a pack from a clone of ICT-FaceKit with scripts/convert_face_assets.py"
        )
    stored = _read(path, _GEOMETRY)
    for key, points in (("tri", "V"), ("uvidx", "VT")):
        if stored[key].size and int(stored[key].max()) >= len(stored[points]):
            raise AuheatError(f"{path}: the array {key} points beyond the end of {points}")
    absent = [material.name for material in Material if material not in stored["mat"]]
    if absent:
        raise AuheatError(f"{path} lacks the material {', '.join(absent)}")
    names = tuple(str(name) for name in stored["exp"])
    missing = [name for name in EXPRESSIONS_NEEDED if name not in names]
    if missing:
        raise AuheatError(f"{path} lacks expression shapes: {', '.join(missing[:5])}")
    drawn = np.isin(stored["mat"], [int(material) for material in Material])
    triangles = stored["tri"][drawn].astype(np.int64)
    kept, renumbered = np.unique(triangles, return_inverse=True)
    place = {int(source): i for i, source in enumerate(stored["src"][kept])}
    unmarked = [vertex for vertex in LANDMARK_VERTICES if vertex not in place]
    if unmarked:
        raise AuheatError(f"{path} lacks the landmark vertices {unmarked[:5]}")
    order = [names.index(name) for name in EXPRESSIONS_NEEDED]
    return FacePack(
        vertices=stored["V"][kept].astype(np.float32),
        triangles=renumbered.reshape(-1, 3).astype(np.int32),
        uv_triangles=stored["uvidx"][drawn].astype(np.int32),
        uv=stored["VT"].astype(np.float32),
        material=stored["mat"][drawn].astype(np.int32),
        shapes=EXPRESSIONS_NEEDED,
        expressions=np.ascontiguousarray(stored["E"][order][:, kept], np.float32),
        identities=np.ascontiguousarray(stored["I"][:, kept], np.float32),
        landmarks=np.array([place[vertex] for vertex in LANDMARK_VERTICES], np.int32),
        skins=_load_skins(folder / SKINS_FILE),
    )


def _load_skins(path: Path) -> Skins | None:
    if not path.is_file():
        return None
    stored = _read(path, _SKINS)
    return Skins(
        stored["tex"].astype(np.uint8),
        stored["base"].astype(np.float32),
        tuple(str(n) for n in stored["names"]),
    )


def _read(path: Path, shapes: dict[str, tuple[str | int, ...]]) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz file, whose shapes fit together."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in shapes}
    except KeyError as error:
        raise AuheatError(f"{path} lacks the array {error.args[0]}") from None
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise AuheatError(f"{path} is not a readable .npz file: {error}") from None
    lengths: dict[str | int, int] = {}
    for key, shape in shapes.items():
        found = arrays[key].shape
        expected = [lengths.setdefault(n, have) if isinstance(n, str) else n
                    for n, have in zip(shape, found, strict=False)]  # fmt: skip
        if len(found) != len(shape) or list(found) != expected:
            raise AuheatError(f"{path}: the array {key} of shape {found} does not fit the others")
    return arrays
