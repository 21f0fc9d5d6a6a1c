"""Stand-ins for networks and face models, so that tests know every face and map beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor, nn

from auheat import geometry
from auheat.arrays import Image
from auheat.config import ModelConfig
from auheat.faces.detection import Detection, FaceLandmarks, Region
from auheat.geometry import Points
from auheat.inference.predictor import Predictor
from auheat.media.frames import FrameSource
from auheat.models.checkpoint import Checkpoint, save_checkpoint
from auheat.models.heatmap_model import Heatmaps
from auheat.models.heatmap_net import build_net
from auheat.results import Face

SMALL = ModelConfig(
    aus=("AU04", "AU09", "AU12"), width=0.125, input_size=64, deconv_widths=(16, 16), scc=False
)


def small_checkpoint(config: ModelConfig = SMALL) -> Checkpoint:
    """A quick network with fixed weights that give intensities all over 0 to 5."""
    torch.manual_seed(0)
    net = build_net(config).eval()
    for name, parameter in net.named_parameters():
        if name.startswith("deconvs.") and name.endswith("deconv.weight"):
            nn.init.kaiming_normal_(parameter)
    nn.init.normal_(net.head.weight, std=0.15)
    nn.init.normal_(net.head.bias, 0.1, 0.1)  # type: ignore[arg-type]
    return Checkpoint(net, config, {})


def save_small(path: Path, config: ModelConfig = SMALL) -> Path:
    checkpoint = small_checkpoint(config)
    save_checkpoint(path, checkpoint.net, config)
    return path


class MapsFrom(nn.Module):
    """A network that draws the maps that a function gives for a batch of crops, and keeps it."""

    def __init__(self, draw: Callable[[Tensor], Heatmaps]) -> None:
        super().__init__()
        self._draw = draw
        self.seen: list[Tensor] = []

    def forward(self, crops: Tensor, geometry: Tensor | None = None) -> Heatmaps:
        self.seen.append(crops)
        return self._draw(crops)


def checkpoint_of(net: nn.Module, config: ModelConfig = SMALL) -> Checkpoint:
    return Checkpoint(net, config, {})  # type: ignore[arg-type]


def face_from(landmarks: Points, face_id: int = 0, score: float = 1.0) -> Face:
    return Face(geometry.bounding_box(landmarks), np.array(landmarks), score=score, face_id=face_id)


class KnownFaces:
    """A face detector and tracker that gives the faces of a list, frame after frame."""

    def __init__(self, frames: Sequence[Sequence[Face]]) -> None:
        self._frames = frames
        self._next = 0

    def detect(self, image: Image) -> tuple[Face, ...]:
        return tuple(self._frames[0])

    def tracker(self) -> KnownFaces:
        return KnownFaces(self._frames)

    def update(self, image: Image, timestamp: float | None = None) -> tuple[Face, ...]:
        faces = self._frames[self._next % len(self._frames)]
        self._next += 1
        return tuple(faces)


def predictor_of(net: nn.Module, known: Sequence[Sequence[Face]], **options: Any) -> Predictor:
    """A network that reads, on the CPU, the faces that are known of each frame."""
    return Predictor(checkpoint_of(net), KnownFaces(known), device="cpu", **options)


def small_predictor(known: Sequence[Sequence[Face]], **options: Any) -> Predictor:
    """The same of a small network of its own weights."""
    return Predictor(small_checkpoint(), KnownFaces(known), device="cpu", **options)


def landmarks_at(x: float, y: float, size: float = 40.0, score: float = 1.0) -> FaceLandmarks:
    """A square face with its centre at (x, y); its landmarks are spread evenly over it."""
    half = size / 2
    box = np.array([x - half, y - half, x + half, y + half])
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 17), np.linspace(-1, 1, 4)), -1).reshape(68, 2)
    return FaceLandmarks(box, grid * half + [x, y], Region((x, y), 1.5 * size), score)


class Scene:
    """A detector and landmarker that see people at scripted places.

    people: for each person, the landmarks in every frame, or None while hidden. The landmarker
        finds whoever visible is nearest to the middle of its region, within half its side.
    """

    def __init__(self, *people: Sequence[FaceLandmarks | None]) -> None:
        self.people = people
        self.frame = 0
        self.detections: list[int] = []
        self.windows: list[tuple[int, ...]] = []
        self.iterations = 0

    @property
    def visible(self) -> list[FaceLandmarks]:
        return [face for person in self.people if (face := person[self.frame])]

    def detect(self, image: Image) -> list[Detection]:
        self.detections.append(self.frame)
        self.windows.append(image.shape[:2])
        return [Detection(face.box, face.region, 0.9) for face in self.visible]

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        self.iterations += 1
        near = sorted(self.visible, key=lambda face: float(_gap(face, region)))
        return near[0] if near and _gap(near[0], region) < region.side / 2 else None


def _gap(face: FaceLandmarks, region: Region) -> float:
    return float(np.linalg.norm(face.centre - np.array(region.centre)))


def texture(seed: int, height: int = 90, width: int = 160) -> Image:
    """An image with a layout of its own, smooth enough to survive compression."""
    coarse = np.random.default_rng(seed).integers(40, 216, (9, 16, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((height // 9, width // 16, 1), np.uint8))


def write_video(
    path: Path,
    images: Sequence[Image],
    milliseconds: Sequence[int] | None = None,
    codec: str = "mpeg4",
    **stream_settings: Any,
) -> Path:
    """Encodes a video with given timestamps; 40 ms apart if none are given."""
    times = milliseconds or [40 * i for i in range(len(images))]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"qscale": "2"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in stream_settings.items():
            setattr(stream.codec_context, name, value)
        for image, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def timestamps(frames: FrameSource) -> list[float]:
    """When each frame is shown, in seconds."""
    return [frame.timestamp for frame in frames]
