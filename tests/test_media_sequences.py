"""Images of a folder as the frames of a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.media.frames import Frame, ImageSequence
from stand_ins import texture, timestamps


def image_files(folder: Path, *images: NDArray[Any]) -> list[Path]:
    paths = [folder / f"{i}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Pillow.fromarray(image).save(path)
    return paths


def test_a_sequence_of_images(tmp_path: Path) -> None:
    images = [texture(seed) for seed in range(3)]
    sequence = ImageSequence(image_files(tmp_path, *images), "walk", fps=12.5)
    frames = list(sequence)
    assert (sequence.name, sequence.count, sequence.rate) == ("walk", 3, Fraction(25, 2))
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.08, 0.16])
    np.testing.assert_array_equal(frames[2].image, images[2])
    assert sequence.problem is None


def test_a_sequence_keeps_one_size(tmp_path: Path) -> None:
    sequence = ImageSequence(
        image_files(tmp_path, texture(0), texture(1), texture(2, 90, 144)), "walk", fps=30
    )
    assert len(list(sequence)) == 2
    assert sequence.problem is not None
    assert "2.png has 144x90 pixels" in sequence.problem
    assert "160x90" in sequence.problem


def test_a_sequence_ends_at_what_cannot_be_read(tmp_path: Path) -> None:
    paths = image_files(tmp_path, texture(0), texture(1), texture(2))
    paths[1].write_text("not an image")
    sequence = ImageSequence(paths, "walk", fps=30)
    assert [type(frame) for frame in sequence] == [Frame]
    assert sequence.problem is not None
    assert "after frame 1" in sequence.problem
    with pytest.raises(AuheatError, match="not an image"):
        list(ImageSequence(paths[1:], "walk", fps=30))


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sequence_needs_a_rate(fps: float) -> None:
    with pytest.raises(AuheatError, match="more than 0"):
        ImageSequence([], "walk", fps=fps)


def test_slow_sequences(tmp_path: Path) -> None:
    """One image a day."""
    paths = image_files(tmp_path, texture(0), texture(1))
    assert timestamps(ImageSequence(paths, "plants", fps=1 / 86400)) == pytest.approx([0, 86400])
