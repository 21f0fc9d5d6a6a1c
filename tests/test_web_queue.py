"""Many clients at once, and ones that break off: no answer is lost, and no face stays on disk."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from PIL import Image as Pillow

from auheat.web.workspace import Workspace
from stand_ins import texture, write_video
from web_sessions import (
    MakeStore,
    Slow,
    client_of,
    eventually,
    hold,
    read,
    running,
    send,
    status_of,
    uploads,
)


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
