"""Readings in progress and done: one predictor, one worker, a folder that is removed at the end.

A video is read in the background, a few frames at a time, so that the webcam and photos need not
wait for its end. The oldest sessions are dropped when there are many.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from auheat.errors import AuheatError
from auheat.faces.detector import FaceTracker
from auheat.inference.pipeline import predict_frames
from auheat.inference.predictor import Image, Predictor
from auheat.media.frames import Frame, VideoFile
from auheat.media.photo import read_photo
from auheat.results import FrameResult
from auheat.web import uploads
from auheat.web.heat import packed
from auheat.web.report.build import session_report
from auheat.web.session_files import SessionFiles, frame_text, jpeg

State = Literal["waiting", "reading", "done", "failed"]
Kind = Literal["photo", "video", "live"]

# Readings that are kept, and frames that one recording of the webcam may have.
MAX_SESSIONS, MAX_LIVE_FRAMES = 6, 20_000
_LIVE_RATE = Fraction(12)


class MissingError(Exception):
    """What was asked for is not there, or not any more."""


@dataclass
class Session:
    """One photo, video or recording. problem: a line for the page, or None.

    tracker, begun, last: of a recording: who is in it, and the times of its frames.
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

    @property
    def upload(self) -> Path:
        """Where the file lies that was given."""
        return self.folder / "upload"

    def moment(self, seconds: float) -> float:
        """Time of the next live frame: from 0, and always later than the one before."""
        self.begun = seconds if self.begun is None else self.begun
        self.last = max(seconds - self.begun, self.last + 0.001)
        return self.last

    def status(self, since: int) -> dict[str, Any]:
        """What the page needs to know; `frames` are JSON texts from number `since` on."""
        files = self.files
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
            "frames": files.frames[since:],
        }


class SessionStore:
    """Does the sessions. A context manager; at its end every file is gone."""

    def __init__(self, predictor: Predictor, weights: str = "default") -> None:
        self.predictor, self._weights = predictor, weights
        self._recording = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="auheat-serve-"))
        self._worker = ThreadPoolExecutor(1, "reading")

    def __enter__(self) -> SessionStore:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions.values():
            session.stopping.set()
        self._worker.shutdown(cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """Where all files lie."""
        return self._folder

    def new_folder(self) -> Path:
        """An empty folder with a name that cannot be guessed."""
        folder = self._folder / secrets.token_hex(12)
        folder.mkdir()
        return folder

    def start(self, folder: Path, name: str) -> Session:
        """Begins to read `folder / "upload"`. Raises AuheatError if it is nothing to read."""
        kind = uploads.kind_of(folder / "upload")
        source = VideoFile(folder / "upload") if kind == "video" else None
        session = self._new(folder, name, kind, source.rate if source else None)
        session.expected = source.count if source else 1
        self._worker.submit(self._read, session, source)
        return session

    def get(self, session_id: str) -> Session:
        """A session by its id. Raises MissingError."""
        if session_id not in self._sessions:
            raise MissingError(session_id)
        return self._sessions[session_id]

    def remove(self, session_id: str) -> None:
        """Stops a session and deletes its files."""
        session = self.get(session_id)
        del self._sessions[session_id]
        session.stopping.set()
        if session.kind == "live" and session.state == "reading":
            self.finish_live(session)
        if session.state in ("done", "failed"):
            shutil.rmtree(session.folder, ignore_errors=True)

    def start_live(self) -> Session:
        """A recording that is fed frame by frame."""
        session = self._new(self.new_folder(), "webcam", "live", _LIVE_RATE)
        session.tracker = self.predictor.detector.tracker()
        session.files.__enter__()
        session.state = "reading"
        return session

    def add_live(self, session: Session, picture: Path, seconds: float) -> tuple[str, bytes]:
        """Reads the next picture of a recording: the frame as JSON, and its heatmaps.

        Raises AuheatError if it cannot be read or the recording has ended.
        """
        uploads.checked_photo(picture)
        image = read_photo(picture)
        with self._recording:
            self._check_live(session, image)
            assert session.tracker is not None
            faces = session.tracker.update(image)
            found = tuple(self.predictor.predict_faces(image, faces))
            number = len(session.files.frames) + 1
            result = FrameResult(number, session.moment(seconds), found)
            session.files.add(image, result)
        aus = self.predictor.aus
        return frame_text(result, aus), packed(found, aus)

    def finish_live(self, session: Session) -> None:
        """Ends a recording: from then on it is like a video that was read."""
        with self._recording:
            if session.state != "reading":
                return
            session.state = "done"
            try:
                session.files.__exit__(None, None, None)
            except AuheatError as error:
                session.state, session.problem = "failed", str(error)
            if not session.files.frames:
                session.state, session.problem = "failed", "nothing was recorded"

    def discard(self, folder: Path) -> None:
        """Deletes the folder of an upload that was refused."""
        shutil.rmtree(folder, ignore_errors=True)

    def latest(self, session_id: str) -> bytes:
        """JPEG of the newest frame whose heatmaps are there, else MissingError."""
        latest = self.get(session_id).files.latest
        if latest is None:
            raise MissingError(session_id)
        return jpeg(latest[1])

    def report(self, session: Session) -> str:
        """The report on a session that is done, as HTML."""
        source = "shown.mp4" if session.kind == "live" else "upload"
        table, name = session.folder / "table.csv", f"{Path(session.name).stem}.csv"
        return session_report(
            table, name, session.folder / source, self._weights, self.predictor.predict
        )

    def _new(self, folder: Path, name: str, kind: Kind, rate: Fraction | None) -> Session:
        while len(self._sessions) >= MAX_SESSIONS:
            self.remove(next(iter(self._sessions)))
        files = SessionFiles(folder, self.predictor.aus, rate)
        session = Session(folder.name, name, kind, folder, files)
        self._sessions[session.id] = session
        return session

    def _check_live(self, session: Session, image: Image) -> None:
        if session.state != "reading":
            raise AuheatError("the recording has ended")
        if session.files.size not in (None, (image.shape[1], image.shape[0])):
            raise AuheatError("the camera changed the size of its picture: start again")
        if len(session.files.frames) >= MAX_LIVE_FRAMES:
            raise AuheatError(f"a recording has at most {MAX_LIVE_FRAMES} frames")

    def _read(self, session: Session, source: VideoFile | None) -> None:
        session.state = "reading"
        try:
            with session.files as files:
                for image, result in self._results(session, source):
                    files.add(image, result)
            count = len(files.frames)
            if session.stopping.is_set() and source and count != source.count:
                session.problem = f"stopped after frame {count}; what was read is kept"
            elif source and source.problem:
                session.problem = f"{session.name}: {source.problem}; what could be read is kept"
            session.state = "done"
        except AuheatError as error:
            session.problem = str(error).replace(str(session.upload), session.name)
            session.state = "failed"
        except Exception as error:  # a defect, but the page must not wait for ever
            session.problem = f"session failed: {type(error).__name__}: {error}"
            session.state = "failed"
        finally:
            if session.id not in self._sessions:
                shutil.rmtree(session.folder, ignore_errors=True)

    def _results(
        self, session: Session, source: VideoFile | None
    ) -> Iterator[tuple[Image, FrameResult]]:
        if source is None:
            image = read_photo(session.upload)
            yield image, FrameResult(1, 0.0, self.predictor.predict(image).faces)
            return
        tracker = self.predictor.detector.tracker()
        frames = _until(source, session.stopping)
        with closing(predict_frames(frames, self.predictor, tracker)) as read:
            for picture, result in read:
                assert picture is not None
                yield picture, result


def _until(source: VideoFile, stopping: threading.Event) -> Iterator[Frame]:
    for frame in source:
        if stopping.is_set():
            return
        yield frame
