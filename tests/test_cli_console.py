"""What reaches a terminal: whole lines without commands to it; and signals that come early."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auheat.cli import console
from cli_calls import call

ROOT = Path(__file__).resolve().parents[1]


def test_one_module_alone_writes_to_the_terminal() -> None:
    """The others would let through what a name of a file commands a terminal."""
    calls = {
        path.name
        for path in (ROOT / "src" / "auheat" / "cli").glob("*.py")
        if re.search(r"\bclick\.(s?echo|secho)\b|\bprint\(", path.read_text("utf-8"))
    }
    assert calls == {"console.py"}


def test_no_line_of_a_table_commands_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.lines("a\x1b[2J\nb\x07")
    console.echo("c\x1b]0;d\ne")
    console.script("\tas it is\n")
    assert capsys.readouterr().out == "a\\x1b[2J\nb\\x07\nc\\x1b]0;d\\ne\n\tas it is\n\n"


def test_names_without_end_are_cut_in_their_middle(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn(f"no file at {'a' * 2500}{'b' * 2500} here")
    assert capsys.readouterr().err == f"auheat: no file at {'a' * 200}...{'b' * 200} here\n"
    path = "/".join(["folder"] * 140)
    console.echo(path)
    assert capsys.readouterr().out == path + "\n"


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["completion", "bash"], ["--help"], ["predict", "--help"]])
def test_standard_output_that_is_full(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "auheat", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    line = "auheat: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, line)


STRUCK_ON_IMPORT = """
import os, runpy, signal, sys, time

NAME, NUMBER = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored behind an &

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == NAME:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), NUMBER)
                time.sleep(60)
            except BaseException:
                raise ImportError("Error importing " + name) from None

sys.meta_path.insert(0, Finder())
sys.argv[:] = ["auheat", *sys.argv[3:]]
runpy.run_module("auheat", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("module", ["auheat.cli", "click", "numpy"])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "terminated"),
    ],
)
def test_a_signal_while_modules_are_imported(
    tmp_path: Path, module: str, number: int, code: int, word: str
) -> None:
    """A traceback, or `unexpected ImportError: Error importing numpy`."""
    done = run(STRUCK_ON_IMPORT, module, int(number), "predict", tmp_path / "a.mp4", "-o", tmp_path)
    assert (done.returncode, done.stderr) == (code, f"auheat: {word}\n")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--max-megapixels", "nan", "doctor"], "nan is no number of pixels"),
        (["--max-megapixels", "inf", "doctor"], "'--max-megapixels'"),
        (["corpus", "a.mp4", "-o", "s", "--limit-seconds", "nan"], "'nan' is no number"),
        (["corpus", "a.mp4", "-o", "s", "--limit-seconds", "inf"], "'inf' is no number"),
    ],
)
def test_numbers_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUHEAT_MAX_MEGAPIXELS", raising=False)
    result = call(*options)
    assert result.exit_code == 2
    assert line in result.stderr
    assert "AUHEAT_MAX_MEGAPIXELS" not in result.stderr
    assert "AUHEAT_MAX_MEGAPIXELS" not in os.environ
