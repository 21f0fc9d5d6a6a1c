"""How a head is rotated and where it is, from its 68 landmarks.

A mean face (`auheat.landmarks.MEAN_FACE`, from our own synthetic people) is moved and rotated until
a pinhole camera sees its 68 points as near to the landmarks as can be (least squares). Axes, signs
and units are those of `HeadPose`.

Nobody knows the camera, so its focal length is guessed as OpenFace 2.2 guesses it where none is
given (`SequenceCapture.cpp`): the mean of 500 W / 640 and 500 H / 480 pixels. Angles hardly depend
on that guess; the distance is proportional to it, and to how much larger than the mean the face is.

The landmarks are those of the mesh that is tracked (`Face.tracked_landmarks`), whatever else is
asked for. On 70 rendered heads (synthetic faces, half of them with expressions, turned by up to 35
degrees about each axis) seen through a camera of the guessed focal length, pitch, yaw and roll come
out within 3.6, 1.5 and 1.4 degrees on average, one head not being found; from MediaPipe's attention
mesh it would be 3.4, 1.4 and 1.3. From the true landmarks it was 1.7, 1.1 and 0.6 on 70 others.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees

import numpy as np

from auheat.arrays import Floats
from auheat.landmarks import MEAN_FACE

Triple = tuple[float, float, float]

# From one inner eye corner to the other on the neutral mean face of ICT-FaceKit, in millimetres.
INNER_EYES_MM = 36.9


@dataclass(frozen=True)
class HeadPose:
    """Where a head is, and how it is turned, as a camera at the origin sees it.

    The axes are OpenFace's: x to the right of the image, y down, z away from the camera. A head
    that looks straight into the camera has the rotation (0, 0, 0).

    Attributes:
        translation: (x, y, z) of the middle of the face's 68 points, in millimetres; z is the
            distance.
        rotation: (pitch, yaw, roll) in radians, the angles of R = Rx(pitch) Ry(yaw) Rz(roll), each
            matrix in its usual form. Pitch is positive where the head looks down, yaw where it
            turns to the person's own right (the left of the image), roll where it tilts clockwise
            in the image, towards the person's own left shoulder.
    """

    translation: Triple
    rotation: Triple

    @property
    def degrees(self) -> Triple:
        """(pitch, yaw, roll) in degrees."""
        pitch, yaw, roll = (degrees(angle) for angle in self.rotation)
        return pitch, yaw, roll


def head_pose(landmarks: Floats, image_size: tuple[int, int]) -> HeadPose | None:
    """The pose of a face in an image.

    Args:
        landmarks: (68, 2) in pixels.
        image_size: (H, W) of the image.

    Returns:
        The pose; None where nothing can be fitted, as to points that coincide.
    """
    import cv2

    points, camera = np.ascontiguousarray(landmarks, np.float64), camera_matrix(*image_size)
    try:
        found, rotation, shift = cv2.solvePnP(
            _FACE, points, camera, _LENS, flags=cv2.SOLVEPNP_SQPNP
        )
        if found:
            rotation, shift = cv2.solvePnPRefineLM(_FACE, points, camera, _LENS, rotation, shift)
    except cv2.error:
        return None
    if not found or not np.isfinite([rotation, shift]).all() or shift[2, 0] <= 0:
        return None
    x, y, z = shift.ravel().tolist()
    return HeadPose((x, y, z), angles(np.asarray(cv2.Rodrigues(rotation)[0], np.float64)))


def camera_matrix(height: int, width: int) -> Floats:
    """The guessed camera (3, 3): focal length in pixels, and the middle of the image."""
    focal = (500 * width / 640 + 500 * height / 480) / 2
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def angles(rotation: Floats) -> tuple[float, float, float]:
    """The angles of a rotation matrix.

    Args:
        rotation: R (3, 3) = Rx(pitch) Ry(yaw) Rz(roll).

    Returns:
        (pitch, yaw, roll) in radians, yaw within a right angle. Where the head is seen exactly from
        the side, roll is 0 and pitch takes its part.
    """
    beside = float(np.hypot(rotation[0, 0], rotation[0, 1]))
    yaw = float(np.arctan2(rotation[0, 2], beside))
    if beside < 1e-9:
        return float(np.arctan2(rotation[2, 1], rotation[1, 1])), yaw, 0.0
    pitch = float(np.arctan2(-rotation[1, 2], rotation[2, 2]))
    roll = float(np.arctan2(-rotation[0, 1], rotation[0, 0]))
    return pitch, yaw, roll


def reference_face() -> Floats:
    """(68, 3): the mean face in millimetres about its middle, looking into the camera."""
    points = MEAN_FACE * [1, 1, -1] * INNER_EYES_MM
    return np.ascontiguousarray(points - points.mean(0))


_FACE = reference_face()
_LENS = np.zeros(4)  # no distortion
