"""What each command loads before it can begin, and how long that takes beside what it needs at all.

Every command runs in a process of its own. Seconds are the processor's, the least of some rounds in
turns, so that other work on the machine does not count.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from auheat.cli import main

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "src" / "auheat" / "doctor" / "face.jpg"
# What the core depends on, as it is imported.
CORE = {"PIL", "av", "click", "cv2", "numpy", "onnxruntime"}

_LOADED = """
import json, sys
before = set(sys.modules)
from auheat.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
names = {name.partition(".")[0] for name in set(sys.modules) - before}
names -= {"auheat", "cython_runtime", "tomli", *sys.stdlib_module_names}
print(json.dumps(sorted(names)))
"""


def loaded(*arguments: object) -> set[str]:
    """The packages, besides Python's own and auheat, that a command has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *map(str, arguments)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return {name for name in json.loads(done.stdout.splitlines()[-1]) if not name.startswith("_")}


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_help_needs_click_alone(command: str) -> None:
    """But for what tells the defaults of events, and the layouts that the datasets' files name."""
    more = {"events": {"numpy"}}.get(command, CORE if command in ("prepare", "synth") else set())
    assert {"click"} <= loaded(command, "--help") <= {"click"} | more


def test_the_list_of_commands_needs_click_alone() -> None:
    assert loaded("--help") == {"click"}


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--pose --landmarks --std --overlay",
        "--format fex --baseline none --aus AU06,AU12",
    ],
)
def test_predict_on_an_image_loads_the_core_alone(tmp_path: Path, options: str) -> None:
    assert loaded("predict", PHOTO, "-o", tmp_path, *options.split()) <= CORE


def test_predict_on_frames_loads_the_core_alone(tmp_path: Path) -> None:
    """With all that needs no extra, a video written among it."""
    (tmp_path / "frames").mkdir()
    for number in range(3):
        shutil.copy(PHOTO, tmp_path / "frames" / f"{number}.jpg")
    options = ["--sequence", "--overlay", "--events", "--smooth", "--baseline", "1"]
    assert loaded("predict", tmp_path / "frames", "-o", tmp_path / "out", *options) <= CORE


@pytest.mark.slow
def test_verify_loads_the_core_alone(tmp_path: Path) -> None:
    loaded("predict", PHOTO, "-o", tmp_path)
    assert loaded("verify", tmp_path) <= CORE


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="os.wait4 is needed")
@pytest.mark.parametrize(
    ("work", "beside", "times"),
    [
        (["-c", "import auheat"], ["-c", "import json, pathlib, typing"], 3),
        (["-m", "auheat", "--help"], ["-c", "import click"], 4),
        pytest.param(
            ["-m", "auheat", "predict", PHOTO],
            ["-c", "import av, click, cv2, numpy, onnxruntime\nfrom PIL import Image"],
            3.5,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["import", "help", "image"],
)
def test_starting_takes_little_more_than_what_is_needed(
    tmp_path: Path, work: list[object], beside: list[object], times: float
) -> None:
    """Measured: 1.4 times those modules, 2.0 times click, 2.3 times the libraries."""
    seconds: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(3):
        for number, command in enumerate((work, beside)):
            folder = ["-o", tmp_path] if "predict" in command else []
            process = subprocess.Popen(
                [sys.executable, *map(str, [*command, *folder])], stdout=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)  # for it cannot wait any more
            assert process.returncode == 0
            seconds[number].append(used.ru_utime + used.ru_stime)
    assert min(seconds[0]) < times * min(seconds[1])
