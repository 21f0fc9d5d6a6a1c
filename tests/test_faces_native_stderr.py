from __future__ import annotations

import os
import sys
import threading

import pytest

from auheat.faces.native_stderr import filter_native_logs

CHATTER = (
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"W0000 00:00:1795385308.717710    4645 inference_feedback_manager.cc:114] Feedback\n"
    b"I0000 00:00:1795385308.717710    4645 gl_context.cc:369] GL version: 3.2\n"
)
REAL = (
    b"E0000 00:00:1795385308.717710    4645 model.cc:12] cannot open model\n"
    b"WARNING: something of your own\n"
)


def test_only_chatter_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with filter_native_logs():
        os.write(2, CHATTER + REAL)
    assert capfd.readouterr().err.encode() == REAL


def test_nothing_is_held_back_outside(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, CHATTER)
    with filter_native_logs():
        pass
    os.write(2, CHATTER)
    assert capfd.readouterr().err.encode() == CHATTER * 2


def test_other_threads_and_errors_come_through(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), filter_native_logs():
        thread = threading.Thread(target=lambda: print("from a thread", file=sys.stderr))
        thread.start()
        thread.join()
        os.write(2, CHATTER)
        raise RuntimeError
    assert capfd.readouterr().err == "from a thread\n"


def test_a_program_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: int) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", closed)
    with filter_native_logs():
        reached = True
    assert reached
