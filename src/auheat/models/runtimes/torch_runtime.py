"""Networks in PyTorch, folded, on the CPU or a GPU."""

from __future__ import annotations

import torch

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.models.folded import fold, in_bfloat16
from auheat.models.map_net import Maps
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
        folded = fold(net)
        if self.precision == "bf16":
            in_bfloat16(folded)
        self.net = folded.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def maps(self, crops: Crops) -> Maps:
        pixels = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
        # Planes of one colour each: the normalisation's sums and products are quicker on them.
        maps = self.net(pixels.to(torch.float32, memory_format=torch.contiguous_format))
        location = None if maps.location is None else maps.location.float().contiguous()
        return Maps(maps.intensity.float().contiguous(), location)


def find_device(name: str) -> torch.device:
    """A torch device by name, "auto" for CUDA if there is any. Raises AuheatError if unusable."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise AuheatError(
            f"no device {name!r} here: use auto, cpu, or another that torch can run on"
        ) from None
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 itself, and so about twice as fast."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch 2.5 or newer
    known = (getattr(torch.cpu, name, None) for name in instructions)
    return any(supported() for supported in known if supported is not None)


def _precision(choice: PrecisionChoice, device: torch.device) -> Precision:
    if choice != "auto":
        return choice
    return "bf16" if has_bfloat16(device) else "fp32"
