"""The 68 facial landmarks that everything else is expressed in.

Order and names follow the iBUG 300-W annotation (Sagonas et al., ICCV workshops 2013), 0-based.
"Left" and "right" in names are the person's own, so that `RIGHT_EYE` (36-41) lies on the left side
of the image of a face that looks at the camera.

Arrays of landmarks have shape (68, 2), columns (x, y) in pixels. Datasets that come with 66 or 49
points of the same mark-up are carried over by `to_68`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError

COUNT = 68

JAW = slice(0, 17)
RIGHT_BROW = slice(17, 22)
LEFT_BROW = slice(22, 27)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)

CHIN = 8
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 36, 39
LEFT_EYE_INNER, LEFT_EYE_OUTER = 42, 45
SUBNASALE = 33

# FLIP[i] is the landmark that takes the place of landmark i when the image is mirrored.
FLIP: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)


def mirror(points: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Landmarks of the horizontally mirrored image.

    Pixel centres lie at integers, so x becomes width - 1 - x.

    Args:
        points: (68, 2) in pixels.
        width: of the image in pixels.

    Returns:
        (68, 2) in pixels of the mirrored image, in the order of the mark-up.
    """
    mirrored = np.asarray(points, np.float64)[list(FLIP)].copy()
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return mirrored


# The vertex of the 478-point mesh that stands for each of the 68 iBUG landmarks. On 120 rendered
# faces whose 68 points are known (ICT-FaceKit's), eyes, lips and nose come out within 4% of the
# distance between the outer eye corners (medians); the jaw follows the outline of the face instead.
MESH_OF_LANDMARK: tuple[int, ...] = (
    *(127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107),  # right brow
    *(336, 296, 334, 293, 300),  # left brow
    *(168, 197, 5, 4),  # nose bridge
    *(98, 97, 2, 326, 327),  # nose base
    *(33, 160, 158, 133, 153, 144),  # right eye
    *(362, 385, 387, 263, 373, 380),  # left eye
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),  # outer lips
    *(78, 81, 13, 311, 308, 402, 14, 178),  # inner lips
)


def of_mesh(mesh: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 68 landmarks (68, 2) of a mesh (V, 3), V at least 468."""
    return np.asarray(mesh[_MESH_INDICES, :2])


_MESH_INDICES = np.array(MESH_OF_LANDMARK)


# The landmarks that 66 points leave out, and those that 49 leave out besides.
_INNER_CORNERS = (60, 64)
IN_66: tuple[int, ...] = tuple(i for i in range(COUNT) if i not in _INNER_CORNERS)
IN_49: tuple[int, ...] = IN_66[17:]

# How far an inner mouth corner lies from the outer one towards the middle of the inner lip points
# beside it: the median of 600 synthetic faces with expressions. The place filled in is off by
# 0.03 R there (median; 0.06 R at the 95th percentile).
_INNER_FRACTION = 0.21
_BESIDE_CORNER = {60: (48, 61, 67), 64: (54, 63, 65)}

# The mean of 60 synthetic people at rest (`auheat.synthesis`), made symmetrical: (x, y, depth
# towards the camera) in units of R from the middle between the inner eye corners. Listed are the
# landmarks on the left of the image and in the middle, by rising number.
_HALF_A_FACE = (
    (-2.002, -0.123, -1.523), (-1.977, 0.471, -1.45), (-1.889, 1.002, -1.283),  # jaw
    (-1.788, 1.519, -1.107), (-1.557, 2.099, -0.848), (-1.168, 2.57, -0.516),
    (-0.829, 2.763, -0.127), (-0.416, 2.857, 0.277), (0, 2.94, 0.322),
    (-1.579, -0.53, -0.363), (-1.34, -0.741, -0.072), (-1.03, -0.817, 0.157),  # brow
    (-0.656, -0.801, 0.338), (-0.319, -0.726, 0.405),
    (0, -0.137, 0.407), (0, 0.162, 0.622), (0, 0.439, 0.838),  # nose
    (0, 0.769, 1.046), (-0.343, 1.188, 0.451), (-0.165, 1.188, 0.599),
    (0, 1.206, 0.637),
    (-1.214, -0.048, -0.164), (-1.056, -0.166, 0.045), (-0.757, -0.182, 0.092),  # eye
    (-0.5, 0, 0), (-0.744, 0.045, 0.061), (-1.054, 0.049, 0.007),
    (-0.692, 1.837, 0.272), (-0.466, 1.639, 0.556), (-0.199, 1.54, 0.694),  # outer lips
    (0, 1.555, 0.724), (0.493, 1.984, 0.47), (0.284, 2.054, 0.605),
    (0, 2.076, 0.649),
    (-0.603, 1.828, 0.26), (-0.273, 1.78, 0.522), (0, 1.787, 0.577),  # inner lips
    (0.292, 1.795, 0.511), (0, 1.802, 0.569),
)  # fmt: skip


def _whole_face() -> NDArray[np.float64]:
    face = np.empty((COUNT, 3))
    half = [i for i in range(COUNT) if i <= FLIP[i]]
    face[half] = _HALF_A_FACE
    face[[FLIP[i] for i in half]] = face[half] * (-1, 1, 1)
    return face


# (68, 3), for whoever needs a face in three dimensions.
MEAN_FACE = _whole_face()
_RIGID = [*range(27, 48)]  # nose and eyes: they move least with an expression
_LOWER_LIP = 57
_JAW_MOTION = np.sin(np.pi * np.arange(17) / 16) ** 2  # fraction of the lower lip's motion


def to_68(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """68 landmarks from 68, 66 or 49 points of the iBUG mark-up.

    66 are the 68 without the inner mouth corners, 49 lack the jaw besides. Both are filled in; see
    `with_inner_corners` and `with_jaw`.

    Args:
        points: (68, 2), (66, 2) or (49, 2) in pixels.

    Returns:
        (68, 2) in the same pixels.

    Raises:
        AuheatError: for any other shape.
    """
    array = np.asarray(points, np.float64)
    if array.shape == (COUNT, 2):
        return array
    if array.shape == (66, 2):
        return with_inner_corners(array)
    if array.shape == (49, 2):
        return with_jaw(array)
    raise AuheatError(f"landmarks of shape {array.shape}: expected 68, 66 or 49 points (x, y)")


def with_inner_corners(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The missing inner mouth corners: (66, 2) -> (68, 2).

    Each lies a fixed fraction of the way from the outer one to the middle of its two neighbours on
    the inner lips. No Action Unit is read there.
    """
    full = np.empty((COUNT, 2))
    full[list(IN_66)] = points
    for corner, (outer, above, below) in _BESIDE_CORNER.items():
        middle = (full[above] + full[below]) / 2
        full[corner] = full[outer] + _INNER_FRACTION * (middle - full[outer])
    return full


def with_jaw(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(49, 2) -> (68, 2): the jaw is estimated from a mean face.

    The mean face is fitted to eyes and nose as a distant camera sees it (an affine map of its three
    coordinates, so that a rotated head has a rotated jaw). Then the jaw moves with the lower lip
    along the face's down direction: the chin all the way, towards the ears less and less.

    On 600 other synthetic faces (rotated by up to 32 degrees, with expressions) jaw points come out
    within 0.19 R of the truth on average (0.40 R at the 95th percentile), the chin within 0.13 R,
    within 0.16 R where AU26 is above 3. A similarity of the face seen from the front would be off
    by 0.34 R, and by 0.64 R where heads are rotated by more than 20 degrees. This way of fitting
    was chosen on the same 600 faces, so their figures are a little too good.
    """
    full = np.empty((COUNT, 2))
    full[list(IN_49)] = points
    full = with_inner_corners(full[list(IN_66)])
    model = np.column_stack([MEAN_FACE, np.ones(COUNT)])
    camera = np.linalg.lstsq(model[_RIGID], full[_RIGID], rcond=None)[0]
    projected = model @ camera
    down = camera[1] / max(float(np.linalg.norm(camera[1])), 1e-9)
    way = (full[_LOWER_LIP] - projected[_LOWER_LIP]) @ down
    full[JAW] = projected[JAW] + np.outer(_JAW_MOTION * way, down)
    return full
