"""The command line, called from a test as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from auheat.cli import main


def call(*arguments: object) -> Result:
    """What a call does, however it ends."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    """Standard output of a call that ends well."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    """The single line of a call that ends with exit code 2."""
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def predict(weights: Path, *arguments: object) -> Result:
    """`auheat predict` by these weights, on the CPU."""
    options = ["predict", "--weights", weights, "--device", "cpu", *arguments]
    return CliRunner().invoke(main, [str(option) for option in options])


def lines(result: Result, count: int, code: int = 2) -> list[str]:
    """Standard error of a call, which is so many lines of auheat's own."""
    found = result.stderr.splitlines()
    assert (result.exit_code, len(found)) == (code, count), result.output
    assert all(line.startswith("auheat: ") for line in found)
    return found


def started(folder: Path, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """A call in a process of its own, which logs into a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "auheat", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"XDG_STATE_HOME": str(folder / "state")} | environment,
    )
