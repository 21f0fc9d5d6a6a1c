"""The page's server over made-up faces, and what a page asks of it."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from auheat.inference.predictor import Predictor
from auheat.web.server import application
from auheat.web.sessions import SessionStore
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video

Points = NDArray[np.float64]
MAX_BYTES = 400_000


class Slow(Predictor):
    """A predictor that takes its time, so that a test can stop it."""

    pause = 0.0

    def predict_aligned(self, faces: Any) -> Any:
        time.sleep(self.pause)
        return super().predict_aligned(faces)


def new_store(face: Points) -> SessionStore:
    people = [face_from(face), face_from(face + np.array([200, 0]), 1)]
    detector = KnownFaces([people, people[:1], [], people])
    return SessionStore(Slow(small_checkpoint(), detector, device="cpu", batch=4))


def client_of(store: SessionStore) -> TestClient:
    return TestClient(application(store, "127.0.0.1", MAX_BYTES), base_url="http://localhost:8000")


def write_clip(folder: Path) -> Path:
    """A video of 20 frames."""
    return write_video(folder / "clip.mp4", [texture(i, 270, 480) for i in range(20)])


def send(client: TestClient, path: Path, name: str = "") -> Any:
    return client.post(
        "/api/sessions",
        content=path.read_bytes(),
        headers={"X-File-Name": quote(name or path.name)},
    )


def read(client: TestClient, path: Path, name: str = "") -> dict[str, Any]:
    """The status of a file that was sent, once it is done."""
    reading_id = send(client, path, name).json()["id"]
    for _ in range(600):
        status: dict[str, Any] = client.get(f"/api/sessions/{reading_id}").json()
        if status["state"] in ("done", "failed"):
            return status
        time.sleep(0.05)
    raise TimeoutError


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
