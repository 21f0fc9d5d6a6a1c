"""A dataset that auheat does not know, in the one file that it takes to make it known.

faces/p1/0001.png      frames from 1
faces/p1/points.csv    a row for each frame: x, y of 68 landmarks
codes/p1.AU12.txt      rows `frame,percent`; -1 where the AU could not be seen
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auheat.data.checks import choose_aus
from auheat.data.corpora import Corpus, EventPrior, People
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike, Protocol
from auheat.data.image_sources import ImageFiles, write_image
from auheat.data.labels import IntensityScale, read_levels, write_lines
from auheat.data.recording import Lookup, ReadOptions, Recording, Source
from auheat.data.source_files import numbered
from auheat.folders import locate, matching
from auheat.geometry import Points

if TYPE_CHECKING:
    from auheat.data.sequences import RenderedSubject

SPEC = DatasetSpec(
    name="toy",
    title="Toy",
    source="nobody, 2026",
    aus=("AU06", "AU12"),
    files="`faces`, `codes`",
    protocols=(
        Protocol("toy-pairs", "3 folds of two people", (("p1", "p2"), ("p3", "p4"), ("p5", "p6"))),
    ),
    k=2,
    scale=IntensityScale(max=100, not_codable=-1),
)


class _Points:
    def __init__(self, path: Path) -> None:
        self._rows = np.loadtxt(path, delimiter=",", ndmin=2)

    def open(self) -> Lookup:
        def at(frame: int) -> Points | None:
            return np.asarray(self._rows[frame - 1].reshape(68, 2), np.float64)

        return at


def read(root: Path, options: ReadOptions) -> Source:
    faces, codes = locate(root, "faces"), locate(root, "codes")
    assert faces is not None and codes is not None
    aus, unknown = choose_aus(SPEC.aus, SPEC.aus, wanted=options.aus, root=root)
    problems: list[str] = []
    recordings = []
    for match, folder in matching(faces, r"p\d"):
        files = {au: locate(codes, f"{match[0]}.{au}.txt") for au in aus}
        levels = read_levels(files, lambda au: au, scale=SPEC.scale, problems=problems)
        recordings.append(
            Recording(
                match[0],
                match[0],
                split="train",
                frames=levels.frames,
                levels=levels.levels,
                images=ImageFiles(numbered(folder, {".png"}, problems)),
                landmarks=_Points(folder / "points.csv") if options.own_landmarks else None,
                left_out=levels.left_out,
            )
        )
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def write(subject: RenderedSubject, out: Path) -> Iterator[int]:
    faces = out / "faces" / subject.name
    points, codes = [], {au: list[str]() for au in SPEC.aus}
    for frame in subject.frames("only"):
        write_image(faces / f"{frame.number:04d}.png", frame.image)
        points.append(",".join(f"{value:.6f}" for value in frame.landmarks.ravel()))
        for au, level in frame.levels.items():
            codes[au].append(f"{frame.number},{-1 if frame.number == 2 else 20 * level}")
        yield 1
    write_lines(faces / "points.csv", points)
    for au, lines in codes.items():
        write_lines(out / "codes" / f"{subject.name}.{au}.txt", lines)


CORPUS = Corpus(
    layout="toy",
    people=People("toy", 90_000),
    subjects=tuple(f"p{n}" for n in range(1, 7)),
    sequences=("only",),
    aus=SPEC.aus,
    prior=EventPrior((((6, 12), 0.9), ((12,), 0.9))),
    count=6,
    frames=4,
    size=64,
)
DATASET = Dataset(SPEC, read, {"toy": Lookalike(CORPUS, write)}, landmark_folders=("faces",))
