"""A corpus in this process: what is read, what is read again, and what is there afterwards."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

import auheat
from auheat.arrays import Image
from auheat.corpus.dataset import Corpus
from auheat.corpus.read_settings import ReadSettings
from auheat.corpus.records import Record, key_of
from auheat.corpus.run import CorpusPlan, CorpusRun
from auheat.corpus.segments import Extent, Segments
from auheat.errors import AuheatError
from auheat.faces.tracking import VideoTracker
from auheat.inference.jobs import PredictionJob
from auheat.inference.pipeline import BATCH_FRAMES
from auheat.media.frames import VideoFile
from auheat.models.weights import default_network
from auheat.results import Face
from auheat.sums import sha256
from corpus_clips import SMILES, frames, inputs, loaded, read, rows, write_clip, write_clips
from stand_ins import save_small, texture, write_video

HERE = CorpusPlan(workers=0)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadSettings, "load", loaded)


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return write_clips(tmp_path / "media", 3)


def names(records: list[Record]) -> list[str]:
    return sorted(Path(record.input).name for record in records)


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


def test_a_second_run_reads_what_is_missing_or_changed(tmp_path: Path, clips: list[Path]) -> None:
    folder, out = tmp_path / "media", tmp_path / "set"
    read([folder], out)
    assert read([folder], out)[0] == []
    write_clip(folder / "new.mp4", 3)
    write_clip(clips[0], 5, 50)  # changed
    os.utime(clips[1], (1, 1))  # touched
    again, _ = read([folder], out)
    assert names(again) == ["c000.mp4", "c001.mp4", "new.mp4"]
    found = inputs(out)
    assert {name: row["frames"] for name, row in found.items()} == {
        **{"c000.mp4": 5, "c001.mp4": 4, "c002.mp4": 4, "new.mp4": 3}
    }
    assert rows(out).groupby("input").size().tolist() == [5, 4, 4, 3]
    assert read([folder], out)[0] == []  # the touched one is known by its new time


def test_what_was_only_touched_is_not_read_again(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(clips, tmp_path / "set")
    before = rows(tmp_path / "set")
    os.utime(clips[1], (1, 1))
    monkeypatch.setattr(PredictionJob, "read", lambda *_: pytest.fail("it was read"))
    (record,), _ = read(clips, tmp_path / "set")
    assert record.state == "read"
    pd.testing.assert_frame_equal(rows(tmp_path / "set"), before)


def test_other_weights_and_settings_are_read_again(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "set"
    read(clips, out)
    few = replace(HERE, settings=ReadSettings(aus=("AU12",)))
    assert len(read(clips[:2], out, few)[0]) == 2
    again, run = read(clips[:2], out, few)
    assert again == []
    assert list(run.notes()) == [
        "1 input of the dataset, not named now, are still read by other weights or settings: name "
        "them, too"
    ]
    weights = replace(HERE, settings=ReadSettings(str(save_small(tmp_path / "w.safetensors"))))
    assert len(read(clips, out, weights)[0]) == 3
    assert {row["weights"] for row in inputs(out).values()} == {sha256(tmp_path / "w.safetensors")}
    assert list(rows(out).filter(regex="_r$")) == ["AU04_r", "AU09_r", "AU12_r"]
    save_small(tmp_path / "other.safetensors")
    shutil.copy(tmp_path / "other.safetensors", tmp_path / "same.safetensors")
    same = replace(HERE, settings=ReadSettings(str(tmp_path / "same.safetensors")))
    renamed = sha256(tmp_path / "same.safetensors") == sha256(tmp_path / "w.safetensors")
    assert len(read(clips, out, same)[0]) == (0 if renamed else 3)


def test_threads_and_workers_are_no_settings(tmp_path: Path, clips: list[Path]) -> None:
    read(clips, tmp_path / "set")
    before = rows(tmp_path / "set")
    assert read(clips, tmp_path / "set", replace(HERE, threads=2))[0] == []
    read(clips, tmp_path / "two", replace(HERE, threads=2))
    pd.testing.assert_frame_equal(rows(tmp_path / "two"), before)


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


class Stop(BaseException):
    """What ends a process, as no handler of errors expects it."""


@pytest.mark.parametrize("segments", [0, 1, 2])
def test_a_long_video_goes_on_behind_its_last_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segments: int
) -> None:
    """Rows, ids, counts are those of one unbroken reading, bit for bit."""
    clip, plan = write_clip(tmp_path / "a.mp4", 30, 10), replace(HERE, segment_frames=9)
    (whole,), _ = read([clip], tmp_path / "whole", replace(HERE, segment_frames=1000))
    add, kept = Segments.add, list[int]()

    def stopping(self: Segments, rows: Any, extent: Extent) -> None:
        if len(kept) == segments:
            raise Stop
        add(self, rows, extent)
        kept.append(extent.frames)

    monkeypatch.setattr(Segments, "add", stopping)
    with pytest.raises(Stop):
        read([clip], tmp_path / "set", plan)
    monkeypatch.setattr(Segments, "add", add)
    folder = tmp_path / "set" / ".work" / "segments" / key_of(str(clip))
    assert len(list(folder.glob("*"))) == segments
    assert not (tmp_path / "set" / "rows").exists()  # nothing half read can be seen
    update, searched = VideoTracker.update, list[int]()

    def counting(
        self: VideoTracker, image: Image, timestamp: float | None = None
    ) -> tuple[Face, ...]:
        searched.append(1)
        return update(self, image, timestamp)

    monkeypatch.setattr(VideoTracker, "update", counting)
    (record,), _ = read([clip], tmp_path / "set", plan)
    assert len(searched) == 30 - 9 * segments
    assert not folder.exists()
    pd.testing.assert_frame_equal(rows(tmp_path / "set"), rows(tmp_path / "whole"))
    counts = ("frames", "frames_with_face", "people", "video_seconds", "sha256")
    assert all(getattr(record, name) == getattr(whole, name) for name in counts)
    assert 9 % BATCH_FRAMES  # batches of the network fall otherwise, which changes nothing


def test_segments_of_another_content_are_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, plan = write_clip(tmp_path / "a.mp4", 20), replace(HERE, segment_frames=8)
    late = replace(plan, limit=1e-6)
    add = Segments.add

    def stopping(self: Segments, rows: Any, extent: Extent) -> None:
        add(self, rows, extent)
        raise Stop

    monkeypatch.setattr(Segments, "add", stopping)
    with pytest.raises(Stop):
        read([clip], tmp_path / "set", plan)
    monkeypatch.setattr(Segments, "add", add)
    write_clip(clip, 20, 60)
    read([clip], tmp_path / "set", replace(late, limit=None))
    read([clip], tmp_path / "new", plan)
    pd.testing.assert_frame_equal(rows(tmp_path / "set"), rows(tmp_path / "new"))


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


def test_the_table_of_inputs_is_made_anew_from_the_rows(tmp_path: Path, clips: list[Path]) -> None:
    """As after a run that was killed before it wrote it, or by somebody who deleted it."""
    out = tmp_path / "set"
    read(clips[:2], out)
    early = (out / "inputs.parquet").read_bytes()
    before = read(clips, out)[1].records
    (out / "inputs.parquet").write_bytes(early)
    assert Corpus(str(out)).records() == before
    (out / "inputs.parquet").write_text("damaged")
    assert Corpus(str(out)).records() == before
    (out / "inputs.parquet").unlink()
    again, run = read(clips, out)
    assert (again, run.records) == ([], before)
    file = next(iter(before.values())).file
    (out / file).unlink()
    assert len(read(clips, out)[0]) == 1


def test_what_a_killed_run_was_making_is_removed(tmp_path: Path, clips: list[Path]) -> None:
    left = tmp_path / "set" / ".work" / "0123.parquet"
    read(clips, tmp_path / "set")
    left.write_text("half")
    read(clips, tmp_path / "set")
    assert not left.exists()


def test_what_a_killed_worker_was_making_is_removed_when_the_run_ends(
    tmp_path: Path, clips: list[Path]
) -> None:
    """A node that died in the middle of a file left it; the next run alone would have found it."""
    left = tmp_path / "set" / ".work" / "0123.parquet"
    for _ in CorpusRun([str(clip) for clip in clips], str(tmp_path / "set"), HERE).read():
        left.write_text("half")
    assert not left.exists()


def test_two_runs_do_not_write_one_dataset(tmp_path: Path, clips: list[Path]) -> None:
    first = CorpusRun([str(clips[0]), str(clips[1])], str(tmp_path / "set"), HERE)
    work = first.read()
    next(work)
    with pytest.raises(AuheatError, match="another run is writing"):
        read(clips, tmp_path / "set")
    assert len(list(work)) == 1
    assert len(read(clips, tmp_path / "set")[0]) == 1


def test_other_folders_are_left_alone(tmp_path: Path, clips: list[Path]) -> None:
    with pytest.raises(AuheatError, match="holds other files"):
        read(clips, tmp_path / "media")
    (tmp_path / "media" / "corpus.json").write_text("{}")
    with pytest.raises(AuheatError, match="is no dataset that this version of auheat knows"):
        read(clips, tmp_path / "media")
    assert sorted(path.name for path in (tmp_path / "media").glob("*.mp4")) == names(
        [Record(str(path), "read") for path in clips]
    )


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
