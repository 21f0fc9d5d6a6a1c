"""A video read by the mediapipe package, in a process of its own, for comparison.

FaceMesh with refined landmarks comes with the package. FaceLandmarker with blendshapes, in video
mode, needs the model that its makers publish apart (`face_landmarker.task`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from auheat.media.frames import VideoFile

_Row = Sequence[float]


def _face_mesh() -> Callable[[Any, int], _Row]:
    """Frame and milliseconds -> x and y of 478 landmarks, or nothing where no face is found."""
    from mediapipe import solutions

    mesh = solutions.face_mesh.FaceMesh(refine_landmarks=True)

    def read(image: Any, _: int) -> _Row:
        faces = mesh.process(image).multi_face_landmarks or []
        return [value for face in faces for point in face.landmark for value in (point.x, point.y)]

    return read


def _face_landmarker(task: Path) -> Callable[[Any, int], _Row]:
    """Frame and milliseconds -> 52 blendshapes, or nothing where no face is found."""
    import mediapipe
    from mediapipe.tasks import python
    from mediapipe.tasks.python import vision

    landmarker = vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=python.BaseOptions(model_asset_path=str(task)),
            running_mode=vision.RunningMode.VIDEO,
            output_face_blendshapes=True,
        )
    )

    def read(image: Any, milliseconds: int) -> _Row:
        frame = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        faces = landmarker.detect_for_video(frame, milliseconds).face_blendshapes
        return [shape.score for face in faces for shape in face]

    return read


@click.command()
@click.argument("video", type=click.Path(path_type=Path, exists=True))
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--task", type=click.Path(path_type=Path, exists=True), help="face_landmarker.task")
def main(*, video: Path, table: Path, task: Path | None) -> None:
    """Writes what mediapipe reads in VIDEO to the CSV file TABLE, a row a frame."""
    read = _face_landmarker(task) if task else _face_mesh()
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        for frame in VideoFile(video):
            rows.writerow([frame.number, *read(frame.image, int(1000 * frame.timestamp))])


if __name__ == "__main__":
    main()
