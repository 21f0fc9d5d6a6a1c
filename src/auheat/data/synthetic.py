"""Writing synthetic datasets: many people, a few pictures each, in worker processes.

The same arguments give the same files, whatever the number of workers. Work is done in chunks of
subjects; a run that was stopped continues with the chunks that are still missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auheat.data import resumable
from auheat.data.cropping import save_crop
from auheat.data.manifest import FILE, Manifest
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.files import atomic_write
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Studio

_CHUNK = 25  # subjects


@dataclass(frozen=True)
class SynthesisPlan:
    """What to make.

    subjects, images: how many in all; images are spread evenly over subjects. seed: decides
    everything. crop: size and pad of the pictures. val, test: shares of the subjects set aside;
    the people of the test split wear painted skins that no other split uses. pairs: every picture
    comes with one of the same person's resting face; `sequence` joins the two, frame 1 is the
    resting one.
    """

    subjects: int
    images: int
    seed: int = 1
    crop: CropSpec = field(default_factory=lambda: CropSpec(128, 8))
    val: float = 0.04
    test: float = 0.06
    pairs: bool = False

    def __post_init__(self) -> None:
        if self.subjects < 1 or self.images < self.subjects:
            raise AuheatError(
                f"cannot spread {self.images} images over {self.subjects} subjects: "
                "ask for at least one image a subject"
            )

    def split(self, subject: int) -> str:
        """The split of a subject: the first ones train, the last ones test."""
        test = round(self.test * self.subjects)
        val = round(self.val * self.subjects)
        if subject >= self.subjects - test:
            return "test"
        return "val" if subject >= self.subjects - test - val else "train"

    def images_of(self, subject: int) -> int:
        """How many images a subject gets."""
        each, extra = divmod(self.images, self.subjects)
        return each + (subject < extra)


_Worker = tuple[Studio, Path, SynthesisPlan]


def synthesise(
    assets: Path,
    out: Path,
    plan: SynthesisPlan,
    workers: int,
    progress: Callable[[int], object] = lambda images: None,
) -> Manifest:
    """Writes the dataset `plan` asks for into the folder `out`.

    progress: called with the number of images each finished chunk has. Raises AuheatError if `out`
    holds another dataset or the assets cannot be read.
    """
    load_pack(assets)  # so that a bad pack is reported once, before any worker starts
    settings = resumable.begin(out, asdict(plan), FILE)
    chunks = range(0, plan.subjects, _CHUNK)
    missing = [first for first in chunks if not _part(out, first).is_file()]
    progress(sum(_images_in(plan, first) for first in chunks if first not in missing))
    for first in resumable.in_processes(_make_chunk, missing, workers, _open, (assets, out, plan)):
        progress(_images_in(plan, first))
    rows = pd.concat([pd.read_parquet(_part(out, first)) for first in chunks], ignore_index=True)
    manifest = Manifest(rows, out, plan.crop, {"kind": "synthetic", "plan": settings})
    manifest.write()
    resumable.commit(out)
    return manifest


def _part(out: Path, first: int) -> Path:
    return resumable.shard_path(out, f"{first:07d}")


def _images_in(plan: SynthesisPlan, first: int) -> int:
    subjects = range(first, min(first + _CHUNK, plan.subjects))
    return sum(plan.images_of(subject) for subject in subjects) * (2 if plan.pairs else 1)


def _open(assets: Path, out: Path, plan: SynthesisPlan) -> _Worker:
    return Studio(load_pack(assets)), out, plan


def _make_chunk(worker: _Worker, first: int) -> int:
    studio, out, plan = worker
    subjects = range(first, min(first + _CHUNK, plan.subjects))
    rows = [row for subject in subjects for row in _subject_rows(studio, out, plan, subject)]
    with atomic_write(_part(out, first)) as temporary:
        pd.DataFrame(rows).to_parquet(temporary)
    return first


def _subject_rows(
    studio: Studio, out: Path, plan: SynthesisPlan, subject: int
) -> Iterator[dict[str, Any]]:
    """Draws and saves a subject's pictures; yields their manifest rows."""
    split, name = plan.split(subject), f"S{subject:06d}"
    person = studio.person(plan.seed, subject, held_out_skins=split == "test")
    folder = Path("images") / f"{subject // 1000:04d}"
    (out / folder).mkdir(parents=True, exist_ok=True)
    for index in range(plan.images_of(subject)):
        numbers = (plan.seed, subject, index)
        if plan.pairs:
            both = studio.pair(person, numbers, plan.crop.transform, plan.crop.side)
            shots = [(f"{name}_{index}", frame, shot) for frame, shot in enumerate(both, 1)]
        else:
            shots = [("", 0, studio.picture(person, numbers, plan.crop.transform, plan.crop.side))]
        for sequence, frame, shot in shots:
            path = folder / f"{name}_{index:03d}{'_' + str(frame) if frame else ''}.jpg"
            save_crop(out / path, shot.image)
            yield {
                "image": path.as_posix(),
                "subject": name,
                "split": split,
                "sequence": sequence,
                "frame": frame,
                "landmarks": shot.landmarks.astype(np.float32).ravel(),
                **shot.intensities,
            }
