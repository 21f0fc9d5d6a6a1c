"""Tracked faces as JSON can hold them, exact to the last bit.

By them a long video is read in pieces, at different times or on different machines, with the ids
and readings of one unbroken pass. Meshes are left out: only those of the current frame are used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from auheat.faces.detection import FaceLandmarks, Region


def stored_face(face: FaceLandmarks) -> dict[str, Any]:
    """What `restored_face` takes."""
    region = face.region
    return {
        "box": face.box.tolist(),
        "landmarks": face.landmarks.tolist(),
        "region": [*map(float, region.centre), float(region.side), float(region.degrees)],
        "score": float(face.score),
    }


def restored_face(stored: dict[str, Any]) -> FaceLandmarks:
    """The face that was stored, without its mesh."""
    x, y, side, degrees = stored["region"]
    return FaceLandmarks(
        np.array(stored["box"], np.float64),
        np.array(stored["landmarks"], np.float64),
        Region((x, y), side, degrees),
        stored["score"],
    )
