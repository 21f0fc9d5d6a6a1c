"""Checkpoints that cannot be written: the one before stays, and the line says why."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from auheat.errors import AuheatError
from auheat.training import checkpointing
from auheat.training.checkpointing import readable_checkpoint
from auheat.training.fit import fit
from auheat.training.run_folder import LAST
from broken_runs import settings_of


def test_a_full_disk_keeps_the_checkpoint_before(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, run = settings_of(data), tmp_path / "run"
    saved: list[object] = []
    save = torch.save

    def full(content: Any, stream: Any) -> None:
        saved.append(content)
        if len(saved) > 1:
            stream.write(b"half")
            raise OSError(28, "No space left on device")
        save(content, stream)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(AuheatError, match=r"last\.ckpt: No space left on device; the checkpoint"):
        fit(settings, run)
    assert sorted(path.name for path in run.glob("*.ckpt")) == [LAST]
    assert not list(run.glob(".*.part*"))
    found = readable_checkpoint(run)
    assert found is not None and found[1]["callbacks"]["Checkpoints"]["batches"] == 4


def test_why_a_checkpoint_cannot_be_written(tmp_path: Path) -> None:
    """torch's own writer says "unexpected pos" for it."""
    path = tmp_path / LAST
    writer = checkpointing.SafeCheckpoints()
    with pytest.raises(AuheatError, match=r"Is a directory; there is none before it$"):
        (tmp_path / ".last.part.ckpt").mkdir()
        writer.save_checkpoint({"a": torch.ones(10)}, path)
    (tmp_path / ".last.part.ckpt").rmdir()
    writer.save_checkpoint({"a": torch.ones(10)}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(AuheatError, match=r"last\.ckpt: File too large; the checkpoint before"):
            writer.save_checkpoint({"a": torch.ones(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.name for entry in tmp_path.iterdir()] == [LAST]
    assert torch.load(path, weights_only=True)["a"].tolist() == 10 * [1.0]
