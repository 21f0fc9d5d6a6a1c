"""Notices when a video cuts to another scene, so that no identity is carried across."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Correlation between frames under which they show different scenes. Measured at 32x18 pixels:
# neighbouring frames of talking people reach 0.98, a pan by 4% of the width per frame 0.75, and 95%
# of pairs of unrelated images stay below 0.6.
_MIN_CORRELATION = 0.6
_SIZE_PX = (32, 18)
# A frame with less contrast than this, in grey levels, shows no scene at all: black, a white flash.
_MIN_CONTRAST_GREY_LEVELS = 2.0


class SceneCut:
    """Compares each frame with the one before it.

    A change of brightness is no cut, and single-coloured frames are passed over: the scene after
    them is compared with the one before.
    """

    def __init__(self) -> None:
        self._previous: NDArray[np.float32] | None = None

    def state(self) -> list[list[float]] | None:
        """The scene that the next frame is compared with, as JSON can hold it."""
        return None if self._previous is None else self._previous.tolist()

    def resume(self, state: list[list[float]] | None) -> None:
        """Goes on as after `state`."""
        self._previous = None if state is None else np.array(state, np.float32)

    def is_cut(self, image: NDArray[np.uint8]) -> bool:
        """Whether a new scene starts at this frame.

        Args:
            image: (H, W, 3) RGB.

        Returns:
            True at the first frame of a new scene. The first frame of all is no cut.
        """
        # Four pixels across and down for each cell are enough; all would take 2.5 ms at 1080p.
        step = max(1, min(image.shape[1] // (4 * _SIZE_PX[0]), image.shape[0] // (4 * _SIZE_PX[1])))
        small = cv2.resize(image[::step, ::step], _SIZE_PX, interpolation=cv2.INTER_AREA)
        grey = np.asarray(small, np.float32).mean(2)
        contrast = float(grey.std())
        if contrast < _MIN_CONTRAST_GREY_LEVELS:
            return False
        scene = (grey - grey.mean()) / contrast
        previous, self._previous = self._previous, scene
        return previous is not None and float((previous * scene).mean()) < _MIN_CORRELATION
