"""What there is to compute on, and whether video can be written and read."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from auheat.doctor.findings import Finding

_FRAMES, _RATE = 5, Fraction(25)
_LEVELS = 8  # that compression may change a grey


def devices() -> Iterator[Finding]:
    """CPU and GPUs, and whether each multiplies in bf16 itself."""
    import torch

    from auheat.models.runtimes.torch_runtime import find_device, has_bfloat16

    cpu = torch.device("cpu")
    found = f"{platform.machine()}, {torch.get_num_threads()} threads"
    yield Finding("ok", "cpu", f"{found}, {_precision(has_bfloat16(cpu))}")
    if not torch.cuda.is_available():
        advice = "for an NVIDIA GPU install a CUDA build of torch (pytorch.org)"
        yield Finding("missing", "gpu", "torch sees none, the CPU does all", advice)
    for number in range(torch.cuda.device_count()):
        device = find_device(f"cuda:{number}")
        name = torch.cuda.get_device_name(device)
        yield Finding("ok", str(device), f"{name}, {_precision(has_bfloat16(device))}")


def runtimes() -> Iterator[Finding]:
    """What networks can run on here."""
    from auheat.models.runtimes.opening import installed

    exported = installed()
    yield Finding("ok", "runtimes", ", ".join(["torch", *exported]))


def video() -> Iterator[Finding]:
    """Writes a small video and reads it: the frames, their times and their colours."""
    import numpy as np

    from auheat.media.frames import VideoFile
    from auheat.media.video_writer import VideoWriter

    shown = [np.full((64, 64, 3), 40 * number, np.uint8) for number in range(1, _FRAMES + 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auheat.mp4"
        with VideoWriter(path, _RATE) as writer:
            for number, image in enumerate(shown):
                writer.write(image, number / float(_RATE))
        frames = list(VideoFile(path))
    times = [round(frame.timestamp * float(_RATE), 2) for frame in frames]
    pairs = zip(frames, shown, strict=False)
    off = max(np.abs(frame.image.astype(int) - image).max() for frame, image in pairs)
    if times != list(range(_FRAMES)) or off > _LEVELS:
        seen = f"{len(frames)} of {_FRAMES} frames came back, grey levels off by up to {off}"
        yield Finding("FAILED", "video", seen, "pip install --force-reinstall av")
    else:
        yield Finding("ok", "video", f"{_FRAMES} frames written and read")


def _precision(bfloat16: bool) -> str:
    return "bf16 and fp32" if bfloat16 else "fp32 (no bf16 instructions)"
