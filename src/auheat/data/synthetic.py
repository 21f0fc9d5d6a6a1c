"""Writing synthetic datasets: many people, a few images each, in worker processes.

The same arguments give the same files, whatever the number of workers. Work is done in chunks of
subjects; a run that was stopped continues with the chunks that are still missing.

Beside the manifest comes `people.csv`, a row for each subject: `split`, `sex` (as the face is
drawn: female or male), `age` (0 young to 1 old), `monk` (the skin on the Monk scale, 1 lightest to
10 darkest), `glasses` and `beard` (yes or no). A suite has none: there families decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from auheat.data import resumable
from auheat.data.cropping import save_crop
from auheat.data.manifest import FILE, Manifest
from auheat.data.names import Suite
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.files import atomic_write
from auheat.progress import Progress, silent
from auheat.synthesis.assets import load_pack
from auheat.synthesis.families import FAMILIES
from auheat.synthesis.identity import Person
from auheat.synthesis.studio import LabelledImage, Studio
from auheat.tables.stored import stored_table

_CHUNK_SUBJECTS = 25
PEOPLE = "people.csv"
_ABOUT = ("sex", "age", "monk", "glasses", "beard")
_MONK_TONES = 10


@dataclass(frozen=True)
class SynthesisPlan:
    """What to make.

    the people of the test split wear painted skins that no other split uses. pairs: every image
    comes with one of the same person's resting face; `sequence` joins the two, frame 1 is the
    resting one. suite: "ood" draws the images in each of `auheat.synthesis.families.FAMILIES`, all
    for testing, and `sequence` names the family.

    Attributes:
        subjects: how many in all; images are spread evenly over subjects.
        images: how many in all; images are spread evenly over subjects.
        seed: decides everything.
        crop: size and pad of the images.
        val: fractions of the subjects set aside.
        test: fractions of the subjects set aside.
    """

    subjects: int
    images: int
    _: KW_ONLY
    seed: int = 1
    crop: CropSpec = field(default_factory=lambda: CropSpec(128, 8))
    val: float = 0.04
    test: float = 0.06
    pairs: bool = False
    suite: Suite | Literal[""] = ""

    def __post_init__(self) -> None:
        if self.pairs and self.suite:
            raise AuheatError("a suite has no pairs: ask for one of the two")
        if self.subjects < 1 or self.images < self.subjects:
            raise AuheatError(
                f"cannot spread {self.images} images over {self.subjects} subjects: "
                "ask for at least one image a subject"
            )

    def split(self, subject: int) -> str:
        """The split of a subject: the first ones train, the last ones test."""
        if self.suite:
            return "test"
        test = round(self.test * self.subjects)
        val = round(self.val * self.subjects)
        if subject >= self.subjects - test:
            return "test"
        return "val" if subject >= self.subjects - test - val else "train"

    def images_of(self, subject: int) -> int:
        """How many images a subject gets."""
        each, extra = divmod(self.images, self.subjects)
        return each + (subject < extra)

    @property
    def repeats(self) -> int:
        """In how many images each of the images is drawn."""
        return len(FAMILIES) if self.suite else 2 if self.pairs else 1


_Worker = tuple[Studio, Path, SynthesisPlan]


def synthesise(
    assets: Path,
    out: Path,
    plan: SynthesisPlan,
    workers: int,
    progress: Progress = silent,
) -> Manifest:
    """Writes the dataset `plan` asks for into the folder `out`.

    Args:
        assets: folder of the face assets.
        out: a new folder, or one of a run that was stopped.
        plan: what to make.
        workers: processes that draw.
        progress: shows how many images are there.

    Raises:
        AuheatError: if `out` holds another dataset or the assets cannot be read.
    """
    load_pack(assets)  # so that a bad pack is reported once, before any worker starts
    settings = resumable.begin(out, asdict(plan), FILE)
    chunks = range(0, plan.subjects, _CHUNK_SUBJECTS)
    missing = [first for first in chunks if not _part(out, first).is_file()]
    with progress("faces", plan.images * plan.repeats, "images") as advance:
        advance(sum(_images_in(plan, first) for first in chunks if first not in missing))
        setup = (assets, out, plan)
        for first in resumable.in_processes(
            _make_chunk, missing, workers=workers, opening=_open, settings=setup
        ):
            advance(_images_in(plan, first))
    rows = pd.concat([stored_table(_part(out, first)).table for first in chunks], ignore_index=True)
    rows = _without_people(rows, out)
    manifest = Manifest(rows, out, plan.crop, {"kind": "synthetic", "plan": settings})
    manifest.write()
    resumable.commit(out)
    return manifest


def _without_people(rows: pd.DataFrame, out: Path) -> pd.DataFrame:
    """The manifest's columns; the others say what people are like, and go into a file."""
    known = [name for name in _ABOUT if name in rows]
    if known:
        people = rows[["subject", "split", *known]].drop_duplicates("subject")
        with atomic_write(out / PEOPLE) as temporary:
            people.to_csv(temporary, index=False)
    return rows.drop(columns=known)


def _part(out: Path, first: int) -> Path:
    return resumable.shard_path(out, f"{first:07d}")


def _images_in(plan: SynthesisPlan, first: int) -> int:
    subjects = range(first, min(first + _CHUNK_SUBJECTS, plan.subjects))
    return sum(plan.images_of(subject) for subject in subjects) * plan.repeats


def _open(assets: Path, out: Path, plan: SynthesisPlan) -> _Worker:
    return Studio(load_pack(assets)), out, plan


def _make_chunk(worker: _Worker, first: int) -> int:
    studio, out, plan = worker
    subjects = range(first, min(first + _CHUNK_SUBJECTS, plan.subjects))
    rows = [row for subject in subjects for row in _subject_rows(studio, out, plan, subject)]
    with atomic_write(_part(out, first)) as temporary:
        pd.DataFrame(rows).to_parquet(temporary)
    return first


def _subject_rows(
    studio: Studio, out: Path, plan: SynthesisPlan, subject: int
) -> Iterator[dict[str, Any]]:
    """Draws and saves a subject's images; yields their manifest rows."""
    split, name = plan.split(subject), f"S{subject:06d}"
    person = None
    if not plan.suite:
        person = studio.person(plan.seed, subject, held_out_skins=split == "test")
    about = {} if person is None else _about(person)
    folder = Path("images") / f"{subject // 1000:04d}"
    (out / folder).mkdir(parents=True, exist_ok=True)
    for sequence, frame, suffix, sample in _samples(studio, plan, subject, name, person):
        path = folder / f"{name}_{suffix}.jpg"
        save_crop(out / path, sample.image)
        yield {
            "image": path.as_posix(),
            "subject": name,
            "split": split,
            "sequence": sequence,
            "frame": frame,
            "landmarks": sample.landmarks.astype(np.float32).ravel(),
            **about,
            **sample.intensities,
        }


def _about(person: Person) -> dict[str, str | float | int]:
    """What `people.csv` says of someone: see `_ABOUT`."""
    return {
        "sex": "male" if person.masculine else "female",
        "age": round(person.age, 2),
        "monk": 1 + round(person.depth * (_MONK_TONES - 1)),
        "glasses": "no" if person.glasses is None else "yes",
        "beard": "no" if person.beard is None else "yes",
    }


def _samples(
    studio: Studio, plan: SynthesisPlan, subject: int, name: str, person: Person | None
) -> Iterator[tuple[str, int, str, LabelledImage]]:
    """A subject's images with their sequence, frame and the end of their file's name."""
    align, side, count = plan.crop.transform, plan.crop.side, plan.images_of(subject)
    if person is None:
        for number, (family, how) in enumerate(FAMILIES.items()):
            samples = studio.family(how, (plan.seed, subject), count, align, side)
            for index, sample in enumerate(samples):
                yield family, 0, f"{index:03d}_{number:02d}", sample
        return
    for index in range(count):
        numbers = (plan.seed, subject, index)
        if plan.pairs:
            both = studio.pair(person, numbers, align, side)
            for frame, sample in enumerate(both, 1):
                yield f"{name}_{index}", frame, f"{index:03d}_{frame}", sample
        else:
            yield "", 0, f"{index:03d}", studio.random_image(person, numbers, align, side)
