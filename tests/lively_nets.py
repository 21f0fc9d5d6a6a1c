"""Networks as training leaves them, and crops to run them on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auheat.config import ModelConfig
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import build_net
from stand_ins import SMALL

Images = NDArray[np.uint8]

WITH_SCC = replace(SMALL, scc=True, scc_k=3, deconv_widths=(12, 8))
TWO_AUS = ModelConfig(
    aus=("AU12", "AU04"), width=0.125, input_size=64, deconv_widths=(12, 8), scc_k=3, sigma=1.5
)
HOURGLASS = ModelConfig(
    aus=SMALL.aus, kind="hourglass", scc=False, width=0.0625, input_size=64, location_maps=False
)


def crops(count: int, size: int = 64, seed: int = 0) -> Images:
    """Coarse random blocks under fine noise."""
    random = np.random.default_rng(seed)
    coarse = np.kron(
        random.integers(0, 200, (count, 8, 8, 3)), np.ones((1, size // 8, size // 8, 1))
    )
    return np.asarray(coarse + random.integers(0, 56, (count, size, size, 3)), np.uint8)


def lively(config: ModelConfig) -> HeatmapModel:
    """A network whose norms and SCC layers are all but neutral, as after training."""
    torch.manual_seed(3)
    net = build_net(config)
    for name, parameter in net.named_parameters():
        if parameter.ndim == 1 and "head" not in name:
            nn.init.uniform_(parameter, 0.5, 1.5)
        elif "omega" in name or "phi" in name:
            nn.init.normal_(parameter, std=parameter.shape[0] ** -0.5)
        elif parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
    for name, buffer in net.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(buffer, std=0.1)
        elif name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 2.0)
    nn.init.normal_(net.head.weight, std=0.05)
    return net.eval()


def as_tensor(images: Images) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


def parameter_count(net: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in net.parameters())
