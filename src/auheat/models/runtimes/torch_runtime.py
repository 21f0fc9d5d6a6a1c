"""Networks in PyTorch, on the CPU or a GPU."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auheat.models.checkpoint import Checkpoint
from auheat.models.devices import find_device, has_bfloat16
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.runtimes.names import Precision, PrecisionChoice, RuntimeName
from auheat.models.runtimes.runtime import Crops, HeatmapArrays, Shapes

_forked = False


def _one_thread() -> None:
    """In a fork: the threads that OpenMP waits for were not copied."""
    global _forked
    _forked = True
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread)


class TorchRuntime:
    """See `Runtime`.

    Args:
        checkpoint: The network, which is copied, its settings and its card.
        device: See `find_device`.
        precision: "auto" is bfloat16 where the device computes in it, else float32.
        threads: Of the CPU, for this network alone; as many as PyTorch was told in this process if
            None. In a fork of a process that has loaded this module it is always one.
        fused: Whether the network is rewritten to do less work, see `auheat.models.fused`; without,
            it runs as it was trained, in fp32.

    Raises:
        AuheatError: The device is not there.
    """

    name: RuntimeName = "torch"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        threads: int | None = None,
        fused: bool = True,
    ) -> None:
        place = find_device(device)
        self._threads = threads
        self.config, self.card, self.device = checkpoint.config, checkpoint.card, str(place)
        self.precision: Precision = _precision(precision, place) if fused else "fp32"
        net = fuse(checkpoint.net) if fused else copy.deepcopy(checkpoint.net).eval()
        if self.precision == "bf16":
            in_bfloat16(net)
        if fused:
            net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net = net.to(place)

    @torch.inference_mode()
    def heatmaps(self, crops: Crops, geometry: Shapes | None = None) -> HeatmapArrays:
        with self._own_threads():
            maps = self.net(self._images(crops), self._shapes(geometry))
        location = None if maps.location is None else _array(maps.location)
        return HeatmapArrays(_array(maps.intensity), location)

    @torch.inference_mode()
    def features(self, crops: Crops, geometry: Shapes | None = None) -> NDArray[np.float32]:
        """The channels (B, C, h, w) that the 1x1 output weighs; arguments as for `heatmaps`."""
        with self._own_threads():
            return _array(self.net.features(self._images(crops), self._shapes(geometry)))

    @contextmanager
    def _own_threads(self) -> Iterator[None]:
        """Within it PyTorch has the threads that were asked for; how many it has decides last bits.

        The number is the process's: other networks, and the program around, get theirs back.
        """
        before = torch.get_num_threads()
        if self._threads in (None, before) or _forked:
            yield
            return
        torch.set_num_threads(self._threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _images(self, crops: Crops) -> Tensor:
        pixels = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
        # Planes of one colour each: the normalisation's sums and products are quicker on them.
        return pixels.to(torch.float32, memory_format=torch.contiguous_format)

    def _shapes(self, geometry: Shapes | None) -> Tensor | None:
        return None if geometry is None else torch.from_numpy(geometry).to(self.device)


def _array(maps: Tensor) -> NDArray[np.float32]:
    return np.asarray(maps.float().contiguous().cpu().numpy())


def _precision(choice: PrecisionChoice, device: torch.device) -> Precision:
    if choice != "auto":
        return choice
    return "bf16" if has_bfloat16(device) else "fp32"
