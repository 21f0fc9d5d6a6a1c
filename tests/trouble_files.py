"""Videos and images of many formats, whole and damaged, small and from fixed seeds."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

PER_KIND = int(os.environ.get("AUHEAT_TROUBLE", "30"))
LIMIT_S = 20  # for one case of some 20 frames
HEIGHT, WIDTH, FRAMES = 48, 64, 25

# Name of the file: container, codec, format of pixels, options.
VIDEOS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "a.mp4": ("mp4", "mpeg4", "yuv420p", {}),
    "b.mp4": ("mp4", "libx264", "yuv420p", {"movflags": "faststart"}),
    "c.mp4": ("mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    "d.mp4": ("mp4", "libx264", "yuv420p10le", {}),
    "e.mp4": ("mp4", "libx264", "yuv444p", {}),
    "a.mov": ("mov", "mpeg4", "yuv420p", {}),
    "b.mov": ("mov", "prores_ks", "yuv422p10le", {}),
    "c.mov": ("mov", "png", "rgba", {}),
    "a.mkv": ("matroska", "libx264", "yuv420p", {}),
    "b.mkv": ("matroska", "ffv1", "gray16le", {}),
    "c.mkv": ("matroska", "ffv1", "yuva420p", {}),
    "a.webm": ("webm", "libvpx", "yuv420p", {}),
    "b.webm": ("webm", "libvpx-vp9", "yuv420p", {"cpu-used": "8"}),
    "a.avi": ("avi", "mpeg4", "yuv420p", {}),
    "b.avi": ("avi", "mjpeg", "yuvj420p", {}),
    "a.ts": ("mpegts", "mpeg2video", "yuv420p", {}),
    "b.ts": ("mpegts", "libx264", "yuv420p", {}),
    "a.mpg": ("mpeg", "mpeg2video", "yuv420p", {}),
    "a.vob": ("vob", "mpeg2video", "yuv420p", {}),
    "a.m2v": ("mpeg2video", "mpeg2video", "yuv420p", {}),
    "a.flv": ("flv", "flv", "yuv420p", {}),
    "b.flv": ("flv", "libx264", "yuv420p", {}),
    "a.wmv": ("asf", "wmv2", "yuv420p", {}),
    "a.asf": ("asf", "msmpeg4", "yuv420p", {}),
    "a.mxf": ("mxf", "mpeg2video", "yuv420p", {}),
    "a.ogv": ("ogg", "libvpx", "yuv420p", {}),
    "a.3gp": ("3gp", "mpeg4", "yuv420p", {}),
    "a.m4v": ("m4v", "mpeg4", "yuv420p", {}),
    "a.gif": ("gif", "gif", "rgb8", {}),
    "a.nut": ("nut", "mpeg4", "yuv420p", {}),
    "a.ivf": ("ivf", "libvpx", "yuv420p", {}),
}
IMAGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a.jpg": ("JPEG", "RGB", {}),
    "b.jpg": ("JPEG", "CMYK", {}),
    "c.jpg": ("JPEG", "L", {"progressive": True}),
    "a.png": ("PNG", "RGB", {}),
    "b.png": ("PNG", "RGBA", {}),
    "c.png": ("PNG", "I;16", {}),
    "d.png": ("PNG", "P", {}),
    "a.bmp": ("BMP", "RGB", {}),
    "a.tif": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "b.tif": ("TIFF", "CMYK", {}),
    "c.tif": ("TIFF", "I;16", {}),
    "a.webp": ("WEBP", "RGBA", {}),
    "a.gif": ("GIF", "P", {}),
    "a.jp2": ("JPEG2000", "RGB", {}),
    "a.avif": ("AVIF", "RGB", {}),
    "a.ppm": ("PPM", "RGB", {}),
}


def noise(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]


@cache
def video(name: str) -> bytes:
    """A whole video of `FRAMES` frames."""
    kind, codec, pixels, options = VIDEOS[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        av.open(path := f"{folder}/{name}", "w", format=kind, options=options) as container,
    ):
        track: Any = container.add_stream(codec, rate=25)
        track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, pixels
        if codec not in ("gif", "png", "prores_ks", "ffv1"):
            track.options = {"g": "6"}
        for index, image in enumerate(noise(FRAMES)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(track.encode(frame))
        container.mux(track.encode())
        container.close()
        return Path(path).read_bytes()


@cache
def image_file(name: str) -> bytes:
    """A whole image."""
    kind, mode, options = IMAGES[name]
    (image,) = noise(1)
    opened = Pillow.fromarray(image)
    if mode == "I;16":
        opened = Pillow.fromarray(image[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        opened = opened.convert(mode)
    stream = io.BytesIO()
    opened.save(stream, kind, **options)
    return stream.getvalue()


def truncated(content: bytes, generator: np.random.Generator) -> bytes:
    return content[: int(generator.integers(1, len(content)))]


def flipped(content: bytes, generator: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 30))):
        changed[int(generator.integers(len(changed)))] ^= 1 << int(generator.integers(8))
    return bytes(changed)


def zeroed(content: bytes, generator: np.random.Generator) -> bytes:
    start = int(generator.integers(len(content)))
    length = int(generator.integers(1, max(len(content) // 3, 2)))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "truncated": truncated,
    "flipped": flipped,
    "zeroed": zeroed,
}


def damaged(content: bytes, how: str, number: int, path: Path) -> Path:
    """A case; the same number gives the same file."""
    generator = np.random.default_rng([number, len(how), len(content)])
    path.write_bytes(DAMAGES[how](content, generator))
    return path


def with_more(path: Path, *, audio: int = 0, videos: int = 1) -> Path:
    """A Matroska file with so many tracks of each kind."""
    with av.open(str(path), "w", format="matroska") as container:
        tracks: list[Any] = [container.add_stream("mpeg4", rate=25) for _ in range(videos)]
        sounds: list[Any] = [container.add_stream("pcm_s16le", rate=8000) for _ in range(audio)]
        for track in tracks:
            track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for sound in sounds:
            samples = np.zeros((1, 8000), np.int16)
            sound_frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            sound_frame.sample_rate, sound_frame.pts, sound_frame.time_base = (
                8000,
                0,
                Fraction(1, 8000),
            )
            container.mux(sound.encode(sound_frame))
            container.mux(sound.encode())
        for number, track in enumerate(tracks):
            for index, image in enumerate(noise(3 + number)):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(track.encode(frame))
            container.mux(track.encode())
    return path
