"""The array types of this folder: everything is float32 and int32, which halves memory traffic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
Ints32 = NDArray[np.int32]


def floats(values: Any) -> Floats32:
    """The values as a float32 array; without a copy if they are one already."""
    return np.asarray(values, np.float32)
