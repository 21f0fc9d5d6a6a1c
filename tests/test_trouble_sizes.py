"""Images and videos of great size: read or refused, in bounded memory. Slow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.inference.predictor import load
from auheat.media.images import is_image, read_image
from corpus_clips import frames as smiles
from stand_ins import write_video

pytestmark = pytest.mark.slow


def test_huge_sides_are_refused_or_read(tmp_path: Path) -> None:
    for width, height in ((40_000, 8), (8, 40_000), (65_000, 1), (30_000, 30_000)):
        path = tmp_path / "a.png"
        if width * height < 1e6:
            Pillow.new("L", (width, height)).save(path)
            assert read_image(path).shape == (height, width, 3)
            assert is_image(path)
        else:
            path.write_bytes(b"P5\n%d %d\n255\n" % (width, height))
            with pytest.raises(AuheatError, match="at most 100 million"):
                read_image(path)


def test_long_sides_pass_the_detector(tmp_path: Path) -> None:
    """32,767 pixels and more ended the process in native code."""
    predictor = load()
    for width, height in ((40_000, 8), (8, 40_000), (33_000, 300)):
        assert not predictor.predict(np.full((height, width, 3), 90, np.uint8)).faces


def peak_mb(*arguments: object, code: int = 0) -> float:
    """Memory of `auheat ARGUMENTS` at its most."""
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'auheat', *sys.argv[1:]], check=False)\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)
    status, peak = done.stdout.splitlines()[-1].split()
    assert int(status) == code, done.stderr
    return float(peak)


def test_memory_is_bounded_by_pixels(tmp_path: Path) -> None:
    """The whole command on 200 megapixels, and on an 11-megapixel video with its overlay.

    The video shows a large face, in as many frames as queues and an encoder can hold.
    """
    large = tmp_path / "a.jpg"
    Pillow.new("RGB", (16_320, 12_240), (120, 90, 60)).save(large)
    frames = [cv2.resize(image, (3840, 2880)) for image in smiles()[:30]]
    video = write_video(tmp_path / "b.mp4", [np.asarray(frame, np.uint8) for frame in frames])
    found = {
        "200 megapixels": peak_mb("predict", large, "-o", tmp_path / "out"),
        "video, overlay": peak_mb("predict", video, "-o", tmp_path / "out", "--overlay"),
    }
    print({name: round(peak) for name, peak in found.items()})
    assert max(found.values()) < 1000, found
