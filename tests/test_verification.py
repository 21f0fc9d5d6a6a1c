"""`auheat verify`: tables that are the same, that differ, and that nobody can make again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.arrays import Image
from auheat.geometry import Points
from auheat.inference import predictor
from auheat.inference.predictor import load
from auheat.media.frames import VideoFile
from auheat.sums import sha256
from cli_calls import call
from stand_ins import KnownFaces, face_from, texture, write_video

SMILES = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"


@pytest.fixture(autouse=True)
def known_faces(monkeypatch: pytest.MonkeyPatch, face: Points) -> None:
    monkeypatch.setattr(
        predictor, "default_detector", lambda max_faces, **_: KnownFaces([[face_from(face)]])
    )


def verify(weights: Path, folder: Path) -> Result:
    return call("verify", folder, "--weights", weights)


@pytest.fixture
def folder(tmp_path: Path, weights: Path) -> Path:
    """Tables of a video, a folder of images and an image, of both formats and with all settings."""
    clip = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(6)])
    images = tmp_path / "images"
    images.mkdir()
    for index in range(3):
        Pillow.fromarray(texture(index, 270, 480)).save(images / f"{index}.png")
    common = ("predict", "--weights", weights, "--device", "cpu", "-o", tmp_path / "out")
    for arguments in (
        (clip, images, images / "0.png"),
        (images, "--sequence", "--fps", "12", "-o", tmp_path / "out" / "b"),
        (clip, "--format", "tidy", "--smooth", "--pose", "-o", tmp_path / "out" / "c"),
        (clip, "--format", "fex", "--aus", "AU12", "--baseline", "2", "-o", tmp_path / "out" / "d"),
    ):
        result = call(*common, *arguments)
        assert result.exit_code == 0, result.output
    return tmp_path / "out"


def test_what_is_made_again_is_the_same(folder: Path, weights: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = verify(weights, folder)
    assert (result.exit_code, result.stderr) == (0, "")
    *lines, last = result.stdout.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["the same"] * 6
    assert last == "6 of 6 are the same, 0 differ, 0 not verified"
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_table_whose_origin_was_replaced_is_named(folder: Path, weights: Path) -> None:
    """Two formats of one input share the file of origin: the last one's is kept."""
    first, second = folder / "two" / "a.csv", folder / "two" / "a.parquet"
    common = ("predict", folder.parent / "a.mp4", "--weights", weights, "--device", "cpu")
    for kind in ("openface", "tidy"):
        assert call(*common, "-o", folder / "two", "--format", kind).exit_code == 0
    result = verify(weights, folder / "two")
    assert result.exit_code == 2
    assert f"{second}: the same" in result.stdout
    assert result.stderr == (
        f"auheat: {first}: cannot be verified: a.origin.json is that of a.parquet; give each "
        "format a folder of its own\n"
    )


def test_what_differs_is_named_with_rows_and_amount(folder: Path, weights: Path) -> None:
    table = folder / "a.csv"
    lines = table.read_text().splitlines()
    names = lines[0].split(",")
    cells = lines[3].split(",")
    cells[names.index("AU12_r")] = f"{float(cells[names.index('AU12_r')]) + 0.25:.2f}"
    table.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    result = verify(weights, folder)
    assert result.exit_code == 1
    expected = f"{table}: differs: 1 of 6 rows (row 3), by up to 0.25 in AU12_r\n"
    assert result.stderr == f"auheat: {expected}"
    assert "5 of 6 are the same, 1 differ" in result.stdout
    table.write_text("\n".join(lines[:5]) + "\n")
    assert "differs: 4 rows, now 6" in verify(weights, folder).stderr


def test_other_weights_and_inputs_are_named(folder: Path, weights: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*.origin.json"):
        stored = json.loads(path.read_text())
        stored["auheat"], stored["weights"]["sha256"] = "0.0.1", "ab" * 32
        path.write_text(json.dumps(stored))
    clip = tmp_path / "a.mp4"
    os.utime(clip, ns=(1, 1))
    result = verify(weights, folder)
    assert result.exit_code == 0  # the numbers are what counts
    line = next(line for line in result.stdout.splitlines() if "out/a.csv" in line)
    for part in ("written by auheat 0.0.1", "SHA-256 abababababab...", "was written since"):
        assert part in line


def test_what_cannot_be_made_again_is_one_line_each(folder: Path, weights: Path) -> None:
    """A lost input, a lost table, a damaged origin; the others are verified."""
    (folder.parent / "a.mp4").unlink()
    (folder / "0.csv").unlink()
    (folder / "b" / "images.origin.json").write_text("[" * 100_000)
    result = verify(weights, folder)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 5
    assert result.stderr.count("its input is not there any more") == 3
    assert "there is no table 0.csv beside its origin" in result.stderr
    assert "images.origin.json is damaged" in result.stderr
    assert result.stdout.splitlines()[-1] == "1 of 6 are the same, 0 differ, 5 not verified"


def test_a_folder_without_tables_is_refused(tmp_path: Path, weights: Path) -> None:
    for place, reason in ((tmp_path / "x", "no folder at"), (tmp_path, "holds no tables whose")):
        result = verify(weights, place)
        assert result.exit_code == 2
        assert reason in result.stderr
        assert result.stderr.count("\n") == 1


def test_saved_tables_know_their_origin(tmp_path: Path, weights: Path) -> None:
    """Of Python's `save` as of `auheat predict`; in a Parquet file itself, too."""
    clip = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(6)])
    out = tmp_path / "out"
    out.mkdir()
    video = load(weights, "cpu", max_faces=3).predict_video(clip, smooth=True)
    video.save(out / "a.parquet", pose=True)
    video.save(out / "b.csv")
    stored = json.loads((out / "a.origin.json").read_text())
    assert stored["weights"]["sha256"] == sha256(weights)
    assert (stored["settings"]["max_faces"], stored["settings"]["smooth"]) == (3, True)
    assert stored["input"]["path"] == str(clip)
    inside = pq.read_schema(out / "a.parquet").metadata[b"auheat_origin"]
    assert json.loads(inside) == stored
    assert verify(weights, out).exit_code == 0


@pytest.mark.slow
def test_threads_and_batches_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the weights and faces that come with auheat."""
    monkeypatch.undo()
    frames = [frame.image for frame in islice(VideoFile(SMILES), 12)]
    clip = write_video(tmp_path / "a.mp4", frames)
    made = set()
    for threads, batch in ((1, None), (2, None), (1, 1), (2, 3), (1, 64)):
        path = tmp_path / "a.csv"
        load(threads=threads, batch=batch).predict_video(clip).save(path)
        made.add(path.read_bytes())
    assert len(made) == 1


@pytest.mark.slow
def test_readings_move_no_more_than_the_documents_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bf16, and with the first ten frames cut off: docs/limits.md has the figures."""
    monkeypatch.undo()
    frames = [frame.image for frame in VideoFile(SMILES)]

    def readings(images: Sequence[Image], **options: Any) -> NDArray[np.float64]:
        found = load(**options).predict_video(images)
        return np.array([list(frame.faces[0].intensities.values()) for frame in found])

    whole = readings(frames)
    low = np.abs(whole - readings(frames, runtime="torch", precision="bf16"))
    late = np.abs(whole[10:] - readings(frames[10:]))
    print(f"bf16 {low.max():.3f} (mean {low.mean():.4f}), cut {late.max():.3f} ({late.mean():.4f})")
    assert low.max() < 0.05 and low.mean() < 0.005
    assert late.max() < 0.4 and late.mean() < 0.01
