"""Keeps the start-up messages of native libraries out of the user's terminal.

MediaPipe and TensorFlow Lite write a few lines straight to file descriptor 2 while a graph starts;
neither has a setting against it. They are held back here by their own format. Everything else that
reaches the descriptor meanwhile, from whatever thread, is passed on.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# glog and absl: `W0000 00:00:1700000000.000000    42 file.cc:114] text`; TensorFlow Lite: `INFO: `.
_LOG_LINE = re.compile(
    rb"[IW]\d{4} \d\d:\d\d:\d+\.\d+ .*\]|INFO: Created TensorFlow Lite"
    rb"|WARNING: All log messages before absl::InitializeLog"
)


@contextmanager
def filter_native_logs() -> Iterator[None]:
    """Holds back native log lines below the level of an error while the block runs."""
    try:
        terminal = os.dup(2)
    except OSError:  # no standard error at all, as in a windowed program
        yield
        return
    sys.stderr.flush()
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(terminal, 2)
                held.seek(0)
                for line in held:
                    if not _LOG_LINE.match(line):
                        os.write(terminal, line)
    finally:
        os.close(terminal)
