"""The schematic face in numbers: landmarks, the course of the skin, and how shapes move it.

Its size and texture layout are those of ICT-FaceKit's mean face, roughly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Left half of the face: landmark and its partner on the right, u, v, x, y, z (cm).
_PAIRS = (
    *((16, 0, 0.86, 0.71, 7.4, 3.7, 3.7), (15, 1, 0.84, 0.62, 7.3, 1.5, 3.9)),
    *((14, 2, 0.83, 0.53, 6.9, -0.5, 4.5), (13, 3, 0.82, 0.46, 6.6, -2.4, 5.2)),
    *((12, 4, 0.79, 0.37, 5.7, -4.5, 6.1), (11, 5, 0.72, 0.30, 4.3, -6.2, 7.4)),
    *((10, 6, 0.65, 0.28, 3.0, -6.9, 8.8), (9, 7, 0.57, 0.28, 1.5, -7.3, 10.3)),
    *((26, 17, 0.76, 0.80, 5.8, 5.2, 7.9), (25, 18, 0.70, 0.81, 4.9, 6.0, 9.0)),
    *((24, 19, 0.65, 0.81, 3.8, 6.3, 9.8), (23, 20, 0.59, 0.81, 2.4, 6.2, 10.5)),
    *((22, 21, 0.54, 0.80, 1.2, 5.9, 10.7), (35, 31, 0.57, 0.54, 1.2, -1.1, 10.9)),
    *((34, 32, 0.53, 0.54, 0.6, -1.1, 11.4), (45, 36, 0.69, 0.715, 4.5, 3.4, 8.7)),
    *((44, 37, 0.665, 0.73, 3.9, 3.9, 9.4), (43, 38, 0.63, 0.73, 2.8, 3.9, 9.6)),
    *((42, 39, 0.60, 0.715, 1.8, 3.3, 9.2), (47, 40, 0.63, 0.70, 2.7, 3.1, 9.5)),
    *((46, 41, 0.665, 0.70, 3.9, 3.1, 9.3), (54, 48, 0.61, 0.44, 2.5, -3.5, 10.2)),
    *((53, 49, 0.58, 0.49, 1.7, -2.8, 11.2), (52, 50, 0.53, 0.51, 0.7, -2.4, 11.7)),
    *((55, 59, 0.59, 0.38, 1.8, -4.1, 10.9), (56, 58, 0.56, 0.36, 1.0, -4.3, 11.4)),
    *((64, 60, 0.59, 0.44, 2.2, -3.5, 10.1), (63, 61, 0.55, 0.47, 1.0, -3.3, 11.1)),
    (65, 67, 0.56, 0.40, 1.0, -3.4, 11.0),
)
# On the middle line: landmark, v, y, z.
_MIDDLE = (
    *((8, 0.28, -7.6, 10.4), (27, 0.72, 3.7, 10.7), (28, 0.68, 2.6, 11.5), (29, 0.65, 1.6, 12.3)),
    *((30, 0.61, 0.4, 13.1), (33, 0.54, -1.2, 11.6), (51, 0.51, -2.5, 11.8)),
    *((57, 0.36, -4.4, 11.6), (62, 0.47, -3.3, 11.2), (66, 0.39, -3.4, 11.2)),
)
# More of the skin's course on the left half, where there are no landmarks: u, v, x, y, z.
AROUND = (
    *((0.5, 0.97, 0, 12, 7.5), (0.75, 0.95, 4.5, 11, 6), (0.92, 0.88, 7.2, 8, 3)),
    *((1, 0.7, 7.7, 4, 0.5), (1, 0.5, 7.2, -0.5, 1.5), (0.95, 0.3, 6, -5, 2.5)),
    *((0.5, 0.15, 0, -8.6, 7), (0.72, 0.15, 4, -8.2, 5), (0.5, 0, 0, -11.5, 5.2)),
    *((0.75, 0, 3.8, -11.5, 4), (1, 0.1, 5.2, -10.5, 1), (1, 0, 5.2, -11.5, 0.5)),
)
EYE_RIM, MOUTH_RIM = (42, 43, 44, 45, 46, 47), (62, 63, 64, 65, 66)
MOUTH_LINE = 0.44  # v of the mouth's corners: lips above and below it move apart
EYE, EYE_RADIUS = np.array([3.1, 3.5, 7.95]), 1.5

# Shapes of the left side and of the middle. Each is a list of moves: landmarks it acts at, reach in
# texture units, offset in cm (outwards or to the left, up, forward).
Moves = tuple[tuple[tuple[int, ...], float, tuple[float, float, float]], ...]
SIDE_SHAPES: dict[str, Moves] = {
    "browDown": (((22, 23, 24, 25), 0.05, (-0.2, -0.7, 0.1)),),
    "browInnerUp": (((22,), 0.05, (0, 0.7, 0)),),
    "browOuterUp": (((25,), 0.05, (0, 0.8, 0)),),
    "cheekPuff": (((13, 54), 0.08, (0.3, 0, 0.5)),),
    "cheekRaiser": (((46, 14), 0.05, (0, 0.4, 0.1)),),
    "cheekSquint": (((35, 46), 0.03, (0.1, 0.3, 0.1)),),
    "eyeBlink": (((43, 44), 0.02, (0, -0.75, 0)),),
    # when eyes turn only the lids are shapes: eyeballs are left to whoever draws the face
    "eyeLookDown": (((43, 44), 0.02, (0, -0.5, 0)),),
    "eyeLookIn": (((43, 44, 46, 47), 0.02, (-0.2, 0, 0)),),
    "eyeLookOut": (((43, 44, 46, 47), 0.02, (0.2, 0, 0)),),
    "eyeLookUp": (((43, 44), 0.02, (0, 0.3, 0)),),
    "eyeSquint": (((46, 47), 0.02, (0, 0.3, 0)),),
    "eyeWide": (((43, 44), 0.02, (0, 0.4, 0)),),
    "mouthDimple": (((54, 64), 0.04, (0, 0, -0.6)),),
    "mouthFrown": (((54, 64), 0.04, (0.1, -0.6, 0)),),
    "mouthLowerDown": (((65, 66, 56, 57), 0.03, (0, -0.9, 0)),),
    "mouthPress": (((65, 66), 0.03, (0, 0.1, -0.1)),),
    "mouthSmile": (((54, 64), 0.05, (0.7, 0.9, -0.6)),),
    "mouthStretch": (((54, 64), 0.05, (0.9, -0.2, -0.5)),),
    "mouthUpperUp": (((52, 53, 63), 0.04, (0, 0.9, 0)),),
    "noseSneer": (((35,), 0.05, (0, 0.6, 0)), ((52, 53), 0.03, (0, 0.3, 0))),
}
MIDDLE_SHAPES: dict[str, Moves] = {
    "mouthClose": (((61, 62, 63), 0.03, (0, -0.3, 0)), ((65, 66, 67), 0.03, (0, 0.9, 0))),
    "mouthFunnel": (((51, 62), 0.05, (0, 0.4, 0.5)), ((57, 66), 0.05, (0, -0.4, 0.5))),
    "mouthLeft": (((48, 51, 54, 57), 0.08, (0.8, 0, 0)),),
    "mouthPucker": (((51, 57, 62, 66), 0.05, (0, 0, 0.9)),),
    "mouthRight": (((48, 51, 54, 57), 0.08, (-0.8, 0, 0)),),
    "mouthRollLower": (((57, 66), 0.04, (0, 0.1, -0.4)),),
    "mouthRollUpper": (((51, 62), 0.04, (0, -0.1, -0.4)),),
    "mouthShrugLower": (((8, 57, 66), 0.05, (0, 0.7, 0.3)),),
    "mouthShrugUpper": (((51, 62), 0.05, (0, 0.4, 0)),),
}
JAW_SHAPES = {
    "jawForward": (0, 0, 0.8),
    "jawLeft": (0.8, 0, 0),
    "jawOpen": (0, -2.4, -1.2),
    "jawRight": (-0.8, 0, 0),
}


def landmark_layout() -> tuple[Array, Array]:
    """Texture coordinates (68, 2) and points (68, 3) of the landmarks."""
    uv, points = np.empty((68, 2)), np.empty((68, 3))
    for left, right, u, v, x, y, z in _PAIRS:
        uv[left], uv[right] = (u, v), (1 - u, v)
        points[left], points[right] = (x, y, z), (-x, y, z)
    for landmark, v, y, z in _MIDDLE:
        uv[landmark], points[landmark] = (0.5, v), (0, y, z)
    return uv, points
