"""`predict`, `corpus`, `prepare`, `synth` and `train`, killed at random and then run to their end.

Moments are counted by what a run has written: the clock says little on a busy machine.
`AUHEAT_KILLED_RUNS=15` kills each of them so often in a row, in one folder.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from auheat.geometry import Points
from auheat.models.checkpoint import load_checkpoint
from auheat.settings import to_dict
from auheat.training.checkpointing import readable_checkpoint
from auheat.training.experiment import read_experiment
from auheat.training.run_folder import BEST, HISTORY
from broken_runs import same_end
from corpus_clips import inputs, rows, write_clips
from odd_sources import disfa_subject, small
from small_runs import experiment, write_dataset

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("AUHEAT_KILLED_RUNS", "1"))
LIMIT_S = 600  # of a crowded machine
# Threads that wait for each other make steps of a tiny training five times as long there.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file, hidden ones too, by its path inside the folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def state(folder: Path) -> set[tuple[str, int]]:
    """Every file and folder with its time; what goes while it is looked at is left out."""
    found = set()
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root, name)
            with suppress(OSError):  # a temporary file that has its final name by now
                found.add((str(path), path.stat().st_mtime_ns))
    return found


class Command:
    """`auheat ARGUMENTS` in folders of their own, so that both runs have the same words.

    What it makes is in `out`, which `option` names.
    """

    def __init__(self, *arguments: str, option: str = "-o") -> None:
        self._command = [sys.executable, "-m", "auheat", *arguments, option, "out"]

    def _start(self, folder: Path) -> subprocess.Popen[bytes]:
        folder.mkdir(exist_ok=True)
        with (folder / "said").open("wb") as said:
            return subprocess.Popen(
                self._command, cwd=folder, env=ENVIRONMENT, stdout=said, stderr=said
            )

    def _wait_for_change(self, process: subprocess.Popen[bytes], out: Path) -> None:
        before, end = state(out), time.monotonic() + LIMIT_S
        while state(out) == before and process.poll() is None:
            assert time.monotonic() < end, "nothing is written"
            time.sleep(0.005)

    def run(self, folder: Path) -> int:
        """To the end; how often its files were seen to change."""
        process, changes = self._start(folder), 0
        while process.poll() is None:
            self._wait_for_change(process, folder / "out")
            changes += 1
        assert process.wait() == 0, (folder / "said").read_text()
        return changes

    def kill(self, folder: Path, changes: int, seconds: float) -> bool:
        """Kills a run so long after so many changes of its files; whether it was early."""
        process = self._start(folder)
        for _ in range(changes):
            self._wait_for_change(process, folder / "out")
        time.sleep(seconds)
        has_ended = process.poll() is not None
        workers = [] if has_ended else psutil.Process(process.pid).children(recursive=True)
        process.kill()
        ended = process.wait()
        assert psutil.wait_procs(workers, timeout=60)[1] == []
        assert ended in (0, -9), (folder / "said").read_text()
        return ended == -9


def is_finished(out: Path) -> bool:
    """Whether a dataset is whole, though the process that made it may not have ended."""
    return (out / "manifest.parquet").exists() and not (out / ".parts").exists()


def kill_and_run(
    command: Command, folder: Path, check: Callable[[Path], None], seed: int
) -> tuple[Path, Path]:
    """Folders of an undisturbed run, and of one after `KILLS` kills; `check` sees every kill."""
    whole, killed = folder / "whole", folder / "killed"
    out = killed / "out"
    changes = command.run(whole)
    generator = random.Random(seed)
    count = early = 0
    while early < KILLS:
        count += 1
        assert count <= 4 * KILLS + 4, "most runs end before they are killed"
        # Early ones more often: what goes on where it was has less and less to do.
        moment = 1 + int(generator.triangular(0, 0.9 * changes, 0))
        is_early = command.kill(killed, moment, generator.uniform(0, 0.05))
        if is_early:
            early += 1
            check(out)
        # A new start, as some commands refuse a folder that is finished.
        if early < KILLS and (not is_early or is_finished(out)):
            out.rename(folder / f"finished{count}")
    if is_finished(out):
        return whole / "out", out  # killed on its way out, with everything done
    command.run(killed)
    print(f"{early} kills in {count} runs, each within {changes} changes of its files")
    return whole / "out", out


def check_same_files(whole: Path, killed: Path) -> None:
    """Byte for byte; no file is missing and none is left over."""
    expected, found = files(whole), files(killed)
    assert sorted(found) == sorted(expected)
    assert [name for name in found if found[name] != expected[name]] == []


def test_predict(tmp_path: Path) -> None:
    write_clips(tmp_path / "in", 4, 4)
    whole = tmp_path / "whole" / "out"

    def check(out: Path) -> None:
        for name, content in files(out).items():
            if not Path(name).name.startswith("."):
                assert content == (whole / name).read_bytes(), name

    command = Command("predict", str(tmp_path / "in"))
    check_same_files(*kill_and_run(command, tmp_path, check, 1))


def test_corpus(tmp_path: Path) -> None:
    write_clips(tmp_path / "in", 4, 4)
    whole = tmp_path / "whole" / "out"

    def check(out: Path) -> None:
        for path in (out / "rows").rglob("*.parquet"):
            if not path.name.startswith("."):
                expected = pd.read_parquet(whole / path.relative_to(out))
                pd.testing.assert_frame_equal(pd.read_parquet(path), expected)
        if (out / "inputs.parquet").exists():
            inputs(out)  # can be read, and has no input twice

    command = Command("corpus", str(tmp_path / "in"), "--workers", "1")
    before, after = kill_and_run(command, tmp_path, check, 2)
    pd.testing.assert_frame_equal(rows(after), rows(before))
    assert sorted(files(after)) == sorted(files(before))
    assert {row["state"] for row in inputs(after).values()} == {"read"}
    assert len(inputs(after)) == 4


def check_manifest(whole: Path) -> Callable[[Path], None]:
    """A dataset without a manifest is none; one with it has everything.

    Single images get their names as they are written, and are made again where their piece is
    not finished.
    """

    def check(out: Path) -> None:
        if (out / "manifest.parquet").exists():
            expected, found = files(whole), files(out)
            assert [name for name in expected if found.get(name) != expected[name]] == []

    return check


def test_synth(tmp_path: Path, tiny_folder: Path) -> None:
    command = Command(
        *("synth", "--assets", str(tiny_folder), "--subjects", "6", "--images", "60"),
        *("--size", "64", "--workers", "1"),
    )
    check = check_manifest(tmp_path / "whole" / "out")
    check_same_files(*kill_and_run(command, tmp_path, check, 3))


def test_prepare(tmp_path: Path, face: Points) -> None:
    """Twelve people of DISFA, with landmarks of the dataset's own."""
    for number in range(1, 13):
        name = f"SN{number:03d}"
        landmarks = {f"{name}/frame_lm/l{n:05d}_lm.mat": small(face, n) for n in range(1, 6)}
        levels = {4: [0, 1, 2, 3, 4], 12: [5, 0, number % 6, 1, 2]}
        video = f"Videos_LeftCamera/LeftVideo{name}_comp.avi"
        disfa_subject(tmp_path / "in", name, levels, video, landmarks)
    command = Command(
        "prepare", "disfa", str(tmp_path / "in"), "--size", "32", "--pad", "4", "--workers", "1"
    )
    check = check_manifest(tmp_path / "whole" / "out")
    whole, killed = kill_and_run(command, tmp_path, check, 4)
    check_same_files(whole, killed)
    assert len(pd.read_parquet(killed / "manifest.parquet")) == 60


def toml_of(settings: dict[str, Any], section: str = "") -> str:
    """Settings as text; JSON's values are TOML's, too."""
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    plain = [f"{k} = {json.dumps(v)}" for k, v in settings.items() if k not in tables]
    inner = [toml_of(v, f"{section}.{k}".strip(".")) for k, v in tables.items()]
    return "\n".join([f"[{section}]" if section else "", *plain, *inner])


def test_train(tmp_path: Path) -> None:
    """Three epochs of four steps, with a checkpoint after each of them."""
    write_dataset(tmp_path / "data")
    settings = to_dict(experiment(tmp_path / "data", learning_rate=1e-2))
    settings["data"] |= {"epoch_images": 32, "batch_size": 8}
    settings["run"]["checkpoint_minutes"] = 1e-9
    file = tmp_path / "small.toml"
    file.write_text(toml_of(settings))
    name = read_experiment(file).folder_name

    def check(out: Path) -> None:
        """What is there can be read, whenever the run ended."""
        readable_checkpoint(out / name)
        if (out / name / BEST).exists():
            load_checkpoint(out / name / BEST)

    command = Command("train", str(file), option="--runs")
    whole, killed = (out / name for out in kill_and_run(command, tmp_path, check, 5))
    same_end(whole, killed)
    assert (killed / BEST).read_bytes() == (whole / BEST).read_bytes()
    assert len((killed / HISTORY).read_text().splitlines()) == 3
    assert not list(killed.glob(".*"))
