"""One graph of the whole network as ONNX: from pixels to maps, SCC included.

Letters: B batch, H W input pixels.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from auheat.errors import AuheatError
from auheat.models.folded import fold
from auheat.models.map_net import MapNet
from auheat.models.runtimes.exported import CROPS, INTENSITY, KEY, LOCATION, ExportedSettings

# The oldest set of operators that holds all of a network; every runtime of these years has it.
_OPERATORS = 17


def write_graph(net: MapNet, settings: ExportedSettings, path: Path) -> None:
    """Writes a network and its settings into one file, see `auheat.models.runtimes.exported`.

    The number of crops in a batch is left open. Raises AuheatError if onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise AuheatError("to export, the package onnx is needed: pip install onnx") from None
    size, names = settings.config.input_size, [INTENSITY]
    if settings.config.location_maps:
        names.append(LOCATION)
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        # The newer exporter gives the same graph, but takes ten times as long and a package more.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            _FromCrops(net).cpu(),
            (example,),
            str(path),
            input_names=[CROPS],
            output_names=names,
            dynamic_axes={name: {0: "batch"} for name in (CROPS, *names)},
            opset_version=_OPERATORS,
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: settings.text()})
    onnx.save(model, str(path))


class _FromCrops(nn.Module):
    """What an exported graph computes: crops (B, H, W, 3) uint8 to the maps of each kind."""

    def __init__(self, net: MapNet) -> None:
        super().__init__()
        self.net, self.points = fold(net), net.points

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        maps = self.net.head(self.net.features(crops.permute(0, 3, 1, 2).float()))
        return tuple(maps.split(self.points, 1))
