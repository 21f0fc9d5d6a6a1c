"""Tiny copies of datasets, with every oddity that real copies have, and images that tell where
each of their pixels comes from: red is 3x, green 3y, blue 20 times the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from auheat.geometry import Points
from auheat.landmarks import IN_66

SIDE = 64


def pattern(frame: int, side: int = SIDE) -> NDArray[np.uint8]:
    y, x = np.mgrid[:side, :side]
    return np.asarray(np.stack([3 * x, 3 * y, np.full_like(x, 20 * frame)], -1), np.uint8)


def small(face: Points, frame: int = 0) -> Points:
    """The schematic face in such an image, a little further right in every frame."""
    return face / 4 + [4 + frame, 2]


def save(path: Path, image: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def lossless_video(path: Path, frames: int) -> Path:
    """Images 1 to `frames`, 20 a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=20)
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "bgr0"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(pattern(number + 1), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def mat(path: Path, **variables: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)
    return path


def column(path: Path, levels: Sequence[float], first: int = 1) -> Path:
    """A label file with rows `frame,level`."""
    return text(path, *(f"{frame},{level}" for frame, level in enumerate(levels, first)))


def disfa_subject(
    root: Path,
    name: str,
    levels: Mapping[int, Sequence[float]],
    video: str | None,
    landmarks: Mapping[str, Points] = MappingProxyType({}),
    frames: int = 5,
) -> None:
    """Labels by AU number, a video at a path below the root, and .mat files by theirs."""
    for number, values in levels.items():
        column(root / "ActionUnit_Labels" / name / f"{name}_au{number}.txt", values)
    if video:
        lossless_video(root / video, frames)
    for place, points in landmarks.items():
        mat(root / "Landmark_Points" / place, pts=points[list(IN_66)])
