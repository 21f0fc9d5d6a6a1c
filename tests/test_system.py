"""Freed memory stays in the process where glibc rules, and nothing happens elsewhere."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from auheat import system

_FAULTS = """
import resource, sys
import numpy as np
from auheat.system import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
np.ones(2**24)  # 128 MB, more than glibc keeps by itself
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    np.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Page faults of four large blocks after a first one."""
    command = [sys.executable, "-c", _FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_a_large_block_is_used_again() -> None:
    assert faults("keep") < 200
    assert faults("leave") > 4 * 50  # even with pages of 2 MB


@pytest.mark.parametrize(("running_on", "library"), [(n, "") for n in ("darwin", "win32", "linux")])
def test_other_systems_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, running_on: str, library: str
) -> None:
    monkeypatch.setattr(sys, "platform", running_on)
    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))
    monkeypatch.setattr(ctypes, "CDLL", None)  # would fail if it were called
    assert not system.keep_freed_memory()
