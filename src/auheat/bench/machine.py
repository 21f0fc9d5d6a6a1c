"""What the machine can do at best: the floor under every figure."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from auheat.bench.timing import Clock, in_turns

_SIDE, _BYTES, _ROUNDS = 2048, 2**28, 7


@dataclass(frozen=True)
class Peak:
    """Best of some rounds: a matrix product in float32 and bfloat16, and a large copy.

    gflops, gflops_bf16: 10^9 operations a second. gbytes: 10^9 bytes a second, read plus written.
    """

    gflops: float
    gflops_bf16: float
    gbytes: float

    def of(self, name: str) -> float:
        """The GFLOP/s that work in the precision its name tells could reach."""
        return self.gflops_bf16 if "bfloat16" in name else self.gflops


def finisher(device: torch.device) -> Callable[[], None]:
    """What waits for work that is still running on a device."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def measure_peak(
    device: torch.device,
    clock: Clock = time.perf_counter,
    side: int = _SIDE,
    size: int = _BYTES,
) -> Peak:
    """Multiplies matrices of side x side and copies `size` bytes, with the threads that are set."""
    matrix = torch.randn(side, side, device=device)
    rounded = matrix.bfloat16()
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    work = {
        "float32": lambda: matrix @ matrix,
        "bfloat16": lambda: rounded @ rounded,
        "copy": lambda: target.copy_(source),
    }
    with torch.no_grad():
        timings = in_turns(work, _ROUNDS, finish=finisher(device), clock=clock)
    best = {name: min(timing.seconds) for name, timing in timings.items()}
    operations = 2 * side**3 / 1e9
    return Peak(
        operations / best["float32"], operations / best["bfloat16"], 2e-9 * size / best["copy"]
    )


def describe(device: torch.device) -> dict[str, Any]:
    """The machine in words and numbers, without its name."""
    described: dict[str, Any] = {
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        described["device"] = torch.cuda.get_device_name(device)
    with suppress(OSError, AttributeError):
        described["load_at_start"] = round(os.getloadavg()[0], 1)
    return described


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
