"""Devices that PyTorch computes on, and what they can do."""

from __future__ import annotations

import torch

from auheat.errors import AuheatError
from auheat.models.device_names import check_device


def find_device(name: str) -> torch.device:
    """A torch device by name, "auto" for CUDA if there is any.

    Raises:
        AuheatError: if it is none, or unusable.
    """
    check_device(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except Exception:  # torch has many ways of saying that a device is not there
        raise AuheatError(f"no device {name!r} here that torch can use: give cpu or auto") from None
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
