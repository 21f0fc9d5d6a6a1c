"""Writing synthetic datasets: many people, a few pictures each, in worker processes.

The same arguments give the same files, whatever the number of workers. Work is done in chunks of
subjects; a run that was stopped continues with the chunks that are still missing.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from auheat.data.manifest import FILE, Manifest
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.files import replacing
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Picture, Studio

_CHUNK = 25  # subjects
_QUALITY = 95
_PARTS = ".parts"


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
    settings = _prepare(out, plan)
    chunks = range(0, plan.subjects, _CHUNK)
    missing = [first for first in chunks if not _part(out, first).is_file()]
    progress(sum(_images_in(plan, first) for first in chunks if first not in missing))
    with ProcessPoolExecutor(
        max(1, workers),
        multiprocessing.get_context("spawn"),
        initializer=_open_studio,
        initargs=(assets, out, plan),
    ) as pool:
        for first in _finished(pool, missing):
            progress(_images_in(plan, first))
    rows = pd.concat([pd.read_parquet(_part(out, first)) for first in chunks], ignore_index=True)
    manifest = Manifest(rows, out, plan.crop, {"kind": "synthetic", "plan": settings})
    manifest.write()
    shutil.rmtree(out / _PARTS)
    return manifest


def _prepare(out: Path, plan: SynthesisPlan) -> dict[str, Any]:
    """Makes the folder and notes the plan in it; refuses a folder that holds something else."""
    settings: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    noted, text = out / _PARTS / "plan.json", json.dumps(settings)
    if (out / FILE).exists():
        raise AuheatError(f"{out} already holds a dataset: choose another folder or delete it")
    try:
        if noted.is_file():
            if noted.read_text() != text:
                raise AuheatError(
                    f"{out} holds a started dataset with other settings: "
                    "finish that one or delete it"
                )
            return settings
        if out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()):
            raise AuheatError(f"{out} holds other files: choose a new or an empty folder")
        noted.parent.mkdir(parents=True, exist_ok=True)
        with replacing(noted) as temporary:
            temporary.write_text(text)
    except OSError as error:
        raise AuheatError(f"cannot write into {out}: {error.strerror}") from None
    return settings


def _part(out: Path, first: int) -> Path:
    return out / _PARTS / f"{first:07d}.parquet"


def _images_in(plan: SynthesisPlan, first: int) -> int:
    subjects = range(first, min(first + _CHUNK, plan.subjects))
    return sum(plan.images_of(subject) for subject in subjects) * (2 if plan.pairs else 1)


def _finished(pool: ProcessPoolExecutor, chunks: list[int]) -> Iterator[int]:
    """Runs the chunks and yields each when it is done; on a failure the rest are cancelled."""
    futures = [pool.submit(_make_chunk, first) for first in chunks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise AuheatError(
            "a worker process died, perhaps for want of memory: "
            "give the same command again with fewer workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# What a worker process keeps between chunks: opening the assets takes a second.
_worker: tuple[Studio, Path, SynthesisPlan] | None = None


def _open_studio(assets: Path, out: Path, plan: SynthesisPlan) -> None:
    global _worker
    cv2.setNumThreads(1)  # one process per core already
    _worker = (Studio(load_pack(assets)), out, plan)


def _make_chunk(first: int) -> int:
    assert _worker is not None
    studio, out, plan = _worker
    subjects = range(first, min(first + _CHUNK, plan.subjects))
    rows = [row for subject in subjects for row in _subject_rows(studio, out, plan, subject)]
    with replacing(_part(out, first)) as temporary:
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
            _save(out / path, shot)
            yield {
                "image": path.as_posix(),
                "subject": name,
                "split": split,
                "sequence": sequence,
                "frame": frame,
                "landmarks": shot.landmarks.astype(np.float32).ravel(),
                **shot.intensities,
            }


def _save(path: Path, shot: Picture) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
               cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]  # fmt: skip
    if not cv2.imwrite(str(path), shot.image[..., ::-1], quality):
        raise AuheatError(f"cannot write {path}: is the disk full?")
