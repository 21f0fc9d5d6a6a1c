"""Checkpoints: one safetensors file with the weights and the settings that rebuild the network.

The file's metadata holds one JSON text under the key `auheat`:
{"format": 1, "model": <ModelConfig>, "card": {...}}. Its last entry, `sha256`, is the sum of the
text before it and of all tensors, by which a flipped bit is noticed; older files lack it. No pickle
is ever read.

`card` is free. `auheat train` writes into it:

    auheat      the version
    experiment  the settings of the run; experiment.data names what it was trained on
    epoch       the one that was kept
    validation  its figures on the run's validation people

scripts/ship_weights.py adds to the card of its last run:

    training    what all stages were trained on, in words; older files lack it
    data, test  how the dataset was made that the weights were measured on, and their figures there
    licence, limits
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from auheat.config import ModelConfig
from auheat.errors import AuheatError, checked_path
from auheat.files import atomic_write
from auheat.json_files import parse_json
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import HeatmapNet, build_net
from auheat.models.resnet import ResNet
from auheat.settings import build_stored, to_dict
from auheat.sums import check_readable, check_sum

FORMAT = 1
_KEY = "auheat"
_COUNTER = "num_batches_tracked"  # of steps, which batch norm keeps
_SUM = re.compile(r', "sha256": "([0-9a-f]{64})"\}$')
# How names of the backbone begin in a checkpoint, and how they began before it was called so.
_BACKBONE, _FORMER = "backbone.", "trunk."


@dataclass(frozen=True)
class Checkpoint:
    """A network that was rebuilt from its file.

    Attributes:
        net: The network, in evaluation mode.
        config: Its settings.
        card: What its weights were trained on and reached.
    """

    net: HeatmapModel
    config: ModelConfig
    card: Mapping[str, Any]


def save_checkpoint(
    path: str | Path,
    net: HeatmapModel,
    config: ModelConfig,
    *,
    card: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Writes a checkpoint under a temporary name, then renames it.

    Args:
        path: The file to write, .safetensors.
        net: The network.
        config: The settings that rebuild it.
        card: What the weights were trained on and reached; anything that JSON can hold.
        half: Whether matrices and filters are stored as float16 (norm statistics stay float32).

    Raises:
        AuheatError: The file cannot be written; what was there before then stays.
    """
    path = checked_path("the weights", path)
    tensors = {
        name: (tensor.half() if half and tensor.ndim > 1 else tensor).contiguous()
        for name, tensor in net.state_dict().items()
    }
    text = json.dumps({"format": FORMAT, "model": to_dict(config), "card": dict(card or {})})
    with atomic_write(path) as temporary:
        summed = f'{text[:-1]}, "sha256": "{_sum_of(text, tensors)}"}}'
        temporary.write_bytes(save(tensors, metadata={_KEY: summed}))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Rebuilds a network from its file.

    Raises:
        AuheatError: The file is missing, is not a safetensors file, was not written by auheat, or
            does not fit the settings it carries.
    """
    path = Path(path)
    header, tensors = _read(path)
    config, card = _config(header, path)
    _refuse_other_sizes(config, tensors, path)
    net = build_net(config)
    fill(net, tensors, path)
    return Checkpoint(net.eval(), config, card)


def load_backbone(backbone: ResNet, path: str | Path) -> None:
    """Fills a backbone with weights in torchvision's naming, or of a checkpoint of auheat.

    The classifier `fc` is ignored, and so are batch norm's step counters, which older files lack.
    Published `.pth` files are pickles, which are never read; convert one that you trust:

        import torch
        from safetensors.torch import save_file
        save_file(torch.load("resnet50.pth", weights_only=True), "resnet50.safetensors")

    Raises:
        AuheatError: Any other weight is missing or has another shape; its key is named.
    """
    path = Path(path)
    _, tensors = _read(path, ": convert it with torch and safetensors, see docs/training.md")
    counters = {k: v for k, v in backbone.state_dict().items() if k.endswith(_COUNTER)}
    inside = {k[len(_BACKBONE) :]: v for k, v in tensors.items() if k.startswith(_BACKBONE)}
    weights = inside or {k: v for k, v in tensors.items() if not k.startswith("fc.")}
    fill(backbone, counters | weights, path)


def backbone_of(net: HeatmapModel) -> ResNet:
    """The part that `load_backbone` fills.

    Raises:
        AuheatError: The network has no backbone.
    """
    if not isinstance(net, HeatmapNet):
        raise AuheatError(
            "an hourglass has no backbone to load weights into: leave optim.backbone_weights out"
        )
    return net.backbone


def read_checkpoint_tensors(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The settings and weights of a checkpoint, by today's names, of which no network is made.

    Raises:
        AuheatError: The file is missing or is not a checkpoint of auheat.
    """
    header, tensors = _read(path)
    return _config(header, path)[0], tensors


def _config(header: Mapping[str, str], path: Path) -> tuple[ModelConfig, dict[str, Any]]:
    """The settings of the network and the card, from a checkpoint's metadata."""
    if _KEY not in header:
        raise AuheatError(
            f"{path} holds weights but no auheat settings: give a checkpoint that auheat wrote"
        )
    model, card = _settings(header[_KEY], path)
    return build_stored(ModelConfig, model, f"checkpoint {path}"), card


def _settings(text: str, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The model settings and the card in a checkpoint's metadata."""
    damaged = AuheatError(
        f"the settings inside checkpoint {path} are damaged: give another copy of the file"
    )
    try:
        stored = parse_json(text)
        version = stored["format"]
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    if version != FORMAT:
        raise AuheatError(
            f"checkpoint {path} has format {version}, this auheat reads {FORMAT}: update auheat"
        )
    model, card = stored.get("model"), stored.get("card", {})
    if not isinstance(model, dict) or not isinstance(card, dict):
        raise damaged
    return model, card


def _read(path: Path, advice: str = "") -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and tensors of a safetensors file. advice: ends the line about other kinds."""
    if not path.is_file():
        raise AuheatError(f"no checkpoint at {path}: give the path of a .safetensors file")
    check_readable(path)
    check_sum(path)
    try:
        with safe_open(path, framework="pt") as stored:
            header = stored.metadata() or {}
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise AuheatError(
            f"{path} is not a readable safetensors file ({error}): it may be truncated or of "
            f"another kind; only .safetensors weights are read{advice}"
        ) from None
    text = header.get(_KEY, "")
    stored_sum = _SUM.search(text)
    if stored_sum and stored_sum[1] != _sum_of(text[: stored_sum.start()] + "}", tensors):
        raise AuheatError(
            f"{path} is damaged: its content is not what was written, by the SHA-256 inside it; "
            "give another copy of the file"
        )
    for name, tensor in tensors.items():
        if wrong := _fault_of(name, tensor):
            raise AuheatError(
                f"{path} cannot be used: {name} {wrong}; give another copy of the file"
            )
    return header, {_current(name): tensor for name, tensor in tensors.items()}


def _fault_of(name: str, tensor: Tensor) -> str:
    """Why numbers are no weights, as the end of a sentence, or ""."""
    if name.endswith(_COUNTER):
        return "" if tensor.dtype == torch.int64 else "is no 64-bit count"
    if not tensor.is_floating_point():
        return f"holds {str(tensor.dtype).removeprefix('torch.')} instead of floating-point numbers"
    if not torch.isfinite(tensor.float()).all():
        return "holds NaN or infinite numbers"
    if name.endswith("running_var") and bool((tensor < 0).any()):
        return "holds negative variances"
    return ""


def _refuse_other_sizes(config: ModelConfig, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Compares shapes before any memory is taken, which the settings may ask for without bounds.

    Raises:
        AuheatError: The weights are of another network, or there can be no such network.
    """
    try:
        with torch.device("meta"):
            expected = build_net(config).state_dict()
    except (RuntimeError, OverflowError, TypeError, ValueError, MemoryError):
        raise AuheatError(
            f"checkpoint {path} describes a network that cannot be built: give another copy"
        ) from None
    if misfit := describe_misfit(expected, tensors):
        raise AuheatError(f"{path} does not fit the network: it {misfit}")


def _sum_of(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of settings and tensors, whatever their order in the file."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _current(name: str) -> str:
    """Today's name of a tensor."""
    return _BACKBONE + name.removeprefix(_FORMER) if name.startswith(_FORMER) else name


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Gives a module weights of a file, as numbers of its own kind.

    Raises:
        AuheatError: Some are missing, unknown or of another shape; the keys are named.
    """
    expected = module.state_dict()
    if misfit := describe_misfit(expected, tensors):
        raise AuheatError(f"{path} does not fit the network: it {misfit}")
    with torch.no_grad():
        module.load_state_dict({k: v.to(expected[k].dtype) for k, v in tensors.items()})


def describe_misfit(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], *, but: Sequence[str] = ()
) -> str:
    """Which tensors are missing, unknown or of another shape, as the end of a sentence, or "".

    Args:
        expected: What should be there.
        tensors: What is there.
        but: Names that may have any shape.
    """
    missing = [name for name in expected if name not in tensors]
    unknown = [name for name in tensors if name not in expected]
    wrong = [
        name
        for name, tensor in tensors.items()
        if name in expected and name not in but and tensor.shape != expected[name].shape
    ]
    labelled = (("lacks", missing), ("has unknown", unknown), ("misshapes", wrong))
    return "; ".join(f"{label} {_some(names)}" for label, names in labelled if names)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
