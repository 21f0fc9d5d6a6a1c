"""Rows that are there are not given up for nothing, and what cannot be written is said."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from auheat.cli import main
from auheat.corpus import reading
from auheat.corpus.dataset import Corpus
from auheat.corpus.dispatch import Lost, Task
from auheat.corpus.read_settings import ReadSettings
from auheat.corpus.records import Record, stored_record
from auheat.corpus.run import CorpusPlan, CorpusRun
from auheat.corpus.storage import open_storage
from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from corpus_clips import HERE, inputs, read, rows, write_clip, write_clips

pytestmark = pytest.mark.usefixtures("loaded_once")

FEW = replace(HERE, settings=ReadSettings(aus=("AU12",)))


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return write_clips(tmp_path / "media", 2, 3)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["corpus", *map(str, arguments)])


@pytest.mark.parametrize("plan", [HERE, FEW, replace(HERE, retry_failed=True)])
def test_rows_of_an_input_that_cannot_be_reached_are_kept(
    tmp_path: Path, clips: list[Path], plan: CorpusPlan
) -> None:
    """As where a share is not mounted: by the same settings as before, and by others."""
    out = tmp_path / "set"
    read(clips, out)
    before = rows(out)
    (tmp_path / "media").rename(tmp_path / "away")
    records, run = read(clips, out, plan)
    assert [(record.state, record.kept) for record in records] == [
        ("read", f"no file at {path}") for path in clips
    ]
    assert run.incomplete == [run.records[str(path)] for path in clips]
    pd.testing.assert_frame_equal(rows(out), before)
    status = call("status", out).stdout.splitlines()
    assert status[2] == "rows of an earlier run, as their input could not be read again: 2"
    assert status[-1] == f"{clips[1]}: its rows are those of an earlier run: no file at {clips[1]}"
    (tmp_path / "away").rename(tmp_path / "media")
    again, run = read(clips, out, plan)
    assert (len(again), run.incomplete) == (2 if plan is FEW else 0, [])
    assert "earlier run" not in call("status", out).stdout


def test_the_command_says_that_rows_are_kept(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "set"
    assert call(*clips, "-o", out, "--workers", 0).exit_code == 0
    clips[0].unlink()
    result = call(*clips, "-o", out, "--workers", 0)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{out}: 1 of 1 inputs, 1 not complete, 0.0 frames/s; 2 in")
    assert result.stderr.splitlines()[0] == (
        f"auheat: {clips[0]}: its rows are those of an earlier run: no file at {clips[0]}"
    )


def test_rows_outlive_a_limit_and_a_reader_that_fails(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "set"
    read(clips, out)
    before = rows(out)
    late, _ = read(clips, out, replace(FEW, limit=1e-6))
    assert all("takes more than 1e-06 seconds" in str(record.kept) for record in late)
    failing = property(lambda _: "an error in it", lambda *_: None)
    monkeypatch.setattr(VideoFile, "problem", failing, raising=False)
    partly, _ = read(clips, out, FEW)
    assert all("an error in it" in str(record.kept) for record in partly)
    pd.testing.assert_frame_equal(rows(out), before)


def test_rows_of_what_has_changed_since_are_given_up(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "set"
    read(clips, out)
    clips[0].write_text("no video")
    (record,), _ = read(clips, out)
    assert (record.state, record.kept) == ("failed", None)
    assert set(rows(out)["input"]) == {str(clips[1])}


@pytest.mark.parametrize(("touched", "state"), [(False, "read"), (True, "failed")])
def test_rows_outlive_their_workers(
    tmp_path: Path, clips: list[Path], touched: bool, state: str
) -> None:
    out = tmp_path / "set"
    read(clips, out)
    run = CorpusRun([str(clips[0])], str(out), FEW)
    known = Corpus(str(out)).records()[str(clips[0])]
    (source,) = run.sources
    source = replace(source, stamp="1-2") if touched else source
    record = run._lost(Lost(Task(source, known), "3 workers died over it"))
    assert (record.state, record.kept is None) == (state, touched)
    assert Corpus(str(out)).records()[str(clips[0])].state == state


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Record:
        raise AuheatError("cannot write rows: No space left on device")

    monkeypatch.setattr(reading, "write_rows", fails)


def test_what_a_full_disk_keeps_out_is_listed(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "set"
    read(clips[:1], out)
    with monkeypatch.context() as full:
        full_disk(full)
        result = call(*clips, "-o", out, "--workers", 0, "--aus", "AU12")
    assert result.exit_code == 2
    status = call("status", out).stdout.splitlines()
    assert status[1] == "read: 1; only in part: 0; failed: 1"
    line = "cannot write rows: No space left on device"
    assert status[-2:] == [
        f"{clips[0]}: its rows are those of an earlier run: {line}",
        f"{clips[1]}: {line}",
    ]
    done, _ = read(clips, out)  # without --retry-failed
    assert [Path(record.input).name for record in done] == ["c001.mp4"]
    assert {row["state"] for row in inputs(out).values()} == {"read"}


def test_where_nothing_can_be_written_the_failures_are_said(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise AuheatError("cannot write inputs.parquet: No space left on device")

    full_disk(monkeypatch)
    monkeypatch.setattr(Corpus, "save", fails)
    result = call(*clips, "-o", tmp_path / "set", "--workers", 0)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        *(f"auheat: {clip}: cannot write rows: No space left on device" for clip in clips),
        "auheat: cannot write inputs.parquet: No space left on device",
    ]


def test_a_failed_input_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    """It ended with 0, and could not be verified."""
    out, name = tmp_path / "set", os.fsdecode(b"a\xff.mp4")
    clip = write_clip(tmp_path / "a.mp4", 3)
    clip.rename(tmp_path / name)
    assert call(tmp_path / name, "-o", out, "--workers", 0).exit_code == 0
    verified = CliRunner().invoke(main, ["verify", str(out)])
    assert (verified.exit_code, verified.stderr) == (0, "")
    (tmp_path / name).write_text("no video")
    result = call(tmp_path / name, "-o", out, "--workers", 0)
    assert result.exit_code == 2
    assert "1 of 1 inputs are not complete" in result.stderr


def test_one_bad_list_does_not_end_the_call(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "set"
    result = call(tmp_path / "gone.txt", *clips, "-o", out, "--workers", 0)
    assert (result.exit_code, len(inputs(out))) == (2, 2)
    assert result.stderr == f"auheat: no file at {tmp_path / 'gone.txt'}\n"


def test_the_command_says_what_a_folder_leaves_out(tmp_path: Path, clips: list[Path]) -> None:
    shutil.copy(clips[0], tmp_path / "media" / "a.h264")
    result = call(tmp_path / "media", "-o", tmp_path / "set", "--workers", 0)
    assert result.exit_code == 0
    note = f"{tmp_path / 'media'}: left out are files that end in .h264"
    assert result.stderr == f"auheat: note: {note}\n"


def test_a_refused_command_leaves_nothing_behind(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = call(*clips, "-o", tmp_path / "media")
    assert "holds other files" in result.stderr
    assert sorted(path.name for path in (tmp_path / "media").iterdir()) == ["c000.mp4", "c001.mp4"]
    monkeypatch.chdir(tmp_path)
    for command in ((*clips, "-o", ""), ("status", "")):
        result = call(*command)
        assert result.stderr == (
            "auheat: the name of the dataset is empty: give a folder or an address\n"
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["media"]


READS_TABLE = """
import sys
from auheat.corpus.dataset import Corpus
assert len(Corpus(sys.argv[1]).records()) == 2
"""


@pytest.mark.slow
def test_a_table_of_inputs_is_read_without_threads_that_call_python(
    tmp_path: Path, clips: list[Path]
) -> None:
    """One of Arrow's that came late, as Python ended, took down 11 of 500 processes."""
    read(clips, tmp_path / "set")
    for _ in range(200):
        subprocess.run([sys.executable, "-c", READS_TABLE, str(tmp_path / "set")], check=True)


def test_no_parquet_file_is_read_through_python(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow has memory of its own, and reads it in this thread."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    seen, threads = list[object](), list[object]()

    class Seen(pq.ParquetFile):  # type: ignore[misc]
        def __init__(self, source: object, *arguments: object, **more: object) -> None:
            seen.append(source)
            super().__init__(source, *arguments, **more)

        def read(self, *arguments: object, **more: object) -> object:
            threads.append(more.get("use_threads"))
            return super().read(*arguments, **more)

    reads, real = list[object](), pq.read_schema

    def reading_schema(source: object) -> object:
        reads.append(source)
        return real(source)

    monkeypatch.setattr(pq, "ParquetFile", Seen)
    monkeypatch.setattr(pq, "read_schema", reading_schema)
    monkeypatch.setattr(pq, "read_table", lambda *_, **__: pytest.fail("it has threads"))
    read(clips, tmp_path / "set")
    read(clips, tmp_path / "set")
    (tmp_path / "set" / "inputs.parquet").unlink()
    assert len(Corpus(str(tmp_path / "set")).records()) == 2
    assert threads and set(threads) == {False}
    assert len(reads) == 2
    assert all(isinstance(source, pa.BufferReader) for source in [*seen, *reads])


def test_metadata_of_what_is_no_parquet_file(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    for content in (b"", b"PAR1", b"no table at all", b"PAR1" + b"\xff" * 4 + b"PAR1"):
        (tmp_path / "a.parquet").write_bytes(content)
        assert stored_record(storage, "a.parquet") is None
    assert stored_record(storage, "gone.parquet") is None


def test_addresses_that_cannot_be_reached(tmp_path: Path, clips: list[Path]) -> None:
    """An input failed as something unexpected, and `http://` of a dataset lost a slash."""
    pytest.importorskip("aiohttp")
    nowhere = "http://127.0.0.1:1"
    result = call(f"{nowhere}/a.mp4", clips[0], "-o", tmp_path / "set", "--workers", 0)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"auheat: cannot reach {nowhere}/a.mp4: Cannot connect to host")
    result = call(clips[0], "-o", f"{nowhere}/set", "--workers", 0)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"cannot write {nowhere}/set/corpus.json: Cannot connect to host" in result.stderr


def test_status_says_how_far_a_run_is(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "set"
    assert "at work" not in call("status", _begun(out, clips[0])).stdout
    run = CorpusRun([str(path) for path in clips], str(out), FEW)
    work = run.read()
    next(work)
    first = call("status", out).stdout.splitlines()[0]
    assert re.fullmatch(r"a run is at work: 0 of 2 inputs, .* \(\d+ s ago\)", first), first
    list(work)
    assert "at work" not in call("status", out).stdout
    assert not (out / ".work" / "progress.json").exists()


def _begun(out: Path, clip: Path) -> Path:
    """A dataset of a run that was killed, which could not remove its note."""
    read([clip], out)
    Corpus(str(out)).note_progress("0 of 9 inputs")
    return out
