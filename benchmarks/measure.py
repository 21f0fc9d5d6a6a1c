"""What work costs: seconds side by side, operations, bytes, peak memory, and the machine's limits.

Machines are shared and noisy, so candidates are interleaved, round after round, and what counts are
medians and ratios of the same round. Beside every figure stands what the machine itself can do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils import benchmark
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from auheat.errors import AuheatError
from auheat.system import processor_name
from harness import ClockName

# Before anything is measured, which would count there.
_LOAD_AT_START = None
with suppress(OSError, AttributeError):
    _LOAD_AT_START = round(os.getloadavg()[0], 1)

Work = Callable[[], object]
Clock = Callable[[], float]
Case = TypeVar("Case")

WALL: Clock = benchmark.timer  # waits for what is still running on a GPU
# Seconds on the wall, or those that processors spent on this process. Where others use the
# machine, the second with one thread says what work costs; with more, waiting counts as work.
CLOCKS: dict[ClockName, Clock] = {"wall": WALL, "cpu": time.process_time}
_SIDE, _BYTES, _ROUNDS = 2048, 2**28, 7


@dataclass(frozen=True)
class Timing:
    """Seconds of the same work, one value a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value in seconds."""
        return median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a fraction of the median."""
        low, high = np.percentile(self.seconds, (25, 75))
        return float((high - low) / 2 / self.median)

    def over(self, other: Timing) -> float:
        """How many times as long as `other` this took: the median ratio of the same rounds."""
        return median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


def interleaved(
    candidates: Mapping[str, Work],
    rounds: int,
    max_seconds: float = float("inf"),
    clock: Clock = WALL,
) -> dict[str, Timing]:
    """Times every candidate once a round, in an order that is reversed each time.

    `torch.utils.benchmark` measures one candidate after the other, so that a machine which slows
    down on the way looks like a slower candidate. A first round warms up and does not count. After
    `max_seconds` no other round begins, but three are always counted if `rounds` allows.
    """
    names, taken = list(candidates), {name: list[float]() for name in candidates}
    begin = time.perf_counter()
    for number in range(rounds + 1):
        if number > min(3, rounds) and time.perf_counter() - begin > max_seconds:
            break
        for name in names if number % 2 else reversed(names):
            start = clock()
            candidates[name]()
            seconds = clock() - start
            if number:
                taken[name].append(seconds)
    return {name: Timing(tuple(values)) for name, values in taken.items()}


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context that sees every operator, also those of a backward pass inside it.

    Operations are counted by the rules of `torch.utils.flop_counter`, whose own `FlopCounterMode`
    follows modules as well and refuses `torch.autograd.grad` because of that.

    operations: of matrix products and convolutions, a multiplication and an addition each.
    traffic: bytes that operators read and wrote, views not counted; a fused kernel would need less.
    largest: most elements of any tensor that an operator made, views not counted.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.traffic = self.largest = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            made = _tensors_in(result)
            self.largest = max([self.largest, *(tensor.numel() for tensor in made)])
            read = _tensors_in((args, list((kwargs or {}).values())))
            self.traffic += sum(
                tensor.nbytes for tensor in {id(t): t for t in (*read, *made)}.values()
            )
        if count := flop_registry.get(func._overloadpacket):
            self.operations += count(*args, **(kwargs or {}), out_val=result)
        return result


def _tensors_in(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors_in(item)]
    return []


@dataclass(frozen=True)
class Peak:
    """Best of some rounds: a matrix product in float32 and bfloat16, and a large copy.

    Attributes:
        gflops: 10^9 operations a second.
        gflops_bf16: 10^9 operations a second.
        gbytes: 10^9 bytes a second, read plus written.
    """

    gflops: float
    gflops_bf16: float
    gbytes: float

    def of(self, name: str) -> float:
        """The GFLOP/s that work in the precision its name tells could reach."""
        return self.gflops_bf16 if "bfloat16" in name else self.gflops


def measure_peak(
    device: torch.device, clock: Clock = WALL, side: int = _SIDE, size: int = _BYTES
) -> Peak:
    """Multiplies matrices of side x side and copies `size` bytes, with the threads that are set."""
    matrix = torch.randn(side, side, device=device)
    rounded = matrix.bfloat16()
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    work: dict[str, Work] = {
        "float32": lambda: matrix @ matrix,
        "bfloat16": lambda: rounded @ rounded,
        "copy": lambda: target.copy_(source),
    }
    with torch.no_grad():
        timings = interleaved(work, _ROUNDS, clock=clock)
    best = {name: min(timing.seconds) for name, timing in timings.items()}
    operations = 2 * side**3 / 1e9
    return Peak(
        operations / best["float32"], operations / best["bfloat16"], 2e-9 * size / best["copy"]
    )


def describe(device: torch.device) -> dict[str, Any]:
    """The machine in words and numbers, without its name; its load as this module was loaded."""
    described: dict[str, Any] = {
        "processor": processor_name(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        described["device"] = torch.cuda.get_device_name(device)
    if _LOAD_AT_START is not None:
        described["load_at_start"] = _LOAD_AT_START
    return described


# A process inherits the peak of the one that starts it, so commands are started by one that has
# loaded nothing.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
seconds, cpu = time.perf_counter() - start, used.ru_utime + used.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, cpu, used.ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Usage:
    """What a process took, from start to end.

    Attributes:
        seconds: on the wall.
        cpu_seconds: of all its threads; None where the system does not tell.
        peak_mb: the largest resident set in MiB, shared libraries included; None likewise.
    """

    seconds: float
    cpu_seconds: float | None = None
    peak_mb: float | None = None


def run_process(command: Sequence[str]) -> Usage:
    """Runs a command and waits for it; what it prints is dropped, errors are shown.

    Raises:
        AuheatError: if it fails.
    """
    if not sys.platform.startswith("linux"):
        start = time.perf_counter()
        code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        usage = Usage(time.perf_counter() - start)
    else:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
        told = subprocess.run(launcher, stdout=subprocess.PIPE, check=True).stdout
        code, *figures = json.loads(told)
        usage = Usage(*figures)
    if code:
        raise AuheatError(f"this command failed: {' '.join(command)}")
    return usage


def peak_bytes(
    prepare: Callable[[Case], Work], case: Case, warm_up: Case, device: torch.device
) -> int | None:
    """Bytes that the work `prepare(case)` needs beyond what was there when it began.

    On a CPU the work runs once in a new process where nothing else has ever run, and the growth of
    the largest resident set is what the system saw: tensors, scratch space of the matrix library,
    and what the allocator kept. On CUDA it is what torch's allocator had handed out at most.

    prepare must be a function of a module. None where the system does not tell.

    Args:
        prepare: gives the work for a case.
        case: what the work is called with.
        warm_up: a tiny case that is worked on first, so that libraries are loaded.
        device: where it runs, "cpu" or "cuda".
    """
    if device.type == "cuda":
        return _peak_on_cuda(prepare(case), device)
    if not sys.platform.startswith("linux"):
        return None
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_growth, prepare, case, warm_up, torch.get_num_threads()).result()


def _peak_on_cuda(work: Work, device: torch.device) -> int:
    work()
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _growth(prepare: Callable[[Any], Work], case: Any, warm_up: Any, threads: int) -> int:
    torch.set_num_threads(threads)
    prepare(warm_up)()
    work = prepare(case)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def _resident(entry: str) -> int:
    found = re.search(rf"{entry}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])
