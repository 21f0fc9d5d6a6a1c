"""From the images of a recording to crops: which face, and what is left out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from auheat.data.cropping import crop_recording
from auheat.data.image_sources import ImageFiles
from auheat.data.recording import Recording
from auheat.faces.crop import CropSpec
from auheat.geometry import Points
from odd_sources import pattern, save, small
from stand_ins import KnownFaces, face_from


def test_the_largest_face_is_taken(face: Points, tmp_path: Path) -> None:
    """And it is followed through a video, but looked for anew in single images."""
    paths = {n: save(tmp_path / f"{n}.png", pattern(n)) for n in (1, 2, 3)}
    frames = [[face_from(face / 8 + 40, 0), face_from(small(face, n), 1)] for n in (1, 2, 3)]
    for moving, shifts in ((True, (1, 2, 3)), (False, (1, 1, 1))):
        recording = Recording(
            "S",
            "S/a",
            split="train",
            frames=np.array([1, 2, 3]),
            levels=np.zeros((3, 1), np.float32),
            images=ImageFiles(paths),
            moving=moving,
        )
        crop = CropSpec(32)
        rows, _ = crop_recording(
            recording, tmp_path, crop=crop, aus=("AU04",), detector=KnownFaces(frames)
        )
        assert rows[0]["image"] == "images/S/a/000001.jpg"
        eye = [row["landmarks"][72:74] for row in rows]
        np.testing.assert_allclose(eye, [eye[0]] * 3, atol=1e-4)  # aligned
        for row, shift in zip(rows, shifts, strict=True):
            shown = cv2.imread(str(tmp_path / row["image"]))[..., ::-1]
            x, y = np.round(row["landmarks"].reshape(68, 2)[33]).astype(int)
            true = small(face, shift)[33]
            np.testing.assert_allclose(shown[y, x, :2], 3 * true, atol=6)


def test_frames_without_a_face_are_counted(tmp_path: Path) -> None:
    paths = {n: save(tmp_path / f"{n}.png", pattern(n)) for n in (1, 2)}
    recording = Recording(
        "S",
        "S",
        split="train",
        frames=np.array([1, 2, 3]),
        levels=np.zeros((3, 1), np.float32),
        images=ImageFiles(paths),
    )
    rows, tally = crop_recording(
        recording, tmp_path, crop=CropSpec(32), aus=("AU04",), detector=KnownFaces([()])
    )
    assert rows == []
    assert tally.dropped == {"no face found": 2, "no image": 1}
    assert tally.problems == ["S: no image for 1 frames: 3"]
