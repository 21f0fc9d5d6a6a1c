"""auheat reads facial Action Unit intensities (FACS, 0 to 5) from images and video.

    import auheat

    predictor = auheat.load()
    for face in predictor.predict("photo.jpg"):
        print(face.face_id, face.intensities["AU12"])

    table = predictor.predict_video("clip.mp4").to_pandas()  # a row for each frame and face
    events = auheat.find_events(table)

Importing auheat is quick: torch, ONNX Runtime and pandas are loaded when they are first needed.
`__init__.pyi` beside this file tells type checkers the same names.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from auheat.optional import needing

__version__ = "0.1.0"

# Where every public name is defined. What is not here may change without notice: docs/stability.md.
_PLACES = {
    "AuheatError": "auheat.errors",
    "Baseline": "auheat.inference.calibration",
    "Face": "auheat.results",
    "FacePrediction": "auheat.results",
    "FrameResult": "auheat.results",
    "HeadPose": "auheat.pose",
    "LiveTracker": "auheat.inference.live",
    "PersonBaseline": "auheat.inference.calibration",
    "Predictor": "auheat.inference.predictor",
    "Report": "auheat.evaluation.report",
    "VideoPrediction": "auheat.inference.video",
    "draw": "auheat.drawing.overlay",
    "evaluate": "auheat.evaluation.assess",
    "find_events": "auheat.inference.events",
    "load": "auheat.inference.predictor",
    "metrics": "auheat.metrics",
    "read_table": "auheat.tables.reading",
}

__all__ = [*_PLACES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needing():
        module = import_module(_PLACES[name])
    return module if _PLACES[name] == f"{__name__}.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
