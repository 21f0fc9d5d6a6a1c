"""auheat reads facial Action Unit intensities (FACS, 0 to 5) from images and video.

    import auheat

    predictor = auheat.load()
    for face in predictor.predict("photo.jpg"):
        print(face.face_id, face.intensities["AU12"])

    auheat.predict_video("clip.mp4").table()  # a pandas table, one row per frame and face

Importing auheat is quick: torch, MediaPipe and pandas are loaded when they are first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auheat.errors import AuheatError
    from auheat.inference.predictor import Predictor, load
    from auheat.inference.video import VideoPrediction, predict_video
    from auheat.results import Face, FacePrediction, FrameResult

__version__ = "0.1.0"

__all__ = [
    "AuheatError",
    "Face",
    "FacePrediction",
    "FrameResult",
    "Predictor",
    "VideoPrediction",
    "__version__",
    "load",
    "predict_video",
]

_PLACES = {
    "AuheatError": "auheat.errors",
    "Face": "auheat.results",
    "FacePrediction": "auheat.results",
    "FrameResult": "auheat.results",
    "Predictor": "auheat.inference.predictor",
    "VideoPrediction": "auheat.inference.video",
    "load": "auheat.inference.predictor",
    "predict_video": "auheat.inference.video",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
