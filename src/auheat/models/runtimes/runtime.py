"""The protocol of all runtimes, and the names that a user gives them.

Letters: B batch, H W input pixels, h w map pixels, N maps.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auheat.config import ModelConfig
from auheat.models.heatmap_model import Heatmaps
from auheat.models.runtimes.names import Precision as Precision
from auheat.models.runtimes.names import PrecisionChoice as PrecisionChoice
from auheat.models.runtimes.names import RuntimeChoice as RuntimeChoice
from auheat.models.runtimes.names import RuntimeName as RuntimeName

Crops = NDArray[np.uint8]


class Runtime(Protocol):
    """A network that is ready to run.

    name: which runtime it is. precision: what it computes in; maps are float32 always.
    device: where, as torch names it. config: the settings of the network.
    """

    name: RuntimeName
    precision: Precision
    device: str
    config: ModelConfig

    def heatmaps(self, crops: Crops) -> Heatmaps:
        """What the network draws for RGB crops (B, H, W, 3), B > 0: float32 maps (B, N, h, w).

        The same crops give the same maps every time. Several threads may call it at once.
        """
        ...
