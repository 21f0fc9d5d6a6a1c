"""The faces that auheat 0.1.0 found in images given to it, by the mediapipe package.

To be run with the source of that version (commit 2ec3f3a) before any other auheat: it has modules
that are gone. `readings.py` starts it and speaks with it: on stdin a line of JSON (`height`,
`width`, `video`: whether the image goes on with a video, `first`: whether it begins one) and the
pixels, on stdout a line of JSON with the faces.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import numpy as np


class _Recorder:
    """Runs MediaPipe's graph, and keeps what came out last."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self.points = np.empty((0, 3))

    def process(self, given: dict[str, Any]) -> Any:
        result = self._graph.process(given)
        if result.landmarks is not None:
            self.points = np.array([(p.x, p.y, p.z) for p in result.landmarks.landmark])
        return result


def _finder(max_faces: int) -> tuple[Any, dict[bytes, Any]]:
    """The finder of that version, and the meshes that it had, by the bytes of their boxes."""
    mediapipe = import_module("auheat.faces.mediapipe_finder")
    geometry = import_module("auheat.geometry")
    side = mediapipe._PATCH.side
    meshes: dict[bytes, Any] = {}

    class Landmarker(mediapipe.MediaPipeLandmarker):  # type: ignore[misc, name-defined]
        _graph: Any

        def __init__(self) -> None:
            super().__init__()
            self._graph = _Recorder(self._graph)

        def locate(self, image: Any, region: Any) -> Any:
            fit = super().locate(image, region)
            if fit is not None and isinstance(self._graph, _Recorder):
                transform = region.transform(side)
                places = self._graph.points[:, :2] * side - 0.5
                flat = geometry.apply(geometry.invert(transform), places)
                depth = self._graph.points[:, 2:] * side / geometry.scale_of(transform)
                meshes[np.asarray(fit.box).tobytes()] = np.concatenate([flat, depth], axis=1)
            return fit

    still = import_module("auheat.faces.finder").StillFinder
    return still(mediapipe.MediaPipeDetector(), Landmarker(), max_faces), meshes


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what native libraries print must not get among the replies
    finder, meshes = _finder(int(sys.argv[1]))
    tracker = finder.tracker()
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        shape = asked["height"], asked["width"], 3
        image = np.frombuffer(sys.stdin.buffer.read(int(np.prod(shape))), np.uint8).reshape(shape)
        if asked["first"]:
            tracker = finder.tracker()
        faces = tracker.update(image) if asked["video"] else finder.find(image)
        found = [
            {
                "box": np.asarray(face.box).tolist(),
                "landmarks": np.asarray(face.landmarks).tolist(),
                "score": float(face.score),
                "mesh": meshes[np.asarray(face.box, np.float64).tobytes()].tolist(),
            }
            for face in faces
        ]
        meshes.clear()
        print(json.dumps(found), file=replies, flush=True)


if __name__ == "__main__":
    main()
