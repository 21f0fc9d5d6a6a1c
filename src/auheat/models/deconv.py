"""Deconvolution stages of Simple Baselines (Xiao, Wu and Wei, ECCV 2018): each doubles the map."""

from __future__ import annotations

from torch import Tensor, nn


class DeconvStage(nn.Module):
    """ConvTranspose2d (kernel 4, stride 2, padding 1, no bias), batch norm, ReLU.

    (B, inputs, H, W) -> (B, outputs, 2H, 2W). Weights start from N(0, 0.001), as published.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        nn.init.normal_(self.deconv.weight, std=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.deconv(x)))  # type: ignore[no-any-return]
