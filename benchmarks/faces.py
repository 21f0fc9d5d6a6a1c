"""Detecting, tracking and cropping a face, stage by stage, beside the mediapipe package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from auheat.errors import AuheatError
from auheat.faces.blaze_face import BothRanges
from auheat.faces.crop import CropSpec
from auheat.faces.detection import refine
from auheat.faces.detector import default_detector
from auheat.faces.face_mesh import FaceMesh
from auheat.faces.scene_cut import SceneCut
from auheat.media.frames import VideoFile
from auheat.pose import head_pose
from auheat.progress import Advance
from harness import Benchmark, finish, measuring, run, start
from measure import CLOCKS, WALL, Clock, Work, describe, interleaved

COLUMNS = ("work", "ms a frame", "spread", "times reference")
REFERENCE = "mediapipe FaceMesh, 478 landmarks, tracking"
OURS = "auheat: track and crop"

_NOTES = (
    "reference: mediapipe's own solution with refined landmarks on the same frames, where it is "
    "installed; it detects and tracks with the same models, on threads of its own.",
)


@dataclass(frozen=True)
class FacesPlan:
    """What to measure.

    Attributes:
        size: (W, H) to which frames are scaled first, or None.
        frames: in one round.
    """

    size: tuple[int, int] | None = None
    frames: int = 60
    rounds: int = 5


def bench_faces(
    video: Path,
    plan: FacesPlan,
    device: Any,
    clock: Clock = WALL,
    progress: Advance = lambda rounds: None,
) -> Benchmark:
    """Measures the stages between a decoded frame and a crop.

    Raises:
        AuheatError: if the video cannot be read, or shows no face in its first frame.
    """
    frames = [frame.image for frame in islice(VideoFile(video), plan.frames)]
    if plan.size:
        frames = [np.asarray(cv2.resize(image, plan.size), np.uint8) for image in frames]
    frames = list(islice(cycle(frames), plan.frames))
    timings = interleaved(_works(frames, video), plan.rounds, clock=clock)
    progress(1)
    reference = timings.get(REFERENCE)
    rows: list[dict[str, Any]] = [
        {
            "work": name,
            "ms a frame": 1000 * timing.median / len(frames),
            "spread": f"{100 * timing.spread:.0f}%",
            "times reference": timing.over(reference) if reference else None,
            "seconds": list(timing.seconds),
        }
        for name, timing in timings.items()
    ]
    height, width = frames[0].shape[:2]
    title = f"Faces, {width}x{height}, {len(frames)} frames"
    return Benchmark(title, describe(device), COLUMNS, rows, _NOTES)


def _works(frames: list[NDArray[np.uint8]], video: Path) -> dict[str, Work]:
    detector, mesh, attention = BothRanges(), FaceMesh(), FaceMesh(attention=True)
    found = detector.detect(frames[0])
    face = refine(mesh, frames[0], region=found[0].region) if found else None
    if face is None:
        raise AuheatError(f"no face in the first frame of {video}")
    crop, region, landmarks = CropSpec(128), face.region, face.landmarks
    transform, height, width = crop.transform(landmarks), *frames[0].shape[:2]

    def each(work: Callable[[NDArray[np.uint8]], object]) -> Work:
        return lambda: [work(image) for image in frames]

    def tracked(exact: bool) -> Work:
        both = default_detector(attention=exact)

        def work() -> None:
            tracker = both.tracker()
            for image in frames:
                for one in tracker.update(image):
                    crop.extract(image, crop.transform(one.landmarks))

        return work

    works: dict[str, Work] = {
        "detect, both ranges": each(detector.detect),
        "mesh, with its patch": each(lambda image: mesh.locate(image, region)),
        "both meshes": each(lambda image: attention.locate(image, region)),
        "scene cut": each(SceneCut().is_cut),
        "crop": each(lambda image: crop.extract(image, transform)),
        "head pose": each(lambda image: head_pose(landmarks, (height, width))),
        OURS: tracked(False),
        "auheat: the same with exact landmarks": tracked(True),
    }
    reference = _mediapipe()
    return works if reference is None else {REFERENCE: each(reference), **works}


def _mediapipe() -> Callable[[NDArray[np.uint8]], object] | None:
    try:
        from mediapipe.python.solutions.face_mesh import FaceMesh as Solution
    except ImportError:
        return None
    solution = Solution(max_num_faces=1, refine_landmarks=True)
    return lambda image: solution.process(np.ascontiguousarray(image))


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--size", type=(int, int), default=None, help="W H to scale frames to first.")
@click.option("--frames", default=60, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@measuring
def main(video: Path, size: tuple[int, int] | None, frames: int, rounds: int, **where: Any) -> None:
    """The way from a decoded frame to a crop, beside the mediapipe package."""
    device = start(where)
    plan = FacesPlan(size, frames, rounds)
    with tqdm(total=1, disable=None) as bar:
        measured = bench_faces(video, plan, device, CLOCKS[where["clock"]], bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
