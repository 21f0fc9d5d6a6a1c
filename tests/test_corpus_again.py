"""A second run over a corpus: what is read again, what goes on, and whose folder it is."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from auheat.arrays import Image
from auheat.corpus.dataset import Corpus
from auheat.corpus.read_settings import ReadSettings
from auheat.corpus.records import Record, key_of
from auheat.corpus.run import CorpusRun
from auheat.corpus.segments import Extent, Segments
from auheat.errors import AuheatError
from auheat.faces.tracking import VideoTracker
from auheat.inference.jobs import PredictionJob
from auheat.inference.pipeline import BATCH_FRAMES
from auheat.results import Face
from auheat.sums import sha256
from corpus_clips import HERE, inputs, names, read, rows, write_clip
from stand_ins import save_small

pytestmark = pytest.mark.usefixtures("loaded_once")


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
