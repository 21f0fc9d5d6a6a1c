"""Colours of high dynamic range (Recommendation ITU-R BT.2100) as those of a usual screen.

Light is counted in units of reference white, 203 cd/m2 (Report ITU-R BT.2408): what is as bright or
darker, faces among it, is shown as it would be in an SDR recording; what is brighter is white.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Image

# Transfer characteristics (ITU-T H.273, table 3) of high dynamic range.
HDR_NAMES = {16: "PQ", 18: "HLG"}
BT2020_PRIMARIES = 9
_REFERENCE_WHITE_CD_M2 = 203.0  # cd/m2
_HLG_PEAK_CD_M2 = 1000.0  # cd/m2, of the display that HLG is meant for
_SDR_GAMMA = 2.4  # BT.1886
# From BT.2020's primaries to BT.709's, linear light (Recommendation ITU-R BT.2087).
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_STEPS = 1 << 14  # of light up to white, on its way to 8 bits
_BAND_ROWS = 128  # converted at a time, so that a large frame takes little memory


def to_sdr(image: NDArray[np.uint16], *, transfer: int, primaries: int) -> Image:
    """An HDR frame as SDR.

    Args:
        image: (H, W, 3) R'G'B' in full range, 0 to 65535.
        transfer: 16 (PQ) or 18 (HLG).
        primaries: Of its colours (H.273, table 2); 9 is BT.2020, others are kept.

    Returns:
        (H, W, 3) RGB uint8, BT.709.
    """
    shown = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), _BAND_ROWS):
        light = _light(transfer)[image[top : top + _BAND_ROWS]]
        if transfer == 18:
            # BT.2100, table 5: the display adds a gamma of 1.2 by luminance.
            light *= (light @ _LUMINANCE)[..., np.newaxis] ** 0.2 * (
                _HLG_PEAK_CD_M2 / _REFERENCE_WHITE_CD_M2
            )
        if primaries == BT2020_PRIMARIES:
            light = light @ _TO_BT709.T
        steps = np.clip(light, 0, 1) * (_STEPS - 1) + 0.5
        shown[top : top + _BAND_ROWS] = _signal()[steps.astype(np.int32)]
    return shown


def pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100, table 4: light of a PQ signal, 0 to 1, in units of reference white."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    light: NDArray[np.float64] = (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return light * (10_000 / _REFERENCE_WHITE_CD_M2)


def hlg_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100, table 5: scene light of an HLG signal, both 0 to 1."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


_CURVES: dict[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    16: pq_light,
    18: hlg_light,
}


@cache
def _light(transfer: int) -> NDArray[np.float32]:
    """(65536,) light of every signal."""
    return _CURVES[transfer](np.linspace(0, 1, 65536)).astype(np.float32)


@cache
def _signal() -> Image:
    """(_STEPS,) the 8-bit signal of light from black to white."""
    signal = np.linspace(0, 1, _STEPS) ** (1 / _SDR_GAMMA)
    return np.asarray(np.rint(255 * signal), np.uint8)
