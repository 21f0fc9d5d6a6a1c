"""Fields of interlaced video and colours of HDR, as they were before they were recorded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.media.frames import VideoFile
from stand_ins import texture, timestamps, write_video


def moving(seconds: float) -> NDArray[np.float64]:
    """(180, 320, 3): rings that go to and fro."""
    y, x = np.mgrid[:180, :320].astype(float)
    across = x - 160 - 60 * np.sin(2 * np.pi * seconds * 1.2)
    distance = np.hypot(across, y - 90 - 15 * np.sin(2 * np.pi * seconds * 0.7))
    grey = np.where(distance < 60, 160 + 60 * np.sin(distance / 4), 60 + 30 * np.sin(x / 9))
    return np.repeat(grey[..., np.newaxis], 3, 2)


def test_the_fields_of_interlaced_video_become_one_image(tmp_path: Path) -> None:
    """Bottom fields lie at the frame's time, top fields 20 ms later. As it is, it is off by 5.3."""
    images = []
    for index in range(25):
        image = moving(index / 25)
        image[0::2] = moving(index / 25 + 0.02)[0::2]
        images.append(image.clip(0, 255).astype(np.uint8))
    path = tmp_path / "a.mp4"
    settings = {"crf": "5", "flags": "+ildct+ilme", "x264opts": "bff=1"}
    write_video(path, images, codec="libx264", options=settings)
    video = VideoFile(path)
    frames = list(video)
    assert timestamps(video) == pytest.approx([i / 25 for i in range(25)], abs=1e-6)
    assert video.problem is None
    assert [note.split(";")[0] for note in video.notes] == ["it is interlaced"]
    off = [
        np.abs(frame.image - moving(index / 25).clip(0, 255)).mean()
        for index, frame in enumerate(frames)
    ]
    assert np.mean(off) < 1.5  # .5 if it is recorded frame by frame


def hdr_video(path: Path, image: NDArray[np.uint8], transfer: int) -> Path:
    """An image as HDR would have it, by the formulas of BT.2100 and BT.2020, in 10 bits."""
    to_2020 = np.linalg.inv(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    )
    light = np.clip((image / 255) ** 2.4 @ to_2020.T, 0, None) * 203  # cd/m2
    if transfer == 16:
        y = (light / 10000) ** (2610 / 16384)
        signal = ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)
    else:
        shown = light / 1000
        luminance = np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., np.newaxis]
        scene = shown / luminance ** (0.2 / 1.2)
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    luma = signal @ [0.2627, 0.6780, 0.0593]
    blue, red = (signal[..., 2] - luma) / 1.8814, (signal[..., 0] - luma) / 1.4746
    height, width = luma.shape
    frame = av.VideoFrame(width, height, "yuv444p10le")
    planes = 64 + 876 * luma, 512 + 896 * blue, 512 + 896 * red
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((height, plane.line_size // 2), np.uint16)
        padded[:, :width] = np.rint(values)
        plane.update(padded.tobytes())
    tags = {"colorspace": 9, "color_range": 1, "color_trc": transfer, "color_primaries": 9}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv444p10le"
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
            setattr(frame, name, value)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_colours_come_out_as_they_were_before(tmp_path: Path, transfer: int, name: str) -> None:
    image = texture(3)
    video = VideoFile(hdr_video(tmp_path / "a.mkv", image, transfer))
    (frame,) = video
    assert np.abs(frame.image.astype(int) - image).max() <= 4  # 10 bits hold it so well
    (note,) = video.notes
    assert f"HDR ({name})" in note
