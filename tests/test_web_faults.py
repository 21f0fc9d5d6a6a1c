"""Files, limits and requests that once were errors of the server, and what it tells of them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from stand_ins import texture
from web_sessions import MakeStore, client_of, read, rows, send, uploads, write_clip


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
