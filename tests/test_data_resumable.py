"""Work in processes: what remains of it after its main process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import psutil
import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.data import resumable
from auheat.errors import AuheatError

_WORKS = """
import pathlib, sys, time
from auheat.data.resumable import in_processes

def wait(kept, seconds):
    time.sleep(seconds)

if __name__ == "__main__":
    started = pathlib.Path(sys.argv[1])
    next(in_processes(wait, [120.0], workers=1, opening=started.write_text, settings=("started",)))
"""
_STOPS = """
import pathlib, signal, sys, threading, time
from auheat.cli.console import terminable
from auheat.data.resumable import in_processes
from auheat.errors import Terminated

def wait(kept, seconds):
    pathlib.Path(sys.argv[1]).write_text("started")
    time.sleep(seconds)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored behind an &
    with terminable():
        try:
            next(in_processes(wait, [120.0, 120.0], workers=1, opening=str, settings=()))
        except (KeyboardInterrupt, Terminated):
            print("stopped")
"""
_READS = """
import pathlib, sys, time
from auheat.data.loader import crop_loader

class Waiting:
    def __len__(self):
        return 9

    def __getitem__(self, row):
        pathlib.Path(sys.argv[1]).write_text("started")
        time.sleep(120.0)

if __name__ == "__main__":
    next(iter(crop_loader(Waiting(), 3, workers=1)))
"""

_OUTLIVES = """
import os, pathlib, signal, sys, time
from auheat.data.loader import crop_loader

class Slow:
    def __len__(self):
        return 1

    def __getitem__(self, row):
        pathlib.Path(sys.argv[1]).write_text("started")
        time.sleep(8.0)  # longer than torch waits before it looks whether its workers live
        return row

if __name__ == "__main__":
    signal.signal(signal.SIGHUP, lambda *_: print("heard", flush=True))
    print(next(iter(crop_loader(Slow(), 1, workers=1))).tolist())
"""


@pytest.mark.slow
def test_reading_processes_outlive_their_terminal(tmp_path: Path) -> None:
    """Python's server of processes ended, and "a process that reads images died" for no reason."""
    script, started = tmp_path / "reads.py", tmp_path / "started"
    script.write_text(_OUTLIVES)
    with subprocess.Popen(
        [sys.executable, str(script), str(started)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        while not started.is_file() and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGHUP)
        said, errors = process.communicate(timeout=100)
    assert (process.returncode, said) == (0, "heard\n[0]\n"), errors


@pytest.mark.slow
@pytest.mark.parametrize("code", [_WORKS, _READS])
def test_workers_end_with_a_killed_process(tmp_path: Path, code: str) -> None:
    """They would otherwise go on writing beside whoever takes the work up again."""
    script, started = tmp_path / "works.py", tmp_path / "started"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script), str(started)])
    for _ in range(600):
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            if started.is_file():
                break
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    for worker in alive:
        worker.kill()
    assert not alive


def test_a_plan_is_noted_once(tmp_path: Path) -> None:
    """JSON's view of the plan comes back, so that a tuple equals the list that was noted."""
    out = tmp_path / "out"
    assert resumable.begin(out, {"aus": ("AU01",)}, "result") == {"aus": ["AU01"]}
    assert resumable.begin(out, {"aus": ["AU01"]}, "result") == {"aus": ["AU01"]}
    with pytest.raises(AuheatError, match=f"^{out} holds a started dataset"):
        resumable.begin(out, {"aus": ["AU02"]}, "result")
    assert resumable.shard_path(out, "7").parent.is_dir()
    resumable.commit(out)
    assert list(out.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_does_not_wait_for_pieces_at_work(tmp_path: Path, number: signal.Signals) -> None:
    """A piece takes minutes, and schedulers kill what has not ended half a minute after SIGTERM."""
    script, started = tmp_path / "stops.py", tmp_path / "started"
    script.write_text(_STOPS)
    with (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, str(script), str(started)],
            stdout=subprocess.PIPE, stderr=said, start_new_session=True,
        )  # fmt: skip
        while not started.is_file() and process.poll() is None:
            time.sleep(0.05)
        began = time.monotonic()
        if number != signal.SIGTERM:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        out, _ = process.communicate(timeout=100)
        assert time.monotonic() - began < 60  # of a crowded machine; less than the piece takes
        assert out == b"stopped\n"
        said.seek(0)
        assert said.read() == ""


def test_every_subcommand_ends_in_order_at_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six did, and the others left Python's own words on the terminal."""
    handlers = set()

    class Probe(click.Command):
        def invoke(self, ctx: click.Context) -> None:
            handlers.add(signal.getsignal(signal.SIGTERM))
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(type(main), "get_command", lambda *_: Probe("synth"))
    done = CliRunner().invoke(main, ["synth"])
    assert (done.exit_code, done.stderr) == (143, "auheat: terminated\n")
    assert signal.SIG_DFL not in handlers
    assert signal.getsignal(signal.SIGTERM) not in handlers
