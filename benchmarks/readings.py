"""Intensities of the same weights from the faces of before and of today, for any images and videos.

    git worktree add BEFORE 2ec3f3a
    python benchmarks/readings.py FOLDER --before BEFORE

The faces of before are those of auheat 0.1.0, which found them with the mediapipe package
(`pip install "auheat[mediapipe]"`), run from its source. Both get the same pixels, and their faces
are cut out and read alike, so what differs is where faces are found and how they are aligned.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.folders import IMAGE_SUFFIXES, VIDEO_SUFFIXES, listing
from auheat.inference.predictor import Predictor, load
from auheat.media.frames import VideoFile
from auheat.media.images import read_image
from auheat.models.weights import checkpoint_path
from auheat.results import Face, FacePrediction
from auheat.sums import sha256
from harness import Benchmark, finish, run

COLUMNS = ("AU", "mean before", "mean now", "mean difference", "95% below", "largest", "largest in")
MIN_OVERLAP = 0.5  # of two boxes, intersection over union, that are one face


class FacesBefore:
    """A process of the version before; see `faces_before.py`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def detect(self, image: Image, *, video: bool, first: bool) -> list[Face]:
        """Its faces of an image, or of the next frame of a video."""
        height, width = image.shape[:2]
        asked = {"height": height, "width": width, "video": video, "first": first}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(asked).encode() + b"\n" + np.ascontiguousarray(image).tobytes())
            stdin.flush()
        except BrokenPipeError:
            pass
        if not (line := stdout.readline()):
            raise AuheatError("the version before ended: what it said stands above")
        return [
            Face(
                np.array(one["box"]),
                np.array(one["landmarks"]),
                score=one["score"],
                face_id=number,
                mesh=np.array(one["mesh"]),
            )
            for number, one in enumerate(json.loads(line))
        ]


@contextmanager
def faces_before(source: Path, max_faces: int) -> Iterator[FacesBefore]:
    """Starts the version before.

    Raises:
        AuheatError: if `source` is no checkout of it.
    """
    if not (source / "src" / "auheat" / "faces" / "mediapipe_finder.py").is_file():
        raise AuheatError(f"{source} is no checkout of commit 2ec3f3a")
    script = Path(__file__).with_name("faces_before.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(max_faces)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str((source / "src").resolve())},
    )
    with process:
        yield FacesBefore(process)


@dataclass
class Pairs:
    """Faces that both found: intensities (A,) of before and of today, and where they were seen."""

    before: list[list[float]] = field(default_factory=list)
    now: list[list[float]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    only_before: list[str] = field(default_factory=list)
    only_now: list[str] = field(default_factory=list)

    def add(self, old: list[FacePrediction], new: list[FacePrediction], place: str) -> None:
        """Adds what was read in one image or frame."""
        left = list(new)
        for face in old:
            other = max(left, key=lambda one: overlap(face.box, one.box), default=None)
            if other is None or overlap(face.box, other.box) < MIN_OVERLAP:
                self.only_before.append(place)
                continue
            left.remove(other)
            self.before.append(list(face.intensities.values()))
            self.now.append(list(other.intensities.values()))
            self.places.append(place)
        self.only_now += [place] * len(left)

    def rows(self, aus: tuple[str, ...]) -> list[dict[str, Any]]:
        """A row for each AU, and one for all of them."""
        before, now = np.array(self.before), np.array(self.now)
        if not before.size:
            return []
        apart = np.abs(now - before)
        columns = [(au, slice(index, index + 1)) for index, au in enumerate(aus)]
        return [
            {
                "AU": name,
                "mean before": float(before[:, which].mean()),
                "mean now": float(now[:, which].mean()),
                "mean difference": float(apart[:, which].mean()),
                "95% below": float(np.quantile(apart[:, which], 0.95)),
                "largest": float(apart[:, which].max()),
                "largest in": self.places[int(apart[:, which].max(1).argmax())],
            }
            for name, which in [*columns, ("all", slice(None))]
        ]


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


def compare(files: list[Path], before: FacesBefore, predictor: Predictor) -> Pairs:
    """Reads every face of the files twice."""
    pairs = Pairs()
    for path in tqdm(files, disable=None):
        is_video = path.suffix.lower() in VIDEO_SUFFIXES
        tracker = predictor.detector.tracker()
        images = (
            ((frame.image, frame.timestamp) for frame in VideoFile(path))
            if is_video
            else [(read_image(path), 0.0)]
        )
        for number, (image, timestamp) in enumerate(images, start=1):
            old = before.detect(image, video=is_video, first=number == 1)
            new = tracker.update(image, timestamp) if is_video else predictor.detector.detect(image)
            place = f"{path.name}:{number}" if is_video else path.name
            read = (predictor.predict_faces(image, faces) for faces in (old, new))
            pairs.add(next(read), next(read), place)
    return pairs


def bench_readings(folder: Path, source: Path, weights: str, max_faces: int) -> Benchmark:
    """Compares all images and videos of a folder.

    Raises:
        AuheatError: if there are none, one cannot be read, or `source` is no checkout.
    """
    files = [
        path for path in listing(folder) if path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
    ]
    if not files:
        raise AuheatError(f"no image and no video in {folder}")
    predictor = load(weights, max_faces=max_faces)
    with faces_before(source, max_faces) as before:
        pairs = compare(files, before, predictor)
    both = len(pairs.places)
    notes = (
        f"faces (of a clip: in each frame) found before {both + len(pairs.only_before)}, now "
        f"{both + len(pairs.only_now)}, by both {both}",
        f"only before: {_counted(pairs.only_before)}; only now: {_counted(pairs.only_now)}",
    )
    file = checkpoint_path(weights)
    title = f"Readings, {len(files)} files"
    machine = {"weights": file.name, "SHA-256": sha256(file)}
    return Benchmark(title, machine, COLUMNS, pairs.rows(predictor.aus), notes)


def _counted(places: list[str]) -> str:
    names = [place.partition(":")[0] for place in places]
    return ", ".join(f"{name} ({names.count(name)})" for name in sorted({*names})) or "none"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--before", "source", type=click.Path(path_type=Path), required=True)
@click.option("--weights", default="default", show_default=True)
@click.option("--faces", "max_faces", default=12, show_default=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write.")
def main(*, folder: Path, source: Path, weights: str, max_faces: int, out: Path | None) -> None:
    """Readings of the same weights with the faces of auheat 0.1.0 and with today's."""
    finish(bench_readings(folder, source, weights, max_faces), {"out": out})


if __name__ == "__main__":
    run(main)
