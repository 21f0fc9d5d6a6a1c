"""What DISFA's 130,814 frames cost on the way from a copy on disk to a table of the paper.

The source is a look-alike: rendered faces of three people, whose frames are repeated and whose
files are linked until 27 people have all of theirs. Seconds and memory are true, figures of
agreement are not: predictions are random numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pandas as pd
import torch

from auheat.data.cropping import crop_recording
from auheat.data.datasets import disfa
from auheat.data.datasets.disfa import SPEC, SUBJECTS
from auheat.data.image_sources import VideoImages
from auheat.data.lookalike import plan_of, write_lookalike
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.recording import Lookup, ReadOptions
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.protocols import assign, fold_of
from auheat.faces.crop import CropSpec
from auheat.figures.reproduce import Target
from auheat.media.frames import VideoFile
from auheat.media.video_writer import VideoWriter
from auheat.settings import to_dict
from auheat.training.ablations import Sweep
from harness import Benchmark, run
from load import WAYS, dataset_of, read
from measure import describe

FRAMES = 4845  # of each person; SN010 has one less
_PEOPLE = 3
_VIDEO = f"Video{SUBJECTS[0]}_comp.avi"
COLUMNS = ("step", "items", "cpu s", "cpu ms an item", "wall s", "peak MB", "images/s")


@dataclass(frozen=True)
class Folders:
    """Where everything lies below one folder."""

    root: Path

    def __getattr__(self, name: str) -> Path:
        return self.root / name


def make_source(folders: Folders, assets: Path, frames: int, size: int) -> int:
    """The look-alike of full length. Returns the number of its frames."""
    plan = plan_of("disfa", subjects=_PEOPLE, frames=frames, size=size)
    write_lookalike(assets, folders.drawn, plan, workers=1)
    total = 0
    for position, name in enumerate(SUBJECTS):
        source = plan.names[position % _PEOPLE]
        count = FRAMES - (name == "SN010")
        _labels(folders, source, name, frames, count)
        _video(folders, source, name, frames, count)
        _landmarks(folders, source, name, frames, count)
        total += count
    return total


def _labels(folders: Folders, source: str, name: str, frames: int, count: int) -> None:
    target = folders.source / "ActionUnit_Labels" / name
    target.mkdir(parents=True)
    for path in (folders.drawn / "ActionUnit_Labels" / source).iterdir():
        codes = [line.split(",")[1] for line in path.read_text().splitlines()]
        rows = (f"{number + 1},{codes[number % frames]}\n" for number in range(count))
        (target / path.name.replace(source, name)).write_text("".join(rows))


def _video(folders: Folders, source: str, name: str, frames: int, count: int) -> None:
    target = folders.source / "Videos_LeftCamera"
    target.mkdir(parents=True, exist_ok=True)
    kept = folders.root / f"{source}-{count}.avi"
    if not kept.is_file():
        (drawn,) = (folders.drawn / "Videos_LeftCamera").glob(f"LeftVideo{source}_*.avi")
        images = [frame.image for frame in VideoFile(drawn)]
        with VideoWriter(kept, Fraction(20)) as writer:
            for number in range(count):
                writer.write(images[number % frames], number / 20)
    os.link(kept, target / f"LeftVideo{name}_comp.avi")


def _landmarks(folders: Folders, source: str, name: str, frames: int, count: int) -> None:
    target = folders.source / "Landmark_Points" / name / "frame_lm"
    target.mkdir(parents=True)
    drawn = sorted((folders.drawn / "Landmark_Points" / source).rglob("*.mat"))
    for number in range(count):
        os.link(drawn[number % frames], target / f"l{number + 1:05d}_lm.mat")


def make_full(folders: Folders) -> int:
    """A dataset of every frame, whose images are the prepared ones in turn, and predictions."""
    prepared = read_manifest(folders.data)
    parts = []
    for name, rows in prepared.table.groupby("subject"):
        count = FRAMES - (name == "SN010")
        part = rows.iloc[np.arange(count) % len(rows)].assign(frame=np.arange(1, count + 1))
        images = [f"images/{name}/{number:06d}.jpg" for number in part["frame"]]
        (folders.full / images[0]).parent.mkdir(parents=True)
        for source, image in zip(part["image"], images, strict=True):
            os.link(folders.data / source, folders.full / image)
        parts.append(part.assign(image=images))
    table = pd.concat(parts, ignore_index=True)
    Manifest(table, folders.full, prepared.crop, prepared.source).write()
    folders.tables.mkdir()
    rng = np.random.default_rng(0)
    for name, rows in table.groupby("subject"):
        values = rng.gamma(0.6, 0.8, (len(rows), len(SPEC.aus))).clip(0, 5).round(2)
        columns = pd.DataFrame(values, columns=[f"{au}_r" for au in SPEC.aus])
        columns.insert(0, "frame", rows["frame"].to_numpy())
        columns.assign(success=1).to_csv(folders.tables / f"{name}.csv", index=False)
    return len(table)


def load(folders: Folders, workers: int, images: int, way: str) -> int:
    """Reads crops as training does at 256 pixels: plain, augmented, or from the cache."""
    manifest = read_manifest(folders.full)
    rows = np.random.default_rng(0).permutation(len(manifest.table))[:images]
    part = replace(manifest, table=manifest.table.iloc[rows].reset_index(drop=True))
    rate, spent = read(dataset_of(part, 256, way, folders.cache), workers)
    # The processor time of workers is not seen from here.
    own = None if workers else round(spent, 2)
    print(json.dumps({"images/s": round(rate, 1), "cpu s": None, "cpu ms an item": own}))
    return images


def cut(folders: Folders, images: int, height: int) -> int:
    """Decodes, crops and stores frames of this height with their landmarks, as `prepare` does."""
    drawn = disfa.read(folders.source, ReadOptions()).recordings[0]
    video = folders.root / f"{height}.avi"
    with VideoWriter(video, Fraction(20)) as writer:
        for frame in VideoFile(folders.source / "Videos_LeftCamera" / f"Left{_VIDEO}"):
            if frame.number > images:
                break
            factor = height / frame.image.shape[0]
            large = cv2.resize(frame.image, None, fx=factor, fy=factor)
            writer.write(np.asarray(large, np.uint8), (frame.number - 1) / 20)
    recording = replace(
        drawn,
        frames=drawn.frames[:images],
        levels=drawn.levels[:images],
        images=VideoImages(video),
        landmarks=_Scaled(drawn.landmarks, factor),
    )
    begin = time.process_time()
    rows, _ = crop_recording(
        recording, folders.root / f"cut-{height}", crop=CropSpec(256, 16), aus=SPEC.aus
    )
    spent = 1000 * (time.process_time() - begin) / len(rows)
    print(json.dumps({"cpu s": None, "cpu ms an item": round(spent, 2)}))
    return len(rows)


@dataclass(frozen=True)
class _Scaled:
    """Landmarks of an enlarged video."""

    drawn: Any
    factor: float

    def open(self) -> Lookup:
        lookup = self.drawn.open()
        return lambda frame: None if (p := lookup(frame)) is None else p * self.factor


def make_table(folders: Folders) -> int:
    """Table 2 from predictions as finished runs leave them."""
    sweep = Sweep(read_manifest(folders.full), "tiny", folders.runs)
    target = Target("table2", (sweep,), folders.out)
    rng, rows = np.random.default_rng(1), 0
    for variant, seed, fold in sweep.jobs(target.variants()):
        settings = to_dict(sweep.experiment(variant, seed, fold))
        chosen = fold_of(sweep.design.protocol, sweep.manifest.table["subject"], number=fold)
        divided = assign(sweep.manifest, chosen)
        for split in ("val", "test"):
            part = divided.split(split)
            about = {"name": variant.name, "seed": seed, "fold": fold, "split": split}
            values = rng.gamma(0.6, 0.8, (len(part.table), len(SPEC.aus))).clip(0, 5)
            found = Predictions.of(part, SPEC.aus, values, {**about, "experiment": settings})
            found.write(sweep.folder(variant, seed, fold) / f"{split}.parquet")
            rows += len(part.table)
    target.make()
    return rows


def measured(step: str, work: list[str], items: int) -> dict[str, Any]:
    """What a command costs: processor seconds and peak memory of it and all of its workers."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, *work], stdout=subprocess.PIPE)
    told = process.stdout.read().decode() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{step} failed")
    seconds = usage.ru_utime + usage.ru_stime
    row = {
        "step": step,
        "items": items,
        "cpu s": round(seconds, 1),
        "cpu ms an item": round(1000 * seconds / items, 3),
        "wall s": round(time.perf_counter() - begin, 1),
        "peak MB": round(usage.ru_maxrss / 1000),
    }
    last = told.strip().splitlines()[-1:] or ["{}"]
    return {**row, **(json.loads(last[0]) if last[0].startswith("{") else {})}


STEPS: Mapping[str, Callable[..., int]] = {
    "load": load, "full": make_full, "table": make_table, "cut": cut,
}  # fmt: skip


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--assets", type=click.Path(path_type=Path), help="Folder with the face assets.")
@click.option("--drawn", default=60, show_default=True, help="Frames drawn of each of 3 people.")
@click.option("--size", default=256, show_default=True, help="Height of the frames in pixels.")
@click.option("--every", default=1, show_default=True, help="Cut every n-th frame only.")
@click.option("--images", default=20000, show_default=True, help="Images that loaders read.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write.")
@click.option("--step", type=click.Choice(list(STEPS)), hidden=True)
@click.option("--workers", default=1, hidden=True)
@click.option("--way", default=WAYS[0], hidden=True)
def main(folder: Path, **options: Any) -> None:
    """Prepare, load, evaluate and tabulate DISFA at its real size, in FOLDER, which is made.

    Needs 3 GB on disk, 8 with every frame cut.
    """
    folders = Folders(folder)
    if options["step"]:
        names = {"load": ("workers", "images", "way"), "cut": ("images", "size")}
        further = [options[name] for name in names.get(options["step"], ())]
        STEPS[options["step"]](folders, *further)
        return
    if not options["assets"]:
        raise click.UsageError("--assets is needed to draw faces")
    frames = make_source(folders, options["assets"], options["drawn"], options["size"])
    every, images, own = options["every"], options["images"], [__file__, str(folder), "--step"]
    auheat = ["-m", "auheat"]
    prepare = [*auheat, "prepare", "disfa", str(folders.source), "-o", str(folders.data)]
    evaluate = [*auheat, "evaluate", str(folders.tables), "--data", str(folders.full)]
    reading = ["load", "--images", str(images), "--way"]
    rows = [measured("prepare", [*prepare, "--every", str(every), "--workers", "1"], frames)]
    rows[0]["crops"] = len(read_manifest(folders.data).table)
    rows.append(measured("manifest of all frames", [*own, "full"], frames))
    for height in (options["size"], 768):
        work = [*own, "cut", "--images", "300", "--size", str(height)]
        rows.append(measured(f"decode and cut, {height} high", work, 300))
    for way in WAYS:
        for workers in ("0", "1", "2"):
            work = [*own, *reading, way, "--workers", workers]
            rows.append(measured(f"load {way}, workers: {workers}", work, images))
    rows.append(measured("evaluate a table", [*evaluate, "--split", "all"], frames))
    rows.append(measured("table 2 of 4 networks", [*own, "table"], frames))
    notes = (f"every {every}. frame was cut; frames are {options['size']} pixels high",)
    result = Benchmark(
        "DISFA at its real size", describe(torch.device("cpu")), COLUMNS, rows, notes
    )
    click.echo(result.text())
    if options["out"]:
        result.write(options["out"])


if __name__ == "__main__":
    run(main)
