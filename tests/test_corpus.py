"""A corpus in this process: what is read, and what the dataset says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

import auheat
from auheat.corpus.read_settings import ReadSettings
from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from auheat.models.weights import default_network
from auheat.sums import sha256
from corpus_clips import HERE, SMILES, frames, inputs, names, read, rows, write_clip
from stand_ins import texture, write_video

pytestmark = pytest.mark.usefixtures("loaded_once")


def test_rows_are_those_that_predict_gives(tmp_path: Path, clips: list[Path]) -> None:
    read([tmp_path / "media"], tmp_path / "set")
    found = rows(tmp_path / "set")
    predictor = auheat.load(threads=1)
    for path in clips:
        own = found[found["input"] == str(path)].reset_index(drop=True)
        wanted = predictor.predict_video(path).to_pandas()
        assert list(own.columns) == ["input", *wanted.columns]
        pd.testing.assert_frame_equal(own.drop(columns="input"), wanted, check_dtype=False)
    assert len(found) == 12
    assert (found["success"] == 1).all()
    assert found.filter(regex="_r$").to_numpy().max() > 0.05


def test_the_table_of_inputs(tmp_path: Path, clips: list[Path]) -> None:
    read([tmp_path / "media"], tmp_path / "set")
    found = inputs(tmp_path / "set")
    assert sorted(found) == ["c000.mp4", "c001.mp4", "c002.mp4"]
    one = found["c001.mp4"]
    assert (one["state"], one["problem"], one["note"]) == ("read", None, None)
    assert (one["frames"], one["frames_with_face"], one["people"]) == (4, 4, 1)
    assert one["video_seconds"] == pytest.approx(0.16)
    assert one["sha256"] == sha256(clips[1])
    assert one["weights"] == sha256(default_network())
    assert one["auheat"] == auheat.__version__
    assert one["cpu_seconds"] > 0
    assert one["seconds"] > 0
    file = tmp_path / "set" / one["file"]
    assert file.stat().st_size == one["file_bytes"]
    assert b"auheat_origin" in pq.read_schema(file).metadata


def test_failures_are_kept_with_their_cause(tmp_path: Path, clips: list[Path]) -> None:
    out, bad, gone = tmp_path / "set", tmp_path / "media" / "bad.mp4", tmp_path / "gone.mp4"
    bad.write_text("no video")
    records, _ = read([tmp_path / "media", gone], out)
    assert len(records) == 5
    found = inputs(out)
    assert found["bad.mp4"]["problem"] == f"{bad} is damaged or holds no video"
    assert found["gone.mp4"]["problem"] == f"no file at {gone}"
    assert {found[name]["state"] for name in ("bad.mp4", "gone.mp4")} == {"failed"}
    assert len(rows(out)) == 12
    assert read([tmp_path / "media", gone], out)[0] == []
    retried, _ = read([tmp_path / "media", gone], out, replace(HERE, retry_failed=True))
    assert names(retried) == ["bad.mp4", "gone.mp4"]
    write_clip(gone, 2)  # it has changed: it is there
    (mended,), _ = read([tmp_path / "media", gone], out)
    assert (mended.state, mended.frames, mended.problem) == ("read", 2, None)


def test_what_could_be_read_of_a_truncated_video_is_kept(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", 60)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    (record,), _ = read([cut], tmp_path / "set")
    assert record.state == "partly"
    assert record.problem is not None
    assert record.problem.startswith(f"{cut}: it is truncated after frame {record.frames}")
    assert 10 < record.frames == len(rows(tmp_path / "set")) < 60


def test_whatever_an_input_raises_the_others_are_read(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    real = VideoFile.__iter__

    def broken(self: VideoFile) -> object:
        if self.path == clips[1]:
            raise MemoryError
        return real(self)

    monkeypatch.setattr(VideoFile, "__iter__", broken)
    read(clips, tmp_path / "set")
    found = inputs(tmp_path / "set")
    assert [found[name]["state"] for name in sorted(found)] == ["read", "failed", "read"]
    assert f"{clips[1]}: unexpected MemoryError" in found["c001.mp4"]["problem"]


def test_an_input_has_a_limit_of_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 30)
    (late,), _ = read([clip], tmp_path / "set", replace(HERE, limit=1e-6, segment_frames=8))
    assert late.problem == (
        f"{clip} takes more than 1e-06 seconds: give it more with --limit-seconds and "
        "--retry-failed"
    )
    assert late.state == "failed"
    more = replace(HERE, limit=600.0, retry_failed=True, segment_frames=8)
    (done,), _ = read([clip], tmp_path / "set", more)
    assert (done.state, done.frames) == ("read", 30)


def test_an_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Pillow.fromarray(frames()[40]).save(image)
    (record,), _ = read([image, write_clip(tmp_path / "b.mp4", 2)][:1], tmp_path / "set")
    assert (record.frames, record.people, record.video_seconds) == (1, 1, 0.0)
    found = rows(tmp_path / "set")
    assert found[["input", "frame", "face_id", "timestamp"]].values.tolist() == [
        [str(image), 1, 0, 0.0]
    ]


def test_no_face_keeps_its_row(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [texture(i) for i in range(3)])
    (record,), _ = read([clip], tmp_path / "set")
    assert (record.state, record.frames, record.frames_with_face, record.people) == (
        "read",
        3,
        0,
        0,
    )
    found = rows(tmp_path / "set")
    assert found["success"].tolist() == [0, 0, 0]
    assert found["AU12_r"].isna().all()


def test_inputs_and_datasets_behind_addresses(tmp_path: Path, clips: list[Path]) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.rm("/", recursive=True) if memory.ls("/") else None
    for path in clips:
        memory.put_file(str(path), f"/videos/deep/{path.name}")
    memory.pipe("/videos/bad.mp4", b"no video")
    records, _ = read(["memory://videos"], "memory://sets/one")
    assert [r.input for r in records if r.state == "failed"] == ["memory:///videos/bad.mp4"]
    assert [r.problem for r in records if r.problem] == [
        "memory:///videos/bad.mp4 is damaged or holds no video"
    ]
    assert read(["memory://videos"], "memory://sets/one")[0] == []
    memory.get("/sets/one/", str(tmp_path / "copy"), recursive=True)
    read([f"file://{tmp_path / 'media'}"], f"file://{tmp_path / 'set'}")
    there, here = rows(tmp_path / "copy"), rows(tmp_path / "set")
    assert there["input"].str.removeprefix("memory:///videos/deep").tolist() == [
        text.removeprefix(str(tmp_path / "media")) for text in here["input"]
    ]
    pd.testing.assert_frame_equal(there.drop(columns="input"), here.drop(columns="input"))
    memory.pipe("/videos/deep/c001.mp4", clips[0].read_bytes())
    memory.rm("/sets/one/inputs.parquet")
    again, _ = read(["memory://videos"], "memory://sets/one")
    assert [record.input for record in again] == ["memory:///videos/deep/c001.mp4"]


def test_the_dataset_reads_in_other_programs(tmp_path: Path, clips: list[Path]) -> None:
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    (tmp_path / "media" / "bad.mp4").write_text("no video")
    out = tmp_path / "set"
    read([tmp_path / "media"], out)
    mean = rows(out)["AU12_r"].mean()
    assert pd.read_parquet(out / "rows")["AU12_r"].mean() == pytest.approx(mean)
    assert pa.dataset.dataset(out / "rows").count_rows() == 12
    lazy = polars.scan_parquet(str(out / "rows" / "**" / "*.parquet"))
    assert lazy.select("AU12_r").mean().collect().item() == pytest.approx(mean)
    query = f"select avg(AU12_r), count(distinct input) from '{out}/rows/*/*.parquet'"
    assert duckdb.sql(query).fetchall()[0] == pytest.approx((mean, 3))
    joined = f"""select count(*) from '{out}/rows/*/*.parquet' r
        join '{out}/inputs.parquet' i using (input) where i.state = 'read'"""
    assert duckdb.sql(joined).fetchall() == [(12,)]


def test_standard_deviations_landmarks_and_pose(tmp_path: Path, clips: list[Path]) -> None:
    settings = ReadSettings(aus=("AU12",), std=True, pose=True, landmarks=True)
    read(clips[:1], tmp_path / "set", replace(HERE, settings=settings))
    found = rows(tmp_path / "set")
    wanted = auheat.load(aus=["AU12"], exact_landmarks=True, threads=1).predict_video(clips[0])
    table = wanted.to_pandas(std=True, pose=True, landmarks=True)
    pd.testing.assert_frame_equal(found.drop(columns="input"), table, check_dtype=False)
    assert {"AU12_sd", "x_67", "pose_Rx"} <= set(found)


def test_weights_that_cannot_be_used_end_the_run_at_once(tmp_path: Path) -> None:
    settings = ReadSettings(str(tmp_path / "none.safetensors"))
    with pytest.raises(AuheatError, match=r"none\.safetensors"):
        read([SMILES], tmp_path / "set", replace(HERE, settings=settings))
    assert not (tmp_path / "set").exists()
