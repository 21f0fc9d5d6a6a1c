"""Networks in PyTorch, fused, on the CPU or a GPU."""

from __future__ import annotations

import torch

from auheat.config import ModelConfig
from auheat.models.devices import find_device, has_bfloat16
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.heatmap_model import Heatmaps
from auheat.models.runtimes.runtime import Crops, Precision, PrecisionChoice, RuntimeName


class TorchRuntime:
    """See `Runtime`.

    net: as a checkpoint holds it; it is copied. device: see `find_device`.
    precision: "auto" is bfloat16 where the device computes in it, else float32.
    threads: of the CPU, for all that PyTorch does in this process; left alone if None.
    """

    name: RuntimeName = "torch"

    def __init__(
        self,
        net: torch.nn.Module,
        config: ModelConfig,
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        threads: int | None = None,
    ) -> None:
        place = find_device(device)
        if threads is not None:
            torch.set_num_threads(threads)
        self.config, self.device = config, str(place)
        self.precision: Precision = _precision(precision, place)
        fused = fuse(net)
        if self.precision == "bf16":
            in_bfloat16(fused)
        self.net = fused.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def heatmaps(self, crops: Crops) -> Heatmaps:
        pixels = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
        # Planes of one colour each: the normalisation's sums and products are quicker on them.
        maps = self.net(pixels.to(torch.float32, memory_format=torch.contiguous_format))
        location = None if maps.location is None else maps.location.float().contiguous()
        return Heatmaps(maps.intensity.float().contiguous(), location)


def _precision(choice: PrecisionChoice, device: torch.device) -> Precision:
    if choice != "auto":
        return choice
    return "bf16" if has_bfloat16(device) else "fp32"
