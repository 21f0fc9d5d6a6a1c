"""What became of an input of a prediction job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from auheat.results import FrameResult


@dataclass
class Outcome:
    """What became of one input.

    Attributes:
        path: The input.
        is_video: Whether it was read as a video.
        frames: Images or video frames read.
        with_face: How many of them show a face.
        faces: In all images, or different persons in a video.
        seconds: Of work.
        files: What was written, the table first.
        problem: One line that says what is missing and why, or None.
        note: One line that the user should know about the results, or None.
        unread: Of a folder, a line for each image that could not be read, which names it.
    """

    path: Path
    is_video: bool = False
    frames: int = 0
    with_face: int = 0
    faces: int = 0
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)
    problem: str | None = None
    note: str | None = None
    unread: list[str] = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Frames per second of work."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def summary(self) -> str:
        """One line: what was read, how fast, and where it is."""
        frames = _counted(self.frames, "frame" if self.is_video else "image")
        faces = _counted(self.faces, "person" if self.is_video else "face")
        return (
            f"{self.path}: a face in {self.with_face} of {frames} ({faces}), {self.seconds:.1f} s, "
            f"{self.fps:.1f} frames/s -> {', '.join(map(str, self.files))}"
        )

    def add_problem(self, problem: str) -> None:
        """Adds what is missing to what is known to be."""
        self.problem = f"{self.problem}; {problem}" if self.problem else problem

    def add_notes(self, *notes: str) -> None:
        """Adds to what the user should know."""
        self.note = "; ".join([*([self.note] if self.note else []), *notes]) or None

    def count(self, result: FrameResult) -> None:
        """Adds one image or frame."""
        self.frames += 1
        self.with_face += len(result) > 0


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
