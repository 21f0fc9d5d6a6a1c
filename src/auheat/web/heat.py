"""Heatmaps as few bytes: steps of intensity from 0 to 255, packed for many frames together.

Letters: A Action Units, h w map pixels.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auheat.facs import MAX_INTENSITY
from auheat.results import FacePrediction

# Frames whose maps travel together.
FRAMES_PER_PIECE = 16
# What is fainter than this step (intensity 0.16) is not drawn, and not sent.
_FAINTEST = 8


def packed(faces: Sequence[FacePrediction], aus: Sequence[str]) -> bytes:
    """The maps of a frame's faces, one after the other: A times h times w bytes for each."""
    return b"".join(_steps(face, aus) for face in faces)


def _steps(face: FacePrediction, aus: Sequence[str]) -> bytes:
    maps = np.stack([face.heatmaps[au] for au in aus])
    steps = np.clip(np.rint(maps * (255 / MAX_INTENSITY)), 0, 255).astype(np.uint8)
    steps[steps < _FAINTEST] = 0
    return bytes(steps.tobytes())


class HeatStore:
    """The maps of a video in one file, gzipped in pieces of `FRAMES_PER_PIECE` frames.

    Only the places of the pieces stay in memory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[bytes] = []
        self._ends = [0]
        path.write_bytes(b"")

    def add(self, maps: bytes) -> None:
        """Adds what `packed` gave for the next frame."""
        self._waiting.append(maps)
        if len(self._waiting) == FRAMES_PER_PIECE:
            self.flush()

    def flush(self) -> None:
        """Writes what waits as a last, shorter piece."""
        if not self._waiting:
            return
        piece = gzip.compress(b"".join(self._waiting), 1)
        with self._path.open("ab") as file:
            file.write(piece)
        self._ends.append(self._ends[-1] + len(piece))
        self._waiting.clear()

    @property
    def pieces(self) -> int:
        """How many pieces can be had."""
        return len(self._ends) - 1

    def piece(self, index: int) -> bytes:
        """A piece, gzipped.

        Raises:
            IndexError: if it is not there.
        """
        if not 0 <= index < self.pieces:
            raise IndexError(index)
        start, end = self._ends[index], self._ends[index + 1]
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)
