"""Faults of the server that once lost answers, left faces on disk, or were errors of its own."""

from __future__ import annotations

import csv
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.geometry import Points
from auheat.web.guard import needs_token
from auheat.web.sessions import SessionStore
from auheat.web.workspace import Workspace
from stand_ins import texture, write_video
from web_sessions import (
    LIMITS,
    Slow,
    client_of,
    eventually,
    new_store,
    read,
    rows,
    running,
    send,
    status_of,
    write_clip,
)

MakeStore = Callable[..., SessionStore]


@pytest.fixture
def make_store(face: Points, tmp_path: Path) -> Iterator[MakeStore]:
    """Makes an open store with changed limits; its predictor goes on at the end of the test."""
    opened: list[SessionStore] = []

    def make(**limits: Any) -> SessionStore:
        folder = tmp_path / "workspace"
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


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    return path


def jpeg(width: int = 480, height: int = 270, seed: int = 3) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(texture(seed, 270, 480)).resize((width, height)).save(stream, "JPEG")
    return stream.getvalue()


def uploads(store: SessionStore) -> list[str]:
    return [path.name for path in store.workspace.folder.iterdir() if path.is_dir()]


def test_who_comes_while_the_queue_is_full_is_told_when_to_come_back(
    make_store: MakeStore, image: Path
) -> None:
    store = make_store(pending=2)
    client, event = client_of(store), hold(store)
    accepted = [send(client, image).json()["id"] for _ in range(2)]
    turned_away = send(client, image)
    assert turned_away.status_code == 503
    assert turned_away.headers["retry-after"] == "2"
    assert turned_away.json() == {"error": "too many files are being read: try again in a moment"}
    event.set()
    assert [status_of(client, one)["state"] for one in accepted] == ["done", "done"]
    assert send(client, image).status_code == 200


def test_what_was_accepted_is_never_dropped_for_who_comes_later(
    make_store: MakeStore, image: Path
) -> None:
    """Only what is idle, and whose end was told, makes room."""
    store = make_store(sessions=2, delivered_s=0.0, undelivered_s=3600.0)
    client = client_of(store)
    first, second = (send(client, image).json()["id"] for _ in range(2))
    eventually(lambda: all(store.get(one).state == "done" for one in (first, second)))
    assert send(client, image).status_code == 503
    assert status_of(client, second)["state"] == "done"
    third = send(client, image)
    assert third.status_code == 200
    answers = [client.get(f"/api/sessions/{one}").status_code for one in (first, second)]
    assert answers == [200, 404]
    assert len(uploads(store)) == 2


@pytest.mark.slow
def test_simultaneous_images_all_get_their_own_answer(
    make_store: MakeStore, tmp_path: Path
) -> None:
    """24 at once, of which 18 were lost; each has a width of its own."""
    store = make_store(pending=6)
    for i in range(24):
        Pillow.fromarray(texture(i, 270, 480)).resize((400 + 2 * i, 270)).save(
            tmp_path / f"{i}.png"
        )

    def whole(i: int) -> tuple[int, int]:
        with httpx.Client(base_url=address, timeout=60, verify=False) as client:
            while (sent := send_one(client, tmp_path / f"{i}.png")).status_code == 503:
                turned_away.append(i)
                time.sleep(0.05)
            status = eventually(lambda: over(client, sent.json()["id"]))
            return i, status["size"][0]

    turned_away: list[int] = []
    with running(store) as address, ThreadPoolExecutor(24) as pool:
        answers = dict(pool.map(whole, range(24)))
    assert answers == {i: 400 + 2 * i for i in range(24)}


def send_one(client: httpx.Client, path: Path) -> httpx.Response:
    return client.post("/api/sessions", content=path.read_bytes())


def over(client: httpx.Client, session_id: str) -> dict[str, Any] | None:
    status: dict[str, Any] = client.get(f"/api/sessions/{session_id}").json()
    return status if status["state"] in ("done", "failed") else None


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


HEAD = b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"


def test_an_upload_that_breaks_off_leaves_nothing(
    make_store: MakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store()
    with running(store) as address:
        with connect(address) as client:
            client.sendall(HEAD + b"\x00\xff" * 1000)
            eventually(lambda: uploads(store))
        eventually(lambda: not uploads(store))
    assert "Traceback" not in caplog.text  # the server's and the loop's, which go by logging


def test_an_upload_that_stalls_is_broken_off(make_store: MakeStore) -> None:
    store = make_store(upload_idle_s=0.2)
    with running(store) as address, connect(address) as client:
        client.sendall(HEAD + b"\x00\xff" * 1000)
        assert client.recv(100).startswith(b"HTTP/1.1 408 ")
        assert uploads(store) == []


def test_half_requests_do_not_hold_a_connection(make_store: MakeStore) -> None:
    """The first, and one after an answer."""
    store = make_store(header_s=0.3)
    with running(store) as address:
        with connect(address) as client:
            client.sendall(b"GET /api/about HTTP/1.1\r\nHost: loc")
            assert client.recv(100) == b""
        with connect(address) as client:
            client.sendall(b"GET /api/none HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += client.recv(10_000)
            assert b" 404 " in answer
            client.sendall(b"GET /api/about HTTP/1.1\r\nHost: loc")
            assert client.recv(100) == b""


def test_connections_are_limited(make_store: MakeStore) -> None:
    store = make_store(connections=3)
    with running(store) as address:
        clients = [connect(address) for _ in range(5)]
        try:
            answers = [client.recv(1000) for client in clients[3:]]
            assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
            assert all(b"Retry-After: 2\r\n" in answer for answer in answers)
        finally:
            for client in clients:
                client.close()
        eventually(lambda: httpx.get(f"{address}api/about").status_code == 200)


def test_leftovers_of_killed_servers_are_removed(tmp_path: Path) -> None:
    """A living server's folder stays, and so does what is not ours to remove."""
    abandoned = tmp_path / "auheat-serve-dead"
    (abandoned / "x").mkdir(parents=True)
    (abandoned / "x" / "upload").write_bytes(b"a face")
    (abandoned / "lock").touch()
    begun = tmp_path / "auheat-serve-begun"
    begun.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (tmp_path / "auheat-serve-link").symlink_to(elsewhere)
    with Workspace(parent=tmp_path) as living, Workspace(parent=tmp_path):
        assert not abandoned.exists()
        assert living.folder.is_dir()
        assert begun.is_dir()
        assert (elsewhere / "lock").exists()
    os.utime(begun, (0, 0))
    with Workspace(parent=tmp_path):
        assert not begun.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["auheat-serve-link", "elsewhere"]


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


def test_a_video_with_too_many_frames_is_read_up_to_the_limit(
    make_store: MakeStore, tmp_path: Path
) -> None:
    path = write_clip(tmp_path)
    status = read(client_of(make_store(frames=8)), path)
    problem = "stopped after frame 8: more are not read here; what was read is kept"
    assert (status["state"], status["problem"]) == ("done", problem)
    assert len(status["frames"]) == 8


def test_a_reading_that_takes_too_long_is_stopped(make_store: MakeStore, tmp_path: Path) -> None:
    status = read(client_of(make_store(reading_s=0.0)), write_clip(tmp_path))
    assert status["state"] == "failed"
    assert status["problem"] == "stopped before the first frame was read"


def test_a_full_disk_is_told(make_store: MakeStore, image: Path) -> None:
    answer = send(client_of(make_store(free_bytes=2**60)), image)
    assert (answer.status_code, "disk" in answer.json()["error"]) == (503, True)


def test_an_overlay_that_cannot_be_written_costs_nothing_else(
    make_store: MakeStore, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole file failed, and its client was shown a path of the server."""

    def fails(path: Path, *_: object, **more: object) -> None:
        raise AuheatError(f"cannot write {path}: it would have 66002x4 pixels")

    monkeypatch.setattr("auheat.inference.writers.write_overlay_image", fails)
    store = make_store()
    client = client_of(store)
    status = read(client, image)
    assert status["state"] == "done"
    assert status["problem"] == "cannot write overlay.jpg: it would have 66002x4 pixels"
    assert rows(client.get(f"/api/sessions/{status['id']}/table").text)
    assert client.get(f"/api/sessions/{status['id']}/overlay").status_code == 404


def test_no_client_sees_where_files_lie(
    make_store: MakeStore, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(writer: object, item: object) -> None:
        (folder,) = (store.workspace.folder / name for name in uploads(store))
        raise OSError(f"no room for {folder / 'table.csv'} in {folder}")

    monkeypatch.setattr("auheat.inference.writers.TableWriter.write", fails)
    store = make_store()
    status = read(client_of(store), image)
    assert status["state"] == "failed"
    assert status["problem"] == "cannot write table.csv: no room for table.csv in its folder"


def test_a_decoder_that_trips_over_a_file_refuses_it(
    make_store: MakeStore, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged AVIF gives RuntimeError, GIF IndexError, JPEG 2000 MemoryError."""
    store = make_store()

    def trip(path: Path) -> bool:
        raise IndexError("of a decoder")

    monkeypatch.setattr("auheat.web.uploads.is_image", trip)
    answer = send(client_of(store), image)
    assert answer.json() == {"error": "this file is damaged: it cannot be read"}
    assert uploads(store) == []


def test_a_session_that_waits_can_be_removed(make_store: MakeStore, image: Path) -> None:
    """Its files go at once, those of the one that is being read when it is done."""
    store = make_store()
    client, event = client_of(store), hold(store)
    first, second = (send(client, image).json()["id"] for _ in range(2))
    eventually(lambda: store.get(first).state == "reading")
    assert client.delete(f"/api/sessions/{second}").status_code == 204
    assert uploads(store) == [first]
    assert client.delete(f"/api/sessions/{first}").status_code == 204
    event.set()
    eventually(lambda: not uploads(store))


@pytest.mark.slow
def test_an_image_does_not_wait_for_a_long_video(
    make_store: MakeStore, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "pause", 0.05)
    client = client_of(make_store())
    video = write_video(tmp_path / "long.mp4", [texture(i % 9, 90, 160) for i in range(400)])
    long = send(client, video).json()["id"]
    assert read(client, image)["state"] == "done"
    assert client.get(f"/api/sessions/{long}").json()["state"] == "reading"


@pytest.mark.parametrize(
    ("host", "needed"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.0.5", True),
        ("a-computer", True),
    ],
)
def test_other_computers_need_a_token(host: str, needed: bool) -> None:
    assert needs_token(host) == needed


def test_the_token_keeps_strangers_out(make_store: MakeStore) -> None:
    client = client_of(make_store(), host="0.0.0.0", token="s3cret")
    for path in ("/", "/?token=guess", "/js/app.js", "/api/about", "/api/about?token=s3cret"):
        answer = client.get(path)
        assert (answer.status_code, "token" in answer.json()["error"]) == (401, True)
    bearer = {"Authorization": "Bearer s3cret"}
    assert client.get("/api/about", headers=bearer).status_code == 200
    opened = client.get("/?token=s3cret", follow_redirects=False)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert client.get("/api/about").status_code == 200  # the client has the cookie now


def test_names_put_no_formula_into_a_table(make_store: MakeStore, tmp_path: Path) -> None:
    """A cell that begins with = + - @ is run by spreadsheets."""
    name = "=cmd|' !A0.png"
    path = tmp_path / "a.png"
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    client = client_of(make_store())
    status = read(client, path, name)
    answer = client.get(f"/api/sessions/{status['id']}/table")
    cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''%3Dcmd%7C%27%20%21A0.csv"


def test_what_is_gone_is_told_as_that(make_store: MakeStore, image: Path) -> None:
    client = client_of(make_store())
    session_id = read(client, image)["id"]
    assert client.delete(f"/api/sessions/{session_id}").status_code == 204
    for what in ("", "/latest", "/heat/0", "/shown", "/overlay", "/table", "/content", "/report"):
        answer = client.get(f"/api/sessions/{session_id}{what}")
        assert answer.status_code == 404
        assert answer.json() == {"error": "this is not here any more: open the file again"}


def test_numbers_beyond_all_frames_are_no_error_of_the_server(
    make_store: MakeStore, tmp_path: Path
) -> None:
    client = client_of(make_store())
    base = f"/api/sessions/{read(client, write_clip(tmp_path))['id']}"
    for path in (
        "/heat/99999999999999999999",
        "/heat/-1",
        "/baseline/0",
        f"/baseline/{2**70}",
        f"/table?baseline={2**70}",
        "/table?baseline=0",
        "/content?baseline=21",
        f"?since={2**70}",
    ):
        assert client.get(base + path).status_code in (200, 404, 422), path
