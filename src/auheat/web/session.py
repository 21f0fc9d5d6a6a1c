"""One image, video or recording of a webcam: how far it is, and what its client may do with it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.faces.detector import FaceTracker
from auheat.web.limits import Limits
from auheat.web.session_files import SessionFiles

State = Literal["waiting", "reading", "done", "failed"]
Kind = Literal["image", "video", "live"]

PENDING = ("waiting", "reading")
# No camera gives an image that is so many times longer than it is wide.
_MAX_ASPECT = 8


@dataclass(eq=False)
class Session:
    """One image, video or recording.

    Attributes:
        id: Cannot be guessed.
        name: What the file is called on the page.
        kind: What it is.
        folder: Where its files lie.
        files: What has been read so far.
        state: How far it is.
        expected: Frames that the file states; None if unknown.
        problem: A line for the page, or None.
        stopping: Set when nothing more is to be read.
        tracker: Who is in a recording.
        begun: Time of a recording's first image, as its client counts, in seconds.
        last: Time of its newest frame, in seconds from the first.
        touched: When a client last asked for it, in seconds of a monotonic clock.
        delivered: Whether a client has been told that it is done.
        lock: Held while an image is added to a recording, and while it ends.
    """

    id: str
    name: str
    kind: Kind
    folder: Path
    files: SessionFiles
    state: State = "waiting"
    expected: int | None = None
    problem: str | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    tracker: FaceTracker | None = None
    begun: float | None = None
    last: float = -1.0
    touched: float = field(default_factory=monotonic)
    delivered: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def upload(self) -> Path:
        """Where the file lies that was given."""
        return self.folder / "upload"

    def named(self, problem: str) -> str:
        """A problem as its client may see it: without the places of files on this computer."""
        named = problem.replace(str(self.upload), self.name)
        return named.replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), "its folder")

    @property
    def is_pending(self) -> bool:
        """Whether it is a file that is waiting or being read."""
        return self.kind != "live" and self.state in PENDING

    def moment(self, seconds: float) -> float:
        """Time of the next live frame: from 0, and always later than the one before."""
        self.begun = seconds if self.begun is None else self.begun
        self.last = max(seconds - self.begun, self.last + 0.001)
        return self.last

    def may_be_dropped(self, now: float, limits: Limits) -> bool:
        """Whether it may make room for another: idle, and its client has what it waits for."""
        idle = now - self.touched
        if self.kind == "live" and self.state == "reading":
            return idle > limits.delivered_s
        if self.state in PENDING:
            return False
        return idle > (limits.delivered_s if self.delivered else limits.undelivered_s)

    def status(self) -> dict[str, Any]:
        """What the page needs to know, without the frames."""
        files = self.files
        self.delivered = self.delivered or self.state not in PENDING
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "expected": self.expected,
            "problem": self.problem,
            "size": files.size,
            "mapSize": files.map_size,
            "pieces": files.heat.pieces,
            "latest": files.latest[0] if files.latest else None,
            "gaps": files.gaps(),
        }

    def check(self, image: Image, limits: Limits) -> None:
        """Checks that an image (H, W, 3) can be the next one of a recording.

        Raises:
            AuheatError: unless an image (H, W, 3) can be the next one of a recording.
        """
        size = image.shape[1], image.shape[0]
        if self.state != "reading":
            raise AuheatError("the recording has ended")
        if self.files.size not in (None, size):
            raise AuheatError("the camera changed the size of its image: start again")
        if max(size) > _MAX_ASPECT * min(size):
            raise AuheatError(f"no camera gives images of {size[0]} x {size[1]} pixels")
        if self.files.count >= limits.live_frames:
            raise AuheatError(f"a recording has at most {limits.live_frames} frames")

    def finish(self) -> None:
        """Ends a recording: from then on it is like a video that was read."""
        with self.lock:
            if self.state != "reading":
                return
            try:
                self.files.__exit__(None, None, None)
                self.state = "done"
                self.problem = self.named(self.files.problem or "") or None
            except AuheatError as error:
                self.state, self.problem = "failed", self.named(str(error))
            if not self.files.count:
                self.state, self.problem = "failed", "nothing was recorded"
