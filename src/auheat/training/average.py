"""Averages of weights over the steps of a training (Polyak and Juditsky, 1992)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from auheat.models.heatmap_model import HeatmapModel

# How fast the average forgets the weights of the start: after n steps the decay is at most
# n / (n + this).
_WARM_UP_UPDATES = 10


class WeightAverage(nn.Module):
    """The exponential moving average of a network's weights and norm statistics.

    After n updates it has moved by the fraction `1 - min(decay, n / (n + 10))` towards the
    network, so that the first is a copy.

    Args:
        net: The network, whose present weights count for nothing.
        decay: Weight of what was there before.

    Attributes:
        net: A network that holds the average; no gradients flow into it.
        updates: () int64, how many there were.
    """

    updates: Tensor

    def __init__(self, net: HeatmapModel, decay: float) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).requires_grad_(requires_grad=False)
        self._decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, net: HeatmapModel) -> None:
        """Takes in the weights of a network after a step."""
        updates = int(self.updates)
        fraction = 1 - min(self._decay, updates / (updates + _WARM_UP_UPDATES))
        held, new = (list(one.state_dict().values()) for one in (self.net, net))
        numbers = [n for n, tensor in enumerate(held) if tensor.is_floating_point()]
        torch._foreach_lerp_([held[n] for n in numbers], [new[n] for n in numbers], fraction)
        for n in set(range(len(held))) - set(numbers):  # batch norm's counters
            held[n].copy_(new[n])
        self.updates += 1
