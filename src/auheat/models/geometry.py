"""How the shape of a face's mesh (`auheat.face_shape`) enters a network beside what it sees.

Letters: B batch, C channels, G numbers of a shape, S side of a map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auheat.face_shape import SIZE

_UNIT = 0.05  # a usual displacement, which the layers take in as 1
_HIDDEN, _MAPS = 128, 16


class GeometryChannels(nn.Module):
    """Maps that are added to the channels of a feature map: (B, G) -> (B, channels, side, side).

    Two linear layers draw a few maps, and a 1x1 convolution weighs them for each channel. Its
    weights start at 0, so that a network that is given this part gives what it gave before; and
    where no shape is known (G zeros) nothing is added, whatever was learned.

    Args:
        channels: C of the feature map.
        side: S of the feature map.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.hidden = nn.Linear(SIZE - 1, _HIDDEN)
        self.draw = nn.Linear(_HIDDEN, _MAPS * side * side)
        self.weigh = nn.Conv2d(_MAPS, channels, 1, bias=False)
        nn.init.zeros_(self.weigh.weight)

    def forward(self, geometry: Tensor) -> Tensor:
        moved = (geometry[:, :-1] / _UNIT).to(self.weigh.weight.dtype)
        known = geometry[:, -1:, None, None].to(moved.dtype)
        maps = torch.relu(self.draw(torch.relu(self.hidden(moved))))
        return self.weigh(maps.view(-1, _MAPS, self.side, self.side)) * known  # type: ignore[no-any-return]
