"""What the server keeps out: hostile files, other websites, strangers; and what is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from auheat.web.guard import needs_token
from auheat.web.sessions import SessionStore
from stand_ins import texture
from web_sessions import MAX_BYTES, MakeStore, client_of, read, send, write_clip


def folders(store: SessionStore) -> list[str]:
    """The names of all folders of uploads that are there."""
    return sorted(path.name for path in store.workspace.folder.iterdir() if path.is_dir())


HOSTILE = {
    "text": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "this is a text file"),
    "empty": (b"", "the file is empty"),
    "noise": (bytes(range(256)) * 20, "neither an image nor a video"),
    "large": (b"\x00\xff" * MAX_BYTES, "too large: up to 0 MB are taken"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(client: TestClient, store: SessionStore, name: str) -> None:
    content, reason = HOSTILE[name]
    answer = client.post("/api/sessions", content=content, headers={"X-File-Name": "x.mp4"})
    assert answer.status_code == 200
    assert reason in answer.json()["error"]
    assert str(store.workspace.folder) not in answer.text
    assert folders(store) == []


def test_the_bytes_are_counted_where_no_length_is_given(
    client: TestClient, store: SessionStore
) -> None:
    parts = (b"\x00\xff" * 50_000 for _ in range(10))
    answer = client.post("/api/sessions", content=parts)
    assert "too large" in answer.json()["error"]
    assert folders(store) == []


def test_an_image_with_too_many_pixels_is_refused(client: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Pillow.new("1", (10_000, 10_000)).save(path)
    assert path.stat().st_size < MAX_BYTES
    answer = send(client, path)
    assert "10000 x 10000 pixels are too many: up to 64 megapixels" in answer.json()["error"]


def test_a_truncated_image_says_so_by_its_own_name(client: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    status = read(client, path, "../../half.jpg")
    assert status["state"] == "failed"
    assert status["problem"].startswith("cannot read image half.jpg: ")


def test_names_are_never_paths(client: TestClient, store: SessionStore, tmp_path: Path) -> None:
    status = read(client, write_clip(tmp_path), "../..\\c\0lip\n.mp4")
    assert status["name"] == "clip.mp4"
    stored = {path.name for path in (store.workspace.folder / status["id"]).iterdir()}
    assert stored == {"upload", "table.csv", "overlay.mp4", "shown.mp4", "heat.bin", "frames.json"}


GUARDED = [
    ({"Host": "evil.example"}, 403),
    ({"Host": "localhost.evil.example:8000"}, 403),
    ({"Host": ""}, 403),
    ({"Host": "localhost:8000"}, 200),
    ({"Host": "127.0.0.1:8000"}, 200),
    ({"Host": "[::1]:8000"}, 200),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://localhost:9999"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://[::1"}, 403),
    ({"Host": "[::1"}, 403),
    ({"Origin": "http://localhost:8000"}, 200),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), GUARDED)
def test_other_websites_are_kept_out(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.get("/api/about", headers=headers).status_code == status


def test_every_answer_shuts_others_out(client: TestClient) -> None:
    for path in ("/", "/js/app.js", "/api/about", "/api/sessions/none"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
    assert client.get("/../server.py").status_code == 404
    assert client.get("/..%2fserver.py").status_code == 404


def test_the_page_asks_nobody_else() -> None:
    from auheat.web.components import STATIC

    texts = [path.read_text("utf-8") for path in STATIC.rglob("*.*")]
    assert len(texts) >= 12
    for text in texts:
        assert "https://" not in text
        assert text.count("http://") == text.count("http://www.w3.org") + text.count(
            "http://localhost"
        )


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
