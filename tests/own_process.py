"""What has to be so in a process of the tests before libraries are loaded or others started."""

from __future__ import annotations

import os
import signal


def prepare() -> None:
    """Divides processors among workers, and leaves hangups to what the tests start."""
    # Workers of pytest-xdist share the processors; libraries read these names when they are loaded.
    if os.environ.get("PYTEST_XDIST_WORKER"):
        workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
            name = f"{library}_NUM_THREADS"
            os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // workers)))
    # Under nohup a hangup is ignored, here and in all that tests start, so that those of a closed
    # terminal would wait for ever. A handler goes on here and leaves them the system's own way.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
