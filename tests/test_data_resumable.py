"""Work in processes: what remains of it after its main process was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

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
