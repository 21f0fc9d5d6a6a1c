"""The faces that networks are compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.export import faces
from auheat.export.faces import faces_in, sheet
from auheat.geometry import Points
from stand_ins import KnownFaces, face_from, texture, write_video


def test_the_sheet_shows_32_faces_of_two_people() -> None:
    small, whole = sheet(64), sheet(128)
    assert small.shape == (32, 64, 64, 3)
    assert whole.dtype == np.uint8
    skin = whole[:, 54:74, 54:74].mean((1, 2, 3))  # the middle of the face
    assert skin[::2].min() > skin[1::2].max() + 20  # the fair and the dark one in turn
    assert len(np.unique(whole.reshape(32, -1), axis=0)) == 32


def test_examples_of_the_user_are_compared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: Points
) -> None:
    known = KnownFaces([[face_from(face), face_from(face * 0.5)]])
    monkeypatch.setattr(faces, "default_detector", lambda _: known)
    Pillow.fromarray(texture(0, 270, 480)).save(tmp_path / "a.png")
    video = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(25)])
    assert faces_in([tmp_path / "a.png"], 64).shape == (2, 64, 64, 3)
    assert faces_in([tmp_path / "a.png", video], 64).shape == (2 + 3 * 2, 64, 64, 3)
    assert faces_in([], 64).shape == (0, 64, 64, 3)
    monkeypatch.setattr(faces, "default_detector", lambda _: KnownFaces([[]]))
    with pytest.raises(AuheatError, match=r"no face in .*a\.mp4"):
        faces_in([video], 64)
