"""Recordings of a webcam, image by image: what becomes of them, and what is refused."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from auheat.media.frames import VideoFile
from stand_ins import texture
from web_sessions import MakeStore, client_of, rows, running, status_of


def jpeg(width: int = 480, height: int = 270, seed: int = 3) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(texture(seed, 270, 480)).resize((width, height)).save(stream, "JPEG")
    return stream.getvalue()


def test_the_webcam_becomes_a_video(client: TestClient, tmp_path: Path) -> None:
    session_id = client.post("/api/live").json()["id"]
    stream = io.BytesIO()
    Pillow.fromarray(texture(3, 270, 480)).save(stream, "JPEG")
    heads = []
    for seconds in (7.0, 7.1, 7.1, 7.5):
        answer = client.post(f"/api/live/{session_id}?t={seconds}", content=stream.getvalue())
        size = int.from_bytes(answer.content[:4], "little")
        head = json.loads(answer.content[4 : 4 + size])
        assert len(answer.content) == 4 + size + len(head["frames"][0][1]) * 3 * 64
        heads.append(head)
    assert [head["frames"][0][0] for head in heads] == pytest.approx([0.0, 0.1, 0.101, 0.5])
    for what in ("table", "overlay", "report", "content", "baseline/1"):
        early = client.get(f"/api/sessions/{session_id}/{what}")
        assert early.status_code == 409
        assert early.json() == {"error": "this is still being read: ask again when that is done"}
    assert client.post(f"/api/sessions/{session_id}/stop").status_code == 204
    table = rows(client.get(f"/api/sessions/{session_id}/table").text)
    assert [row["frame"] for row in table] == ["1", "1", "2", "3", "4", "4"]
    copy = tmp_path / "webcam.mp4"
    copy.write_bytes(client.get(f"/api/sessions/{session_id}/shown").content)
    assert [f.timestamp for f in VideoFile(copy)] == pytest.approx([0, 0.1, 0.101, 0.5], abs=1e-3)
    late = client.post(f"/api/live/{session_id}?t=9", content=stream.getvalue())
    assert late.json() == {"error": "the recording has ended"}


def test_the_webcam_refuses_what_is_no_image(client: TestClient) -> None:
    session_id = client.post("/api/live").json()["id"]
    answer = client.post(f"/api/live/{session_id}?t=0", content=b"\x00nothing\xff")
    assert answer.status_code == 422
    assert answer.json() == {"error": "this is not an image that can be read"}


def test_two_images_of_a_recording_at_once(make_store: MakeStore) -> None:
    """They shared a file: one read the other's bytes, or none."""
    store = make_store()
    with (
        running(store) as address,
        httpx.Client(base_url=address, timeout=60, verify=False) as client,
    ):
        session_id = client.post("/api/live").json()["id"]

        def add(i: int) -> int:
            with httpx.Client(base_url=address, timeout=60, verify=False) as other:
                path = f"/api/live/{session_id}?t={i / 10}"
                return other.post(path, content=jpeg(seed=i % 9)).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(add, range(24))) == {200}
        assert client.post(f"/api/sessions/{session_id}/stop").status_code == 204
        table = rows(client.get(f"/api/sessions/{session_id}/table").text)
        assert max(int(row["frame"]) for row in table) == 24
        left = [path for path in store.workspace.folder.iterdir() if path.suffix == ".jpg"]
        assert left == []


@pytest.mark.parametrize("time", ["nan", "inf", "-inf", "-1", "1e300", "x", ""])
def test_impossible_times_are_refused_and_spoil_nothing(make_store: MakeStore, time: str) -> None:
    client = client_of(make_store())
    session_id = client.post("/api/live").json()["id"]
    answer = client.post(f"/api/live/{session_id}?t={time}", content=jpeg())
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("t: ")
    assert client.post(f"/api/live/{session_id}?t=0.5", content=jpeg()).status_code == 200
    client.post(f"/api/sessions/{session_id}/stop")
    assert status_of(client, session_id)["state"] == "done"


@pytest.mark.parametrize(("width", "height"), [(1, 4000), (4000, 1), (16, 480), (17_000, 16)])
def test_odd_shapes_are_refused_and_spoil_nothing(
    make_store: MakeStore, width: int, height: int
) -> None:
    client = client_of(make_store())
    session_id = client.post("/api/live").json()["id"]
    answer = client.post(f"/api/live/{session_id}?t=0", content=jpeg(width, height))
    assert answer.status_code == 422
    assert "pixels" in answer.json()["error"]
    assert client.post(f"/api/live/{session_id}?t=0.5", content=jpeg()).status_code == 200
    client.post(f"/api/sessions/{session_id}/stop")
    assert status_of(client, session_id)["state"] == "done"


def test_recordings_are_limited_and_idle_ones_make_room(make_store: MakeStore) -> None:
    store = make_store(recordings=1, sessions=2, delivered_s=0.0)
    client = client_of(store)
    assert client.post("/api/live").status_code == 200
    answer = client.post("/api/live")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
