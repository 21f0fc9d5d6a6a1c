"""What a signal leaves behind ends before Python does, or native code ends the process."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

LEFT_BEHIND = """
import time
from threading import Event
from auheat.inference.lookahead import Lookahead
from auheat.inference.pipeline import prefetch

def items():
    try:
        while True:
            yield time.sleep(0.05)
    finally:
        print("items closed", flush=True)

stage = prefetch(items(), 1)
next(stage)

def opened(item, decoded):
    time.sleep(0.5)
    print("opened", flush=True)

begun = Event()
begun.set()
look = Lookahead(None, opened, begun)
waiting = Lookahead(None, opened, Event())
"""


def test_threads_that_were_left_behind_end_first() -> None:
    """A Lookahead that may not begin is dropped, one at work is waited for."""
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["items closed", "opened"]


@pytest.mark.slow
def test_a_thread_that_cannot_end_holds_nobody_up_for_long() -> None:
    """One that waits for a pipe, say: Python ends without it after five seconds."""
    stuck = LEFT_BEHIND.replace("time.sleep(0.05)", "time.sleep(60)").replace("next(stage)\n", "")
    stuck = stuck.replace("def opened", "from threading import Thread\nThread(target=lambda: next"
                          "(stage), daemon=True).start()\n\ndef opened")  # fmt: skip
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", stuck], capture_output=True, check=False)
    assert done.returncode == 0
    assert 4 < time.monotonic() - begin < 20
