"""The protocol of all runtimes, and how a network is run.

Letters: N crops, B those of them that go through the network together, H W input pixels, h w map
pixels, M maps, A Action Units, G numbers of a face's shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from auheat.config import ModelConfig
from auheat.heatmap import layout_of
from auheat.models.runtimes.names import Precision, RuntimeName

Crops = NDArray[np.uint8]
Shapes = NDArray[np.float32]

T_co = TypeVar("T_co", covariant=True)

# Crops that go through a network together, so that memory stays bounded whatever there is to read.
BATCH_SIZE = 16


class HeatmapArrays(NamedTuple):
    """What a network gives for a batch, see `auheat.models.heatmap_model.Heatmaps`.

    Attributes:
        intensity: (B, M, h, w) float32, peak = intensity times the codec's amplitude.
        location: (B, M, h, w) float32 with peak 1 at each AU point whatever the intensity, or None.
    """

    intensity: NDArray[np.float32]
    location: NDArray[np.float32] | None


@runtime_checkable
class Runtime(Protocol):
    """A network that is ready to run.

    Attributes:
        name: Which runtime it is.
        precision: What it computes in; heatmaps are float32 always.
        device: Where, as torch names it.
        config: The settings of the network.
        card: What its weights were trained on and reached.
    """

    name: RuntimeName
    precision: Precision
    device: str
    config: ModelConfig
    card: Mapping[str, Any]

    def heatmaps(self, crops: Crops, geometry: Shapes | None = None) -> HeatmapArrays:
        """What the network draws for faces.

        The same faces give the same heatmaps every time. Several threads may call it at once.

        Args:
            crops: (B, H, W, 3) RGB, B > 0.
            geometry: (B, G), the shapes of the faces' meshes, see `auheat.face_shape`; None where
                none is known. A network whose settings have no geometry does not look at it.
        """
        ...


class Reading(NamedTuple):
    """What a network read in a batch.

    Attributes:
        intensities: (B, A) float32, 0 to 5.
        heatmaps: What they were read from.
    """

    intensities: NDArray[np.float32]
    heatmaps: HeatmapArrays


class _Run(Protocol[T_co]):
    """What works on the crops and shapes of a batch, as `Runtime.heatmaps` does."""

    def __call__(self, crops: Crops, geometry: Shapes | None = None) -> T_co: ...


def in_batches(
    run: _Run[T_co],
    crops: Iterable[Crops],
    *,
    geometry: Iterable[Shapes] | None = None,
    batch_size: int = BATCH_SIZE,
) -> Iterator[T_co]:
    """What `run` makes of the next crops together, in their order.

    Args:
        run: Takes what `Runtime.heatmaps` takes.
        crops: N crops (H, W, 3) RGB uint8, one after another; an array (N, H, W, 3) will do.
        geometry: N shapes (G,), in the same order; None where none is known.
        batch_size: How many it takes together at most.

    Yields:
        What `run` gives for the next B crops.
    """
    rest, shapes = iter(crops), None if geometry is None else iter(geometry)
    while batch := list(islice(rest, batch_size)):
        known = None if shapes is None else np.stack(list(islice(shapes, len(batch))))
        yield run(np.stack(batch), known)


def read_crops(
    runtime: Runtime,
    crops: Iterable[Crops],
    geometry: Iterable[Shapes] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
) -> Iterator[Reading]:
    """Runs a network over crops: the one way that all of auheat does it.

    Args:
        runtime: The network.
        crops: As `in_batches` takes them.
        geometry: As `in_batches` takes it.
        batch_size: How many go through the network together at most.

    Yields:
        What it read in the next B crops.
    """
    layout = layout_of(runtime.config)
    for heatmaps in in_batches(runtime.heatmaps, crops, geometry=geometry, batch_size=batch_size):
        yield Reading(layout.read(heatmaps.intensity), heatmaps)


def read_intensities(
    runtime: Runtime,
    crops: Iterable[Crops],
    geometry: Iterable[Shapes] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
) -> NDArray[np.float32]:
    """The intensities (N, A) alone, see `read_crops`."""
    readings = read_crops(runtime, crops, geometry, batch_size=batch_size)
    read = [reading.intensities for reading in readings]
    return np.concatenate(read) if read else np.empty((0, len(runtime.config.aus)), np.float32)
