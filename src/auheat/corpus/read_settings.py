"""With what a corpus is read: weights, runtime, and the columns of the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from hashlib import sha256
from typing import Any

from auheat.errors import AuheatError
from auheat.faces import DEFAULT_MAX_FACES
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.origin import origin_of
from auheat.inference.predictor import Predictor, load
from auheat.models.runtimes.names import PrecisionChoice, RuntimeChoice
from auheat.tables.schema import TABLE_VERSION, Layout


@dataclass(frozen=True)
class ReadSettings:
    """What `auheat.load` is called with, and which columns there are.

    Attributes:
        weights: See `auheat.load`; a path that every machine knows.
        device: See `auheat.load`.
        runtime: See `auheat.load`.
        precision: See `auheat.load`.
        aus: See `auheat.load`.
        max_faces: See `auheat.load`.
        std: With standard deviations.
        pose: With the head's pose.
        landmarks: With the 68 landmarks.
    """

    weights: str = "default"
    device: str = "auto"
    _: KW_ONLY
    runtime: RuntimeChoice = "auto"
    precision: PrecisionChoice = "auto"
    aus: tuple[str, ...] | None = None
    max_faces: int = DEFAULT_MAX_FACES
    std: bool = False
    pose: bool = False
    landmarks: bool = False

    @property
    def layout(self) -> Layout:
        """Of the rows."""
        return Layout("openface", self.pose, self.landmarks, input=True)

    def load(self, threads: int) -> Predictor:
        """The predictor.

        Raises:
            AuheatError: As `auheat.load` does, or for standard deviations that are not there.
        """
        predictor = load(
            self.weights,
            self.device,
            aus=self.aus,
            max_faces=self.max_faces,
            runtime=self.runtime,
            precision=self.precision,
            threads=threads,
            exact_landmarks=self.landmarks,
        )
        if self.std and not predictor.has_std:
            raise AuheatError("these weights come without figures of uncertainty: leave out --std")
        return predictor

    def origin(self, predictor: FacePredictor) -> dict[str, Any]:
        """Where the rows come from, see `auheat.inference.origin`."""
        shown = ("max_faces", "std", "pose", "landmarks")
        return origin_of(predictor, {name: asdict(self)[name] for name in shown})


def reading_of(origin: Mapping[str, Any]) -> str:
    """A short name for weights and settings: rows of one name have the same numbers and columns.

    The version of auheat and the device are no part of it: tables name the version.
    """
    parts = {name: origin[name] for name in ("weights", "runtime", "precision", "settings")}
    if parts["weights"] is not None:
        parts["weights"] = parts["weights"]["sha256"]
    text = json.dumps([TABLE_VERSION, parts], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]
