"""Starting a network from the weights of another one that is not quite the same.

The other may read other Action Units, count in other units, have fewer or more SCC layers, lack
what was added since, and be wider. What both have is copied; what only the new network has keeps
the values that it has, but maps of new Action Units start at zero; what only the other has is left
out. A narrower network gets the channels that weigh most, the same ones wherever a stream of
channels goes (a residual stream is read and written by many layers).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.facs import PointLayout
from auheat.heatmap import codec_of
from auheat.models.checkpoint import describe_misfit, fill, read_checkpoint_tensors
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import HeatmapNet
from auheat.models.resnet import Bottleneck, ResNet

# Parts that a network may have or lack beside the one that it starts from.
_OPTIONAL = ("correspondence.", "geometry.", "levels.")
_HEAD = ("head.weight", "head.bias")
# A place of a stream of channels: a tensor's name and the axis that counts the channels.
_Place = tuple[str, int]


def start_from(net: HeatmapModel, config: ModelConfig, path: str | Path) -> None:
    """Fills a network with the weights of a checkpoint, as the start of further training.

    Args:
        net: The network to fill.
        config: Its settings.
        path: The checkpoint.

    Raises:
        AuheatError: The file is not a checkpoint of auheat, or does not fit otherwise; the keys are
            named.
    """
    path = Path(path)
    stored_config, tensors = read_checkpoint_tensors(path)
    own = net.state_dict()
    tensors = _with_own_parts(tensors, own)
    if isinstance(net, HeatmapNet):
        tensors = _narrowed(tensors, net)
    if misfit := describe_misfit(own, tensors, but=_HEAD):
        raise AuheatError(f"{path} does not fit the network: it {misfit}")
    factor = codec_of(config).scale / codec_of(stored_config).scale
    kinds = 2 if stored_config.location_maps else 1
    if tensors["head.weight"].shape[0] != kinds * _maps(stored_config):
        raise AuheatError(f"{path} does not fit the network: its last layer has other maps")
    for name in _HEAD:
        tensors[name] = _maps_of(tensors[name], stored_config, own[name], config, factor)
    fill(net, tensors, path)


def _with_own_parts(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with the optional parts that the network has, and without those that it lacks."""
    kept = {k: v for k, v in tensors.items() if k in own or not k.startswith(_OPTIONAL)}
    return {k: v for k, v in own.items() if k.startswith(_OPTIONAL)} | kept


def _maps(config: ModelConfig) -> int:
    return len(_map_keys(config))


def _map_keys(config: ModelConfig) -> list[tuple[str, int]]:
    """What each intensity map is of: an AU and the number of one of its points."""
    if config.maps == "au":
        return [(au, 0) for au in config.aus]
    owners = PointLayout.of(config.aus).au_of_point
    return [(config.aus[au], n - owners.index(au)) for n, au in enumerate(owners)]


def _maps_of(
    stored: Tensor,
    stored_config: ModelConfig,
    own: Tensor,
    config: ModelConfig,
    factor: float,
) -> Tensor:
    """The last layer's weights (N, ...) for the maps of a network, those of new AUs 0.

    Args:
        stored: The other network's.
        stored_config: Its settings.
        own: The network's.
        config: Its settings.
        factor: From the other's units of intensity to the network's.
    """
    keys = _map_keys(stored_config)
    places = {(kind, key): n for kind in range(2) for n, key in enumerate(keys, kind * len(keys))}
    result = torch.zeros_like(own, dtype=torch.float32)
    wanted = _map_keys(config)
    for row in range(len(own)):
        kind, number = divmod(row, len(wanted))
        place = places.get((kind, wanted[number]))
        if place is not None and place < len(stored):
            result[row] = stored[place].float() * (1.0 if kind else factor)
    return result


def _narrowed(tensors: dict[str, Tensor], net: HeatmapNet) -> dict[str, Tensor]:
    """Tensors of a wider network with only as many channels as the network has."""
    own, result = net.state_dict(), dict(tensors)
    for places in _streams(net):
        places = [place for place in places if place[0] in tensors]
        if not places:
            continue
        size = own[places[0][0]].shape[places[0][1]]
        counts = {tensors[name].shape[axis] for name, axis in places}
        if len(counts) != 1 or counts == {size} or min(counts) < size:
            continue  # the same, or what cannot be fixed: the caller says which key misfits
        chosen = _importance(tensors, places).topk(size).indices.sort().values
        for name, axis in places:
            result[name] = result[name].index_select(axis, chosen)
    return result


def _importance(tensors: Mapping[str, Tensor], places: list[_Place]) -> Tensor:
    """How much each channel of a stream weighs: its norm's factor times what reads it."""
    written: Tensor | float = 0.0
    read: Tensor | float = 0.0
    for name, axis in places:
        tensor = tensors[name].float()
        if tensor.ndim == 1 and name.endswith(".weight"):
            written = written + tensor.square() / tensor.square().mean()
        elif tensor.ndim > 1 and axis == (0 if name.startswith("deconvs.") else 1):
            squares = tensor.square().transpose(0, axis).flatten(1).sum(1)
            read = read + squares / squares.mean()
    return torch.as_tensor(written * read)


class _Streams:
    """Where the channels of each stream are counted, of a network that is walked through.

    Attributes:
        places: For each stream, by the name of the layer that begins it.
    """

    def __init__(self) -> None:
        self.places: defaultdict[str, list[_Place]] = defaultdict(list)

    def norm(self, name: str, stream: str) -> None:
        kinds = ("weight", "bias", "running_mean", "running_var")
        self.places[stream] += [(f"{name}.{kind}", 0) for kind in kinds]

    def layer(self, conv: str, norm: str, inputs: str, outputs: str) -> None:
        """A convolution and its norm, between two streams."""
        if inputs:
            self.places[inputs].append((f"{conv}.weight", 1))
        self.places[outputs].append((f"{conv}.weight", 0))
        self.norm(norm, outputs)


def _streams(net: HeatmapNet) -> list[list[_Place]]:
    streams = _Streams()
    last = _walk_backbone(net.backbone, streams)
    for n in range(len(net.deconvs)):
        name = f"deconvs.{n}"
        streams.places[last].append((f"{name}.deconv.weight", 0))
        streams.places[name].append((f"{name}.deconv.weight", 1))
        streams.norm(f"{name}.norm", name)
        last = name
    if net.geometry is not None:  # which adds to what the first deconvolution gives
        streams.places["deconvs.0"].append(("geometry.weigh.weight", 0))
    streams.places[last].append(("head.weight", 1))
    return list(streams.places.values())


def _walk_backbone(backbone: ResNet, streams: _Streams) -> str:
    """Notes the layers of a backbone; the name of its last stream."""
    streams.layer("backbone.conv1", "backbone.bn1", "", "stem")
    last = "stem"
    for stage in (1, 2, 3, 4):
        for n, block in enumerate(getattr(backbone, f"layer{stage}")):
            name = f"backbone.layer{stage}.{n}"
            after = last if isinstance(block.downsample, nn.Identity) else name
            if after == name:
                streams.layer(f"{name}.downsample.0", f"{name}.downsample.1", last, after)
            convs = 3 if isinstance(block, Bottleneck) else 2
            inner = last
            for k in range(1, convs + 1):
                outer = after if k == convs else f"{name}.conv{k}"
                streams.layer(f"{name}.conv{k}", f"{name}.bn{k}", inner, outer)
                inner = outer
            last = after
    return last
