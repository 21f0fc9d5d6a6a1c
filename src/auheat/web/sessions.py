"""Sessions: uploads and recordings that are waiting, being read, or done.

Videos are read one after the other, images beside them, and images of a webcam at once. A session
that was accepted stays until its client knows its end and its results had time to be fetched; who
comes while there is no room is turned away before anything is uploaded.
"""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Literal

from auheat.errors import AuheatError
from auheat.files import Resource
from auheat.inference.predictor import Predictor
from auheat.media.frames import VideoFile
from auheat.media.images import read_image
from auheat.results import FrameResult
from auheat.system import return_freed_memory
from auheat.web import uploads
from auheat.web.heat import packed
from auheat.web.limits import DEFAULT_LIMITS, Limits
from auheat.web.reading import nothing_read, results_of, shortfall
from auheat.web.session import Session, State
from auheat.web.session_files import SessionFiles, frame_text
from auheat.web.workspace import Workspace

_LIVE_RATE = Fraction(12)


class MissingError(Exception):
    """What was asked for is not there, or not any more."""


class UnfinishedError(Exception):
    """What was asked for is made once the session has been read to its end."""


class BusyError(Exception):
    """There is no room for another session now. The message says why."""


class SessionStore(Resource):
    """Keeps the sessions and reads their files. A context manager; at its end every file is gone.

    Args:
        predictor: What reads.
        weights: The weights of the predictor: their path, or "default". For reports.
        limits: What it takes at most.
        parent: See `Workspace`.
    """

    def __init__(
        self,
        predictor: Predictor,
        weights: str = "default",
        *,
        limits: Limits = DEFAULT_LIMITS,
        parent: Path | None = None,
    ) -> None:
        self.predictor, self.weights, self.limits = predictor, weights, limits
        self.workspace = Workspace(parent=parent)
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._arriving: set[Path] = set()

    def _open(self, parts: ExitStack) -> None:
        parts.enter_context(self.workspace)
        self._workers = {kind: ThreadPoolExecutor(1, f"{kind}s") for kind in ("image", "video")}
        parts.callback(self._end)

    def _end(self) -> None:
        for session in list(self._sessions.values()):
            session.stopping.set()
        for worker in self._workers.values():
            worker.shutdown(cancel_futures=True)
        for session in list(self._sessions.values()):
            if session.kind == "live":
                session.finish()

    def reserve(self) -> Path:
        """Takes a place for an upload that is about to come, and gives a folder for it.

        The place is given back by `start` when the session is done, or by `discard`.

        Raises:
            BusyError: If there is no room.
        """
        with self._lock:
            pending = sum(session.is_pending for session in self._sessions.values())
            if pending + len(self._arriving) >= self.limits.pending:
                raise BusyError("too many files are being read: try again in a moment")
            self._make_room()
            folder = self.workspace.new_folder()
            self._arriving.add(folder)
            return folder

    def discard(self, folder: Path) -> None:
        """Gives back the place of an upload that was refused or broke off, and deletes it."""
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            self._arriving.discard(folder)

    def start(self, folder: Path, name: str) -> Session:
        """Begins to read the upload in a folder of `reserve`. From here on it is never lost.

        Args:
            folder: Where it lies, as `upload`.
            name: What it is called on the page.

        Raises:
            AuheatError: If it is nothing that will be read.
        """
        kind = _kind_of(folder / "upload", self.limits)
        source = VideoFile(folder / "upload") if kind == "video" else None
        files = SessionFiles(folder, self.predictor.aus, source.rate if source else None)
        session = Session(folder.name, name, kind, folder, files)
        session.expected = source.count if source else 1
        with self._lock:
            self._arriving.discard(folder)
            self._sessions[session.id] = session
        self._workers[kind].submit(self._read, session, source)
        return session

    def get(self, session_id: str) -> Session:
        """A session by its id. Raises MissingError."""
        with self._lock:
            if session_id not in self._sessions:
                raise MissingError(session_id)
            session = self._sessions[session_id]
        session.touched = monotonic()
        return session

    def remove(self, session_id: str) -> None:
        """Stops a session and deletes its files."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
        if session is None:
            raise MissingError(session_id)
        self._bury(session)

    def start_live(self) -> Session:
        """A recording that is fed image by image.

        Raises:
            BusyError: if there are too many.
        """
        with self._lock:
            self._make_room()
            running = [
                session
                for session in self._sessions.values()
                if session.kind == "live" and session.state == "reading"
            ]
            if len(running) >= self.limits.recordings:
                raise BusyError("too many webcams are being recorded: try again in a moment")
            folder = self.workspace.new_folder()
            files = SessionFiles(folder, self.predictor.aus, _LIVE_RATE)
            session = Session(folder.name, "webcam", "live", folder, files)
            session.tracker = self.predictor.detector.tracker()
            files.__enter__()
            session.state = "reading"
            self._sessions[session.id] = session
            return session

    def add_live(self, session: Session, file: Path, seconds: float) -> tuple[str, bytes]:
        """Reads the next image of a recording.

        Args:
            session: The recording.
            file: The image's file.
            seconds: Its time, as the client counts.

        Returns:
            The frame as JSON, and its heatmaps.

        Raises:
            AuheatError: If it cannot be read, does not fit, or the recording has ended.
        """
        uploads.check_image(file, self.limits)
        image = read_image(file)
        with session.lock:
            session.check(image, self.limits)
            assert session.tracker is not None
            moment = session.moment(seconds)
            faces = session.tracker.update(image, moment)
            found = tuple(self.predictor.predict_aligned(self.predictor.align(image, faces)))
            number = session.files.count + 1
            result = FrameResult(number, moment, faces=found)
            session.files.add(image, result)
        aus = self.predictor.aus
        return frame_text(result, aus), packed(found, aus)

    def latest(self, session: Session) -> bytes:
        """JPEG of the newest frame whose heatmaps are there, else MissingError."""
        if session.files.latest is None:
            raise MissingError(session.id)
        return session.files.latest[1]

    def _make_room(self) -> None:
        """Drops the session that has been idle longest if there are too many.

        The lock must be held.

        Raises:
            BusyError: If none may be dropped, or the disk is full.
        """
        now = monotonic()
        if len(self._sessions) + len(self._arriving) >= self.limits.sessions:
            idle = [s for s in self._sessions.values() if s.may_be_dropped(now, self.limits)]
            if not idle:
                raise BusyError("too many results are being kept: try again in a moment")
            oldest = min(idle, key=lambda session: session.touched)
            del self._sessions[oldest.id]
            self._bury(oldest)
        if self.workspace.free_bytes() < self.limits.free_bytes:
            raise BusyError("the disk of the server is full: try again later")

    def _bury(self, session: Session) -> None:
        """Ends a session that nobody finds any more, and deletes its files."""
        session.stopping.set()
        if session.kind == "live":
            session.finish()
        if session.state != "reading":  # else whoever reads it deletes them
            shutil.rmtree(session.folder, ignore_errors=True)

    def _read(self, session: Session, source: VideoFile | None) -> None:
        with self._lock:
            if session.id not in self._sessions:  # removed while it waited, files and all
                return
            session.state = "reading"
        state: State = "failed"
        try:
            with session.files as files:
                for image, result in results_of(
                    session, source, predictor=self.predictor, limits=self.limits
                ):
                    files.add(image, result)
                if not files.count:
                    raise AuheatError(nothing_read(session, source))
            problems = shortfall(session, source, self.limits), session.files.problem
            session.problem = session.named("; ".join(filter(None, problems))) or None
            state = "done"
        except AuheatError as error:
            session.problem = session.named(str(error))
        except Exception as error:  # a defect, but the page must not wait for ever
            session.problem = session.named(f"reading failed: {type(error).__name__}: {error}")
        finally:
            return_freed_memory()
            with self._lock:
                session.state = state
                is_kept = session.id in self._sessions
            if not is_kept:
                shutil.rmtree(session.folder, ignore_errors=True)


def _kind_of(path: Path, limits: Limits) -> Literal["image", "video"]:
    try:
        return uploads.kind_of(path, limits)
    except AuheatError:
        raise
    except Exception:  # a decoder that trips over a damaged file
        raise AuheatError("this file is damaged: it cannot be read") from None
