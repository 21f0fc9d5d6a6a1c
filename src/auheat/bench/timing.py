"""Candidates timed in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

Work = Callable[[], object]
Clock = Callable[[], float]
# Seconds on the wall, or those that processors spent on this process. Where others use the
# machine, the second with one thread says what work costs; with more, waiting counts as work.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


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
        """Half the distance between the quartiles, as a share of the median."""
        low, high = np.percentile(self.seconds, (25, 75))
        return float((high - low) / 2 / self.median)

    def over(self, other: Timing) -> float:
        """How many times as long as `other` this took: the median ratio of the same rounds."""
        return median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


def in_turns(
    candidates: Mapping[str, Work],
    rounds: int,
    seconds: float = float("inf"),
    finish: Work = lambda: None,
    clock: Clock = time.perf_counter,
) -> dict[str, Timing]:
    """Times every candidate once a round, in an order that turns round each time.

    A first round warms up and does not count. After `seconds` no other round begins, but three are
    always counted if `rounds` allows. finish: waits for work that is still running on a device.
    """
    names, taken = list(candidates), {name: list[float]() for name in candidates}
    begin = time.perf_counter()
    for number in range(rounds + 1):
        if number > min(3, rounds) and time.perf_counter() - begin > seconds:
            break
        for name in names if number % 2 else reversed(names):
            start = clock()
            candidates[name]()
            finish()
            if number:
                taken[name].append(clock() - start)
    return {name: Timing(tuple(values)) for name, values in taken.items()}
