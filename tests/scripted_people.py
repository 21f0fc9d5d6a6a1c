"""People who stand, walk and hide as a test says, and a tracker's ids for them."""

from __future__ import annotations

from collections.abc import Sequence

from auheat.arrays import Image
from auheat.faces.detection import FaceLandmarks
from auheat.faces.tracking import VideoTracker
from stand_ins import Scene, landmarks_at, texture

Path = list[FaceLandmarks | None]
Seen = list[dict[int, float]]

IMAGE = texture(0, 270, 480)


def track(
    *people: Path,
    faces: int = 5,
    images: Sequence[Image] | None = None,
    fps: float | None = None,
) -> tuple[Seen, Scene]:
    """Runs a tracker over scripted people: per frame, the x of every face by its id."""
    scene = Scene(*people)
    tracker = VideoTracker(scene, scene, max_faces=faces, min_size=32)
    seen: Seen = []
    for frame in range(len(people[0])):
        scene.frame = frame
        moment = None if fps is None else round(frame / fps, 3)  # as Matroska rounds them
        found = tracker.update(images[frame] if images else IMAGE, moment)
        assert [face.face_id for face in found] == sorted({face.face_id for face in found})
        seen.append({face.face_id: float(face.box[[0, 2]].mean()) for face in found})
    return seen, scene


def still(frames: int, x: float = 100, y: float = 100, size: float = 40) -> Path:
    return [landmarks_at(x, y, size)] * frames


def walk(start: float, step: float, frames: int, y: float = 100, size: float = 40) -> Path:
    return [landmarks_at(start + step * i, y, size) for i in range(frames)]


def hidden(path: Path, first: int, last: int) -> Path:
    """The path with the person out of sight from frame `first` to frame `last`, both included."""
    return [None if first <= i <= last else face for i, face in enumerate(path)]
