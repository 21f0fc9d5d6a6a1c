"""Reading files through the server."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from auheat.geometry import Points
from auheat.inference.calibration import calibrated
from auheat.media.frames import VideoFile
from auheat.results import FrameResult
from auheat.tables.schema import TableSchema
from auheat.web import session_files
from auheat.web.sessions import SessionStore
from stand_ins import texture, write_video
from web_sessions import (
    Slow,
    client_of,
    eventually,
    new_store,
    read,
    rows,
    scripted_store,
    send,
    status_of,
    write_clip,
    write_scripted,
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def done_store(face: Points) -> Iterator[SessionStore]:
    with new_store(face) as store:
        yield store


@pytest.fixture(scope="module")
def done_client(done_store: SessionStore) -> TestClient:
    return client_of(done_store)


@pytest.fixture(scope="module")
def done(done_client: TestClient, clip: Path) -> dict[str, Any]:
    """The status of the clip, read once for all tests that only look at it."""
    return read(done_client, clip, "<b>.mp4")


def test_a_video_is_read(
    done_client: TestClient, done_store: SessionStore, done: dict[str, Any], tmp_path: Path
) -> None:
    status = done
    assert (status["state"], status["kind"], status["problem"]) == ("done", "video", None)
    assert (status["size"], status["mapSize"], status["pieces"]) == ([480, 270], [8, 8], 2)
    assert [len(faces) for _, faces in status["frames"]] == [2, 1, 0, 2] * 5
    assert [t for t, _ in status["frames"]] == pytest.approx(np.arange(20) * 0.04, abs=1e-4)
    base = f"/api/sessions/{status['id']}"
    table = rows(done_client.get(f"{base}/table").text)
    assert [row["frame"] for row in table[:6]] == ["1", "1", "2", "3", "4", "4"]
    shown = status["frames"][3][1][1]
    assert shown[0] == 1
    assert [float(table[5][f"{au}_r"]) for au in done_store.predictor.aus] == pytest.approx(
        shown[4], abs=0.006
    )
    for what, size in (("shown", (270, 480)), ("overlay", None)):
        copy = tmp_path / f"{what}.mp4"
        copy.write_bytes(done_client.get(f"{base}/{what}").content)
        frames = list(VideoFile(copy))
        assert [frame.timestamp for frame in frames] == pytest.approx(
            [t for t, _ in status["frames"]], abs=1e-3
        )
        assert size is None or frames[0].image.shape[:2] == size


def test_heat_holds_the_maps_of_every_face(
    done_client: TestClient, done_store: SessionStore, done: dict[str, Any], clip: Path
) -> None:
    """Frame after frame, face after face, AU after AU, in steps of 5 / 255."""
    status = done
    answer = done_client.get(
        f"/api/sessions/{status['id']}/heat/1", headers={"Accept-Encoding": "gzip"}
    )
    count = sum(len(faces) for _, faces in status["frames"][16:])
    maps = np.frombuffer(answer.content, np.uint8).reshape(
        count, len(done_store.predictor.aus), 8, 8
    )
    last = list(VideoFile(clip))[19]
    faces = done_store.predictor.predict_faces(
        last.image, done_store.predictor.detector.tracker().update(last.image)
    )
    expected = np.stack([faces[1].heatmaps[au] for au in done_store.predictor.aus]) / 5 * 255
    expected = np.clip(expected, 0, 255)
    expected[expected < 7.5] = 0
    assert np.abs(maps[-1] - expected).max() < 1.0
    assert expected.max() > 50
    transform = status["frames"][19][1][1][3]
    assert transform == pytest.approx(faces[1].heatmap_to_frame.T.reshape(-1), abs=1e-3)
    assert done_client.get(f"/api/sessions/{status['id']}/heat/2").status_code == 404
    raw = done_store.get(status["id"]).files.heat.piece(0)
    assert len(gzip.decompress(raw)) == 20 * len(done_store.predictor.aus) * 64


def test_an_image_is_read(client: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    status = read(client, path, "me ä.png")
    assert (status["state"], status["kind"], len(status["frames"])) == ("done", "image", 1)
    base = f"/api/sessions/{status['id']}"
    table = client.get(f"{base}/table")
    assert [row["face"] for row in rows(table.text)] == ["0", "1"]
    assert "me%20%C3%A4.csv" in table.headers["content-disposition"]
    shown = Pillow.open(io.BytesIO(client.get(f"{base}/shown").content))
    drawn = Pillow.open(io.BytesIO(client.get(f"{base}/overlay").content))
    assert shown.size == (480, 270)
    assert drawn.size[0] > 480
    refused = client.get(f"{base}/table?baseline=1")
    assert "no other frame" in refused.json()["error"]


def test_a_baseline_calibrates_the_table(
    done_client: TestClient, done_store: SessionStore, done: dict[str, Any]
) -> None:
    """Against the formula of `auheat.inference.calibration` on levels the page was sent."""
    status = done
    base = f"/api/sessions/{status['id']}"
    raw = rows(done_client.get(f"{base}/table").text)
    table = rows(done_client.get(f"{base}/table?baseline=4").text)
    near = [faces for t, faces in status["frames"] if abs(t - 0.12) <= 0.2501]
    assert len(near) == 10
    rest = np.median([f[4] for faces in near for f in faces if f[0] == 1], axis=0)
    aus = done_store.predictor.aus
    levels = status["frames"][0][1][1][4]
    assert [float(table[1][f"{au}_r"]) for au in aus] == pytest.approx(
        calibrated(levels, rest), abs=0.011
    )
    assert [table[1][f"{au}_raw"] for au in aus] == [raw[1][f"{au}_r"] for au in aus]
    assert max(abs(float(table[1][f"{au}_r"]) - float(raw[1][f"{au}_r"])) for au in aus) > 0.3
    assert tuple(table[1]) == TableSchema("video", aus, extras=("raw",)).columns
    assert table[3]["success"] == "0"
    assert table[3]["AU12_r"] == ""
    stored = json.loads(done_client.get(f"{base}/baseline/4").text)
    assert set(stored["faces"]) == {"0", "1"}
    assert list(stored["faces"]["1"]["intensities"].values()) == pytest.approx(rest, abs=1e-3)
    assert "no face" in done_client.get(f"{base}/table?baseline=3").json()["error"]
    assert "no face" in done_client.get(f"{base}/table?baseline=99").json()["error"]


def test_a_person_who_is_not_in_the_baseline_stays_as_read(
    done_client: TestClient, done: dict[str, Any]
) -> None:
    base = f"/api/sessions/{done['id']}"
    raw = rows(done_client.get(f"{base}/table").text)
    table = rows(done_client.get(f"{base}/table?baseline=2").text)
    assert table[1]["face_id"] == "1"
    assert {name: table[1][name] for name in raw[1]} == raw[1]
    assert table[0]["AU12_r"] != raw[0]["AU12_r"]


def test_an_image_of_what_was_told_while_it_was_read_is_there_when_all_is_read(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asks for it after the answer that names it: the last frames may be read by then."""
    monkeypatch.setattr(session_files, "FRAMES_PER_PIECE", 5)
    session_id = send(client, write_clip(tmp_path)).json()["id"]
    assert status_of(client, session_id)["latest"] == 19
    answer = client.get(f"/api/sessions/{session_id}/latest")
    assert answer.status_code == 200
    assert Pillow.open(io.BytesIO(answer.content)).size == (480, 270)


def test_a_long_video_can_be_stopped_and_keeps_what_was_read(
    client: TestClient, store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "pause", 0.05)
    path = write_video(tmp_path / "long.mp4", [texture(i % 9, 90, 160) for i in range(120)])
    session_id = send(client, path).json()["id"]
    eventually(lambda: client.get(f"/api/sessions/{session_id}").json()["frames"])
    assert client.post(f"/api/sessions/{session_id}/stop").status_code == 204
    status = status_of(client, session_id)
    count = len(status["frames"])
    assert 0 < count < 120
    assert status["expected"] == 120
    assert status["problem"] == f"stopped after frame {count}; what was read is kept"
    assert rows(client.get(f"/api/sessions/{session_id}/table").text)[-1]["frame"] == str(count)


def test_only_new_frames_are_sent(done_client: TestClient, done: dict[str, Any]) -> None:
    session_id = done["id"]
    assert len(done_client.get(f"/api/sessions/{session_id}?since=17").json()["frames"]) == 3
    assert len(done_client.get(f"/api/sessions/{session_id}?since=-4").json()["frames"]) == 20


def test_a_report_can_be_had(
    done_client: TestClient, done: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers are those of the table, and a baseline is taken off in it, too."""
    from auheat.web.report import build

    monkeypatch.setattr(build, "card_of", lambda weights: {"licence": "of a test"})
    base = f"/api/sessions/{done['id']}"
    text = done_client.get(f"{base}/report").text
    assert "<title>&lt;b&gt;.csv" in text
    assert "<b>.csv" not in text
    content = content_of(text)
    assert ["licence", "of a test"] in content["cardLines"]
    assert all(peak["image"].startswith("data:image/jpeg") for peak in content["peaks"])
    table = [row for row in rows(done_client.get(f"{base}/table").text) if row["success"] == "1"]
    highest = {row["au"]: row["max"] for row in content["summary"][0]["rows"]}
    of_person = [row for row in table if row["face_id"] == "0"]
    for au, most in highest.items():
        assert most == pytest.approx(max(float(row[f"{au}_r"]) for row in of_person), abs=0.006)
    calibrated_text = done_client.get(f"{base}/report?baseline=4").text
    assert "frame 4, median" in dict(content_of(calibrated_text)["settings"])["baseline"]


def test_the_page_gets_calibrated_values_from_the_server(face: Points, tmp_path: Path) -> None:
    """By hand with b = 2 and d = x - b: d + b d^2 / (5 - b)^2 is 1.22 for 3, and 2.89 for 4."""
    path = write_scripted(tmp_path / "a.mp4", [2] * 20 + [3] * 20 + [4] * 20)
    with scripted_store(face) as store:
        client = client_of(store)
        status = read(client, path)
        assert [faces[0][4][0] for _, faces in status["frames"]] == [2.0] * 20 + [3] * 20 + [4] * 20
        base = f"/api/sessions/{status['id']}"
        content = client.get(f"{base}/content?baseline=3").json()
        table = rows(client.get(f"{base}/table?baseline=3").text)
    packed = base64.b64decode(content["calibrated"][0]["intensities"])
    values = np.frombuffer(packed, "<u2").reshape(60, -1)[[0, 30, 50], 0] / 100
    assert values == pytest.approx([0, 1.22, 2.89])
    assert [float(table[i]["AU12_r"]) for i in (0, 30, 50)] == pytest.approx([0, 1.22, 2.89])
    assert content["summary"][0]["rows"][0]["max"] == pytest.approx(2.89)


def test_frames_are_dumped_once(
    client: TestClient, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the page asks for them."""
    from auheat.web import session_files

    dumped = list[int]()
    real = session_files.frame_text

    def dump(result: FrameResult, aus: tuple[str, ...]) -> str:
        dumped.append(result.frame)
        return real(result, aus)

    monkeypatch.setattr(session_files, "frame_text", dump)
    status = read(client, clip)
    for _ in range(3):
        again = client.get(f"/api/sessions/{status['id']}").json()
        assert again["frames"] == status["frames"]
    assert dumped == list(range(1, 21))


def content_of(text: str) -> dict[str, Any]:
    """What a report holds."""
    found: dict[str, Any] = json.loads(text.split('id="content">')[1].split("</script>")[0])
    return found
