"""Runs, workers and nodes that are killed: afterwards every input is there once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from auheat.corpus.run import CorpusPlan, CorpusRun
from corpus_clips import inputs, read, rows, write_clip, write_clips

# docs/scale.md has the outcome for 300.
CLIPS = int(os.environ.get("AUHEAT_KILLED_CLIPS", "12"))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Short clips, a longer one, and a file that is none."""
    write_clips(tmp_path / "media", CLIPS, 6)
    write_clip(tmp_path / "media" / "long.mp4", 60, 30)
    (tmp_path / "media" / "bad.mp4").write_text("no video")
    return tmp_path / "media"


@pytest.fixture
def whole(tmp_path: Path, media: Path) -> pd.DataFrame:
    """The rows that one process writes without a break."""
    read([media], tmp_path / "whole")
    return rows(tmp_path / "whole")


def check(dataset: Path, whole: pd.DataFrame) -> None:
    """Every input exactly once, with the rows of one unbroken run, and nothing left behind."""
    pd.testing.assert_frame_equal(rows(dataset), whole)
    found = inputs(dataset)
    assert len(found) == CLIPS + 2
    assert {name for name, row in found.items() if row["state"] != "read"} == {"bad.mp4"}
    assert len(list((dataset / "rows").rglob("*.*"))) == CLIPS + 2
    left = [path for path in (dataset / ".work").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["lock"]


def start(media: Path, dataset: Path, *options: str) -> subprocess.Popen[bytes]:
    """A run; what it says is in the file `said` beside the dataset."""
    command = [sys.executable, "-m", "auheat", "corpus", str(media), "-o", str(dataset), *options]
    with (dataset.parent / "said").open("wb") as said:
        return subprocess.Popen(command, stderr=said, stdout=subprocess.DEVNULL)


def wait_for_files(dataset: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Until so many inputs are done, or the run is."""
    for _ in range(2400):
        if len(list((dataset / "rows").rglob("*.parquet"))) >= count or process.poll() is not None:
            return
        time.sleep(0.05)
    pytest.fail("nothing was written")


@pytest.mark.slow
def test_a_run_killed_three_times(tmp_path: Path, media: Path, whole: pd.DataFrame) -> None:
    dataset = tmp_path / "set"
    for done in (CLIPS // 6, CLIPS // 2, CLIPS * 5 // 6):
        process = start(media, dataset, "--workers", "2")
        wait_for_files(dataset, done, process)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        psutil.wait_procs(workers, timeout=60)
    times = {path: path.stat().st_mtime_ns for path in (dataset / "rows").rglob("*.parquet")}
    assert CLIPS * 5 // 6 <= len(times) < CLIPS + 2
    last = start(media, dataset, "--workers", "2")
    assert last.wait() == 2  # one input cannot be read
    assert f"1 of {CLIPS + 2} inputs are not complete" in (tmp_path / "said").read_text()
    check(dataset, whole)
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())  # none read twice


@pytest.mark.slow
def test_sigterm_ends_a_run_and_its_workers(tmp_path: Path, media: Path) -> None:
    process = start(media, tmp_path / "set", "--workers", "2")
    wait_for_files(tmp_path / "set", 1, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.terminate()
    assert process.wait(60) == 143
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    done = len(list((tmp_path / "set" / "rows").rglob("*.parquet")))
    assert len(inputs(tmp_path / "set")) == done  # the table is as far as the files


@pytest.mark.slow
def test_rows_that_nobody_heard_of_are_in_the_table_after_a_stop(
    tmp_path: Path, media: Path
) -> None:
    """Workers go on while the run is busy elsewhere, and are ended before they are asked."""
    run = CorpusRun([str(media)], str(tmp_path / "set"), CorpusPlan(workers=2))
    reading = run.read()
    heard_of = next(reading)
    deadline = time.monotonic() + 60
    while len(files := list((tmp_path / "set" / "rows").rglob("*.parquet"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    reading.close()
    assert Path(heard_of.input).name in inputs(tmp_path / "set")
    assert len(inputs(tmp_path / "set")) == len(run.records) >= len(files)


@pytest.mark.slow
def test_workers_killed_in_the_middle_of_a_video(
    tmp_path: Path, media: Path, whole: pd.DataFrame
) -> None:
    """The long one is taken up again behind its last segment, by another worker."""
    plan = CorpusPlan(workers=2, segment_frames=16)
    run = CorpusRun([str(media)], str(tmp_path / "set"), plan)
    killed = 0
    for count, _ in enumerate(run.read()):
        if count in (0, 4, 8):
            child = psutil.Process().children(recursive=True)
            victims = [one for one in child if "spawn_main" in " ".join(one.cmdline())]
            victims[0].send_signal(signal.SIGKILL)
            killed += 1
    assert killed == 3
    check(tmp_path / "set", whole)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster of a head, which has no processors, and three nodes with one each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
    small = {"object_store_memory": 80_000_000, "include_dashboard": False}
    found: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        found.workers = [
            found.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(3)
        ]
        yield found
    finally:
        found.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_ray_cluster_that_loses_a_node(
    tmp_path: Path, media: Path, whole: pd.DataFrame, cluster: Any
) -> None:
    plan = CorpusPlan(ray=cluster.address, segment_frames=16)
    run = CorpusRun([str(media)], str(tmp_path / "set"), plan)
    records = []
    for record in run.read():
        records.append(record)
        if len(records) == 4:
            cluster.remove_node(cluster.workers[0], allow_graceful=False)
    assert sorted(record.input for record in records) == sorted(
        str(path) for path in media.iterdir()
    )
    check(tmp_path / "set", whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_no_cluster_is_one_line(tmp_path: Path, media: Path) -> None:
    pytest.importorskip("ray")
    process = subprocess.run(
        [sys.executable, "-m", "auheat", "corpus", str(media), "-o", str(tmp_path / "set"),
         "--ray", "auto"],
        env={**os.environ, "RAY_ADDRESS": "", "RAY_TMPDIR": str(tmp_path / "ray")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith("auheat: no Ray cluster at auto: start one with `ray start --head`")
