"""Processes that read crops, and what becomes of them."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from torch.utils.data import Dataset

from auheat.data.dataset import Sample
from auheat.data.loader import crop_loader
from auheat.errors import AuheatError


class _Deadly(Dataset[Sample]):
    """Kills the process that reads it, at the third sample."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, row: int) -> Sample:
        if row == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        empty = torch.zeros(3, 2, 2, dtype=torch.uint8)
        return {"image": empty, "points": torch.zeros(1, 2), "intensities": torch.zeros(1)}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_process_that_reads_and_dies_is_said_in_a_line() -> None:
    batches = iter(crop_loader(_Deadly(), 1, workers=1))
    with pytest.raises(AuheatError, match=r"^a process that reads images died, perhaps for want"):
        list(batches)


class _Faulty(_Deadly):
    def __getitem__(self, row: int) -> Sample:
        raise RuntimeError("a defect of ours")


@pytest.mark.slow
def test_a_defect_in_a_process_that_reads_stays_one() -> None:
    with pytest.raises(RuntimeError, match="a defect of ours"):
        list(crop_loader(_Faulty(), 1, workers=1))
