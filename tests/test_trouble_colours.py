"""Every matrix and range of colours, and every turn, as they were recorded. Slow."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from auheat.media.frames import VideoFile
from trouble_files import FRAMES, HEIGHT, PER_KIND, WIDTH, noise, video

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 7, 9])
@pytest.mark.parametrize("full", [0, 1])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_colours_are_those_that_were_recorded(
    tmp_path: Path, matrix: int, full: int, pixels: str
) -> None:
    """Every matrix and range, by the formulas of H.273, against the image that was encoded."""
    kr, kb = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}.get(
        matrix, (0.299, 0.114)
    )
    image = np.kron(noise(1)[0][::16, ::16], np.ones((16, 16, 1), np.uint8))
    red, green, blue = np.moveaxis(image / 255, 2, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    parts = [luma, (blue - luma) / (2 - 2 * kb) + 0.5, (red - luma) / (2 - 2 * kr) + 0.5]
    deep = pixels.endswith("10le")
    scale = 1023 if deep else 255
    if not full:
        black, white, chroma = (64, 876, 896) if deep else (16, 219, 224)
        middle = 512 if deep else 128
        values = [black + white * parts[0], *(middle + chroma * (p - 0.5) for p in parts[1:])]
    else:
        values = [scale * p for p in parts]
    steps = {"yuv420p": (2, 2), "yuv422p10le": (1, 2), "yuv444p": (1, 1)}[pixels]
    drawn = av.VideoFrame(WIDTH, HEIGHT, pixels)
    for index, (plane, value) in enumerate(zip(drawn.planes, values, strict=True)):
        part = value[:: steps[0], :: steps[1]] if index else value
        kind = np.uint16 if deep else np.uint8
        padded = np.zeros((part.shape[0], plane.line_size // kind().itemsize), kind)
        padded[:, : part.shape[1]] = np.rint(part).clip(0, scale)
        plane.update(padded.tobytes())
    drawn.colorspace, drawn.color_range = matrix, 2 if full else 1
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream("ffv1", rate=25)
        track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, pixels
        track.codec_context.colorspace = matrix
        track.codec_context.color_range = 2 if full else 1
        drawn.pts, drawn.time_base = 0, Fraction(1, 25)
        container.mux(track.encode(drawn))
        container.mux(track.encode())
    (frame,) = VideoFile(path)
    inner = np.s_[4:12, 4:12]  # away from edges, where chroma of half size is blurred
    off = np.abs(frame.image.astype(int) - image)
    assert off[inner].max() <= 4, off[inner].max()


def test_all_turns(tmp_path: Path) -> None:
    """Display matrices of right angles, mirrored or not, and ones that make no sense."""
    content = video("a.mp4")
    at = content.index(b"tkhd")
    place = at + 4 + 4 + 20 + 16
    upright = struct.unpack(">9i", content[place : place + 36])
    assert upright == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    path = tmp_path / "a.mp4"
    generator = np.random.default_rng(0)
    path.write_bytes(content)
    image = next(iter(VideoFile(path))).image
    for a, b, c, d in ((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)) * 2:
        matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        path.write_bytes(content[:place] + matrix + content[place + 36 :])
        quarters = {(0, 1): -1, (-1, 0): 2, (0, -1): 1}.get((a, b), 0)
        found = next(iter(VideoFile(path))).image
        np.testing.assert_array_equal(found, np.rot90(image, quarters))
    for _ in range(PER_KIND):
        matrix = generator.integers(-(1 << 31), 1 << 31, 9).astype(">i4").tobytes()
        path.write_bytes(content[:place] + matrix + content[place + 36 :])
        assert sum(1 for _ in VideoFile(path)) == FRAMES
