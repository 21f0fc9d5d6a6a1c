"""The array types that several rooms share; `geometry` has those of points and transforms.

Types that say more than a dtype (`Crops`, `Points`) stay with what they describe, and
`synthesis.arrays` has the float32 and int32 ones of the renderer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# (H, W, 3) RGB.
Image = NDArray[np.uint8]
# What is given for one: OpenCV and others type their arrays loosely. `results.checked_image` looks.
AnyImage = NDArray[Any]
Floats = NDArray[np.float64]
# Floats of any width: float32 from a network, float64 from a table.
AnyFloats = NDArray[np.floating[Any]]
