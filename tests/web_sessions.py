"""The page's server over made-up faces, and what a page asks of it."""

from __future__ import annotations

import csv
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from auheat.geometry import Points
from auheat.inference.predictor import Predictor
from auheat.web.limits import DEFAULT_LIMITS, Limits
from auheat.web.server import application
from auheat.web.serving import server_of
from auheat.web.sessions import SessionStore
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video

MAX_BYTES = 400_000
LIMITS = replace(DEFAULT_LIMITS, upload_bytes=MAX_BYTES)
MakeStore = Callable[..., SessionStore]


class Slow(Predictor):
    """A predictor that takes its time, so that a test can stop it.

    pause: seconds that it takes. hold: it does not go on before this is set.
    """

    pause = 0.0
    hold: threading.Event | None = None

    def predict_aligned(self, faces: Any) -> Any:
        time.sleep(self.pause)
        if self.hold is not None:
            assert self.hold.wait(60)
        return super().predict_aligned(faces)


class Scripted(Predictor):
    """Reads every AU of a face as its crop's brightness says: 20 + 40 times the intensity."""

    def predict_aligned(self, faces: Any) -> Any:
        found = super().predict_aligned(faces)
        values = [(round(float(face.crop.mean())) - 20) / 40 for face in faces]
        return [
            replace(one, intensities=dict.fromkeys(one.intensities, round(min(value, 5), 1)))
            for one, value in zip(found, values, strict=True)
        ]


def two_people(face: Points) -> KnownFaces:
    """Both, the first alone, nobody, both; and so on."""
    people = [face_from(face), face_from(face + np.array([200, 0]), 1)]
    return KnownFaces([people, people[:1], [], people])


def new_store(face: Points, *, limits: Limits = LIMITS, parent: Path | None = None) -> SessionStore:
    predictor = Slow(small_checkpoint(), two_people(face), device="cpu", batch=4)
    return SessionStore(predictor, limits=limits, parent=parent)


@contextmanager
def stores(face: Points, folder: Path) -> Iterator[MakeStore]:
    """Makes open stores with changed limits; their predictors go on at the end."""
    opened: list[SessionStore] = []

    def make(**limits: Any) -> SessionStore:
        folder.mkdir(exist_ok=True)
        store = new_store(face, limits=replace(LIMITS, **limits), parent=folder)
        opened.append(store.__enter__())
        return store

    yield make
    for store in opened:
        hold = held(store)
        if hold is not None:
            hold.set()
        store.__exit__(None, None, None)


def held(store: SessionStore) -> threading.Event | None:
    assert isinstance(store.predictor, Slow)
    return store.predictor.hold


def hold(store: SessionStore) -> threading.Event:
    """The predictor waits until the event is set."""
    assert isinstance(store.predictor, Slow)
    store.predictor.hold = threading.Event()
    return store.predictor.hold


def uploads(store: SessionStore) -> list[str]:
    """The folders of sessions whose files are there."""
    return [path.name for path in store.workspace.folder.iterdir() if path.is_dir()]


def scripted_store(face: Points) -> SessionStore:
    predictor = Scripted(small_checkpoint(), KnownFaces([[face_from(face)]]), device="cpu")
    return SessionStore(predictor)


def write_scripted(path: Path, intensities: Sequence[float]) -> Path:
    """A video that a `Scripted` predictor reads as these intensities, 25 frames a second."""
    images = [np.full((270, 480, 3), round(20 + 40 * x), np.uint8) for x in intensities]
    return write_video(path, images)


def client_of(store: SessionStore, **settings: Any) -> TestClient:
    return TestClient(application(store, **settings), base_url="http://localhost:8000")


@contextmanager
def running(store: SessionStore) -> Iterator[str]:
    """A server on a port of its own; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = server_of(store)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(60)


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits until a condition holds; gives its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return value


def write_clip(folder: Path) -> Path:
    """A video of 20 frames."""
    return write_video(folder / "clip.mp4", [texture(i, 270, 480) for i in range(20)])


def write_image(path: Path) -> Path:
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    return path


def send(client: TestClient, path: Path, name: str = "") -> Any:
    return client.post(
        "/api/sessions",
        content=path.read_bytes(),
        headers={"X-File-Name": quote(name or path.name)},
    )


def status_of(client: TestClient, session_id: str) -> dict[str, Any]:
    """The status of a session once it is done."""

    def over() -> dict[str, Any] | None:
        status: dict[str, Any] = client.get(f"/api/sessions/{session_id}").json()
        return status if status["state"] in ("done", "failed") else None

    status: dict[str, Any] = eventually(over)
    return status


def read(client: TestClient, path: Path, name: str = "") -> dict[str, Any]:
    """The status of a file that was sent, once it is done."""
    return status_of(client, send(client, path, name).json()["id"])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
