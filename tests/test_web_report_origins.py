"""What `auheat report` says of how a table was made: what stands in its origin, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from auheat import __version__
from auheat.inference import predictor
from auheat.inference.origin import origin_of_table
from auheat.sums import sha256
from cli_calls import call
from report_content import VIDEO_HEAD, content_of
from stand_ins import KnownFaces, face_from, save_small, texture, write_video

OTHER = '{"auheat_origin": 9, "settings": {}, "input": {}, "weights": null}'
UNKNOWN = "Neither the table nor a file beside it says which weights made it; this card is of those"


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: NDArray[Any]) -> Path:
    known = KnownFaces([[face_from(face)]])
    monkeypatch.setattr(predictor, "default_detector", lambda max_faces: known)
    return save_small(tmp_path / "small.safetensors")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", [texture(i, 270, 480) for i in range(4)])


def predict(weights: Path, video: Path, *more: object) -> Path:
    out = video.parent / "out"
    result = call("predict", "--weights", weights, "--device", "cpu", video, "-o", out, *more)
    assert result.exit_code == 0, result.output
    return out


def report(weights: Path, table: Path) -> dict[str, Any]:
    result = call("report", "--weights", weights, "--device", "cpu", table)
    assert result.exit_code == 0, result.output
    return content_of(table.with_suffix(".html").read_text("utf-8"))


def test_settings_and_weights_are_those_of_the_origin(weights: Path, video: Path) -> None:
    """Smoothing was not mentioned, and the card was said to be of nobody knows what."""
    out = predict(weights, video, "--smooth", "--faces", 3, "--report")
    during = content_of((out / "clip.html").read_text("utf-8"))
    after = report(weights, out / "clip.csv")
    for content in (during, after):
        shown = dict(content["settings"])
        assert (shown["smoothed"], shown["baseline asked for"]) == ("yes", "none")
        assert shown["faces at most"] == "3"
        assert shown["read by"] == f"auheat {__version__}"
        assert shown["weights"] == f"small.safetensors, SHA-256 {sha256(weights)}"
        assert shown["runtime"].startswith("torch, ")
    assert after["cardNote"].startswith("The weights that made the table: their SHA-256 is")
    predict(weights, video)
    assert dict(report(weights, out / "clip.csv")["settings"])["smoothed"] == "no"


def test_other_weights_than_those_of_the_origin_are_named(weights: Path, video: Path) -> None:
    table = predict(weights, video) / "clip.csv"
    made = sha256(weights)
    other = weights.rename(weights.with_name("moved.safetensors"))
    assert report(other, table)["cardNote"].startswith("The weights that made the table")
    from auheat.models.checkpoint import load_checkpoint, save_checkpoint

    stored = load_checkpoint(other)
    save_checkpoint(other, stored.net, stored.config, card={"another": 1})
    note = report(other, table)["cardNote"]
    assert note.startswith("Other weights made the table: small.safetensors with the SHA-256 ")
    assert made[:12] in note


def test_what_was_read_has_its_name_where_it_is_not_at_hand(weights: Path, video: Path) -> None:
    table = predict(weights, video) / "clip.csv"
    video.unlink()
    made_from = dict(report(weights, table)["settings"])["made from"]
    assert made_from == "clip.mp4, which is not at hand"


def test_no_folder_of_the_user_is_told(weights: Path, video: Path) -> None:
    out = predict(weights, video, "--baseline", 1)
    baseline = out / "clip.baseline.json"
    (out / "rest.json").write_bytes(baseline.read_bytes())
    predict(weights, video, "--baseline", out / "rest.json")
    shown = report(weights, out / "clip.csv")["settings"]
    assert dict(shown)["baseline asked for"] == "rest.json"
    assert str(video.parent) not in json.dumps(shown)


def test_a_parquet_table_needs_no_file_beside_it(weights: Path, video: Path) -> None:
    out = predict(weights, video, "--format", "tidy", "--smooth")
    (out / "clip.origin.json").unlink()
    content = report(weights, out / "clip.parquet")
    assert dict(content["settings"])["smoothed"] == "yes"
    assert content["cardNote"].startswith("The weights that made the table")


def test_the_origin_of_another_format_is_not_taken(weights: Path, video: Path) -> None:
    """Tables of one input in two formats share the file, which is of the one written last."""
    out = predict(weights, video)
    predict(weights, video, "--format", "tidy", "--smooth")
    assert origin_of_table(out / "clip.csv") is None
    content = report(weights, out / "clip.csv")
    assert content["cardNote"].startswith(UNKNOWN)
    assert "smoothed" not in dict(content["settings"])
    assert origin_of_table(out / "clip.parquet") is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is damaged, or not of auheat"), (OTHER, "was written by another version of auheat")],
)
def test_an_origin_that_cannot_be_read_is_said(
    weights: Path, tmp_path: Path, text: str, said: str
) -> None:
    table = tmp_path / "a.csv"
    table.write_text(f"{VIDEO_HEAD},AU12_r\n1,0,0.0,0.9,1,2.00\n2,0,0.1,0.9,1,2.50\n", "utf-8")
    assert report(weights, table)["cardNote"].startswith(UNKNOWN)
    (tmp_path / "a.origin.json").write_text(text, "utf-8")
    content = report(weights, table)
    assert said in dict(content["settings"])["origin"]
    assert content["cardNote"].startswith(UNKNOWN)
