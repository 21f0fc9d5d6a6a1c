"""How far a reading may be off, and how far a face may be trusted.

Both were measured on synthetic people that the weights were not trained on; docs/uncertainty.md has
the figures and what else was tried. They are kept beside the weights as `<name>.uncertainty.json`.

The standard deviation (sd) of an AU is the root of the mean square of the true intensity less the
reading: where readings are too high on average, as strong ones are, that bias is in it. It depends
on the reading, since one near 0 is mostly right while one of 1 or 2 may be a faint trace as well as
a strong movement half seen, and on the visibility of the face:

    log sd = curve(reading) + slope * (1 - visible)

with a curve and a slope for each AU; between the knots of a curve lie straight lines. `visible` is
the visibility, see `visibility`. The deviations of one person's frames go together: a mean over
frames is hardly surer than each of them.

Confidence is the probability that the mean error over all AUs is below three quarters of a level on
a face of this visibility,

    ceiling / (1 + exp(-(offset + steepness * (-log(1 - visible))^power)))

times the certainty that a face is there at all (`Face.score`). It does not depend on the
expression, so that leaving out faces of low confidence favours none.

Letters: N faces, A Action Units, M knots.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.json_files import parse_json
from auheat.models.weights import uncertainty_path

FORMAT = 1
_KEY = "auheat_uncertainty"
_MIN_HIDDEN = 0.01  # no visibility counts as more than 0.99


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What was fitted; see the module.

    Attributes:
        aus: A names.
        knots: (M,) readings.
        curves: (A, M) log of the standard deviation, see the module.
        slopes: (A,).
        offset: of confidence.
        steepness: of confidence.
        fitted: what it was fitted to, in words.
        weights: SHA-256 of the file of weights, or "".
        ceiling: of confidence, above 0 and at most 1: faces that are seen perfectly are misread,
            too. Files from before have none, and 1 is meant.
        power: of confidence, above 0. Files from before have none, and 3 is meant.
    """

    aus: tuple[str, ...]
    knots: Floats
    curves: Floats
    slopes: Floats
    offset: float
    steepness: float
    fitted: str = ""
    weights: str = ""
    ceiling: float = 1.0
    power: float = 3.0

    def std(self, intensities: NDArray[Any], visible: NDArray[Any]) -> Floats:
        """Standard deviations (N, A) of intensities (N, A) of faces of this visibility (N,)."""
        at_knots = [
            np.interp(intensities[:, a], self.knots, curve) for a, curve in enumerate(self.curves)
        ]
        log = np.stack(at_knots, 1) + self.slopes * (1.0 - np.asarray(visible)[:, None])
        return np.asarray(np.exp(log), np.float64)

    def confidence(self, visible: NDArray[Any]) -> Floats:
        """The probability (N,) that the mean error of a face is below three quarters of a level."""
        above = self.offset + self.steepness * evidence(visible, self.power)
        return np.asarray(self.ceiling / (1.0 + np.exp(-above)), np.float64)

    def write(self, path: Path) -> None:
        """Writes the JSON file.

        Raises:
            AuheatError: if it cannot.
        """
        stored = {
            _KEY: FORMAT,
            "fitted": self.fitted,
            "weights": self.weights,
            "knots": self.knots.tolist(),
            "log_sd": {
                au: {"curve": self.curves[a].round(4).tolist(), "slope": round(self.slopes[a], 4)}
                for a, au in enumerate(self.aus)
            },
            "confidence": {
                "offset": self.offset,
                "steepness": self.steepness,
                "ceiling": self.ceiling,
                "power": self.power,
            },
        }
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")


def evidence(visible: NDArray[Any], power: float) -> Floats:
    """What confidence grows with (N,), from visibility (N,): (-log(1 - visible))^power."""
    hidden = np.maximum(1.0 - np.asarray(visible, np.float64), _MIN_HIDDEN)
    return np.asarray((-np.log(hidden)) ** power, np.float64)


def visibility(location: NDArray[np.float32] | None, count: int) -> Floats:
    """How clearly each of `count` faces is seen (N,), 0 to 1.

    The mean over all maps of the height of their peaks, clipped to 0 to 1: a trained network marks
    each point with a peak of 1 where it sees it, and with less where a hand, a turned head or the
    border of the image hides it. 1 without such maps.

    Args:
        location: (N, maps, h, w).
        count: N, for a network without such maps.
    """
    if location is None:
        return np.ones(count)
    return np.asarray(location.max((2, 3)).clip(0.0, 1.0).mean(1), np.float64)


def load_uncertainty(weights: str | Path, aus: Sequence[str]) -> Uncertainty | None:
    """The figures that lie beside a file of weights for its AUs, or None if there are none.

    Raises:
        AuheatError: if they are damaged or of other AUs.
    """
    path = uncertainty_path(weights)
    return read_uncertainty(path, aus) if path.is_file() else None


def read_uncertainty(path: Path, aus: Sequence[str]) -> Uncertainty:
    """Reads a file of `Uncertainty.write`, for the given AUs in the given order."""
    try:
        stored = parse_json(path.read_text("utf-8"))
        if stored[_KEY] != FORMAT:
            raise AuheatError(f"{path} has format {stored[_KEY]}, this auheat reads {FORMAT}")
        of_aus = [stored["log_sd"][au] for au in aus]
        found = Uncertainty(
            tuple(aus),
            np.array(stored["knots"], np.float64),
            np.array([one["curve"] for one in of_aus], np.float64),
            np.array([one["slope"] for one in of_aus], np.float64),
            float(stored["confidence"]["offset"]),
            float(stored["confidence"]["steepness"]),
            str(stored["fitted"]),
            str(stored["weights"]),
            float(stored["confidence"].get("ceiling", 1.0)),
            float(stored["confidence"].get("power", 3.0)),
        )
        rising = found.knots.ndim == 1 and bool((np.diff(found.knots) > 0).all())
        if not rising or found.curves.shape != (len(aus), len(found.knots)) or not found.knots.size:
            raise ValueError(found.knots)
        numbers = (found.knots, found.curves, found.slopes, found.offset, found.steepness)
        if not all(np.isfinite(part).all() for part in numbers):
            raise ValueError(numbers)
        if not (0 < found.ceiling <= 1 and 0 < found.power < math.inf):
            raise ValueError((found.ceiling, found.power))
    except (OSError, ValueError, KeyError, TypeError):
        raise AuheatError(
            f"{path} holds no figures of uncertainty for {', '.join(aus)}: remove it, or make it "
            "with scripts/fit_uncertainty.py"
        ) from None
    return found
