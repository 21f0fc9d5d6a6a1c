"""Clips and images of a texture, small."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow

from stand_ins import texture, write_video


def clip(path: Path, count: int = 3) -> Path:
    return write_video(path, [texture(i, 120, 160) for i in range(count)])


def image(path: Path) -> Path:
    Pillow.fromarray(texture(0, 120, 160)).save(path)
    return path
