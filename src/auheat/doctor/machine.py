"""What auheat finds on this machine: packages, devices, runtimes, and video."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from auheat import __version__
from auheat.errors import AuheatError, on_one_line
from auheat.optional import NEEDED, PACKAGES, explained, is_installed, trouble
from auheat.system import cpu_count

State = Literal["ok", "missing", "FAILED"]

OLDEST = (3, 10)

# Of what is optional all are loaded but these, which take seconds.
_SLOW = ("lightning", "ray")

_FRAMES, _FPS = 5, Fraction(25)
_MAX_GREY_ERROR = 8  # that compression may change a grey


@dataclass(frozen=True)
class Finding:
    """One line of `auheat doctor`.

    Attributes:
        state: "missing" is something that auheat does without; "FAILED" is something that it needs.
        subject: what was looked at.
        detail: what was seen.
        advice: what to do, where it is not ok.
    """

    state: State
    subject: str
    detail: str
    advice: str = ""

    def line(self) -> str:
        """`FAILED   weights: truncated; install auheat again`."""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.state:<8} {self.subject}: {self.detail}{advice}"


def guarded(look: Callable[[], Iterator[Finding]], advice: str) -> Iterator[Finding]:
    """The findings of a look, and one that says FAILED if it ends with an error.

    Args:
        look: Gives the findings; its name is the subject.
        advice: What to do about an error that does not say so itself.
    """
    try:
        yield from look()
    except Exception as error:
        subject = look.__name__.strip("_").replace("_", "-")
        known = error if isinstance(error, AuheatError) else explained(error)
        if known:
            yield Finding("FAILED", subject, str(known))
        else:
            yield Finding("FAILED", subject, on_one_line(error), advice)


def python() -> Iterator[Finding]:
    """The interpreter, and auheat itself."""
    fits = sys.version_info[:2] >= OLDEST
    advice = "" if fits else "auheat needs Python 3.10 or newer"
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("ok" if fits else "FAILED", "python", found, advice)
    yield Finding("ok", "auheat", __version__)


def needed() -> Iterator[Finding]:
    """Loads what auheat cannot do without."""
    for module, distribution in NEEDED:
        problem = trouble(module)
        if problem:
            yield Finding("FAILED", distribution, str(problem))
        else:
            yield Finding("ok", distribution, _version(distribution, module))


def optional() -> Iterator[Finding]:
    """Looks for what the extras bring."""
    for module, distribution, extra, purpose in PACKAGES:
        if not is_installed(module):
            advice = f'pip install "auheat[{extra}]"'
            yield Finding("missing", distribution, f"only needed for {purpose}", advice)
            continue
        problem = None if module in _SLOW else trouble(module)
        if problem:
            yield Finding("FAILED", distribution, str(problem))
        else:
            found = _version(distribution, module)
            yield Finding("ok", distribution, f"{found}, for {purpose}")


def devices() -> Iterator[Finding]:
    """CPU and GPUs, and whether each multiplies in bf16 itself, as far as PyTorch can tell."""
    processors = f"{platform.machine()}, {cpu_count()} processors"
    if trouble("torch"):
        yield Finding("ok", "cpu", processors)
        return
    import torch

    from auheat.models.devices import find_device, has_bfloat16

    cpu = torch.device("cpu")
    yield Finding("ok", "cpu", f"{processors}, {_precision(has_bfloat16(cpu))}")
    if not torch.cuda.is_available():
        advice = "for an NVIDIA GPU install a CUDA build of torch (pytorch.org)"
        yield Finding("missing", "gpu", "torch sees none, the CPU does all", advice)
    for number in range(torch.cuda.device_count()):
        device = find_device(f"cuda:{number}")
        name = torch.cuda.get_device_name(device)
        yield Finding("ok", str(device), f"{name}, {_precision(has_bfloat16(device))}")


def runtimes() -> Iterator[Finding]:
    """What networks can run on here."""
    from auheat.models.runtimes.opening import PACKAGES as RUNTIMES

    packages = RUNTIMES | {"torch": "torch"}
    found = [name for name, package in packages.items() if not trouble(package)]
    yield Finding("ok", "runtimes", ", ".join(found))


def video() -> Iterator[Finding]:
    """Writes a small video and reads it: the frames, their times and their colours."""
    import numpy as np

    from auheat.media.frames import VideoFile
    from auheat.media.video_writer import VideoWriter

    shown = [np.full((64, 64, 3), 40 * number, np.uint8) for number in range(1, _FRAMES + 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auheat.mp4"
        with VideoWriter(path, _FPS) as writer:
            for number, image in enumerate(shown):
                writer.write(image, number / float(_FPS))
        frames = list(VideoFile(path))
    times = [round(frame.timestamp * float(_FPS), 2) for frame in frames]
    pairs = zip(frames, shown, strict=False)
    off = max(np.abs(frame.image.astype(int) - image).max() for frame, image in pairs)
    if times != list(range(_FRAMES)) or off > _MAX_GREY_ERROR:
        seen = f"{len(frames)} of {_FRAMES} frames came back, grey levels off by up to {off}"
        yield Finding("FAILED", "video", seen, "pip install --force-reinstall av")
    else:
        yield Finding("ok", "video", f"{_FRAMES} frames written and read")


def _precision(bfloat16: bool) -> str:
    return "fp32, and bf16 with --runtime torch" if bfloat16 else "fp32 (no bf16 instructions)"


def _version(distribution: str, module: str) -> str:
    """The version, also where the module came from another distribution (opencv has four)."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        found = getattr(import_module(module), "__version__", "of unknown version")
        return f"{found} (not from {distribution})"
