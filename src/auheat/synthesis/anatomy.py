"""What each Action Unit does to the face: shapes, intensity curve, lip seal, authored shapes.

The expression shapes are those of ICT-FaceKit; how they combine into Action Units follows the
descriptions of appearance changes in the FACS manual (Ekman, Friesen and Hager, 2002). Two shapes
that the kit lacks are made here from the neutral geometry.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auheat.facs import MAX_INTENSITY
from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.assets import FacePack, Material

# Weight of a shape at FACS levels 0, A, B, C, D, E. Levels D and E are close to each other and C is
# wide, as the manual draws them. The steps are our reading of the manual, kept in this one place.
LEVEL_WEIGHTS = (0.0, 0.12, 0.30, 0.54, 0.78, 1.0)

# Weights of shapes at intensity 5. A name without _L or _R stands for both sides. Where a source is
# named the weights give the mean face the movement that was measured there, in mm:
# AU01, AU02: brow excursion under the strongest frontalis contraction, means of three age groups
#   7.6 to 9.0 (Souza da Cruz and Velasco e Cruz, Arq Bras Oftalmol 67, 2004); both together do not
#   add up, see `Actor`.
# AU04: the corrugator draws the heads of the brows down and together, the tails hardly, so that
#   brows slant (FACS manual); how far is our reading: down by 5, together by 4 on each side.
# AU05: the upper lid rests 2 to 3 below the upper edge of the iris (Dutton, in "Thyroid Eye
#   Disease", 2002) in a fissure of 9.7, s.d. 1.2 (Read et al., Optom Vis Sci 83, 2006); at 5 some 2
#   of the white show above the iris (our reading): the fissure opens by 4.3.
# AU12: commissures move by 14, s.d. 3 (Paletz et al., Plast Reconstr Surg 93, 1994), 47 degrees
#   upwards (Tarantili et al., Am J Orthod Dentofacial Orthop 128, 2005).
# AU17: the lower lip is pushed up against the upper one and may protrude, and the mouth bends down
#   at its corners (FACS manual, "inverted U"); how far is our reading.
# AU25: the upper lip rises by 28% of its 21 in smiles (Tarantili 2005; 23 to 30% in Miron et al.,
#   the same journal 141, 2012); that the lower lip falls by as much is our reading: 11.5.
# AU26: the teeth part by 19 of the 47.8 that mouths open at most (mean of men, 51.3, s.d. 8.3, and
#   women, 44.3, s.d. 6.7; PMC3428458); beyond it is AU27. The fraction is our reading.
RECIPES: dict[str, dict[str, float]] = {
    "AU01": {"browInnerUp": 1.35},
    "AU02": {"browOuterUp": 1.05},
    "AU04": {"browDown": 1.25, "browTogether": 0.4, "browInnerUp": -0.3, "browOuterUp": 0.2},
    "AU05": {"eyeWide": 1.5, "eyeSquint": -0.2},
    "AU06": {"cheekRaiser": 0.8, "cheekSquint": 0.55, "eyeSquint": 0.25, "browDown": 0.12},
    "AU07": {"eyeSquint": 1.5, "eyeBlink": 0.26},
    "AU09": {"noseSneer": 1.3, "mouthUpperUp": -0.4, "browDown": 0.1, "cheekRaiser": 0.15},
    "AU10": {"mouthUpperUp": 1.05, "noseSneer": 0.18},
    "AU12": {"mouthSmile": 1.05, "mouthStretch": 0.3, "cheekSquint": 0.2, "mouthDimple": 0.15},
    "AU14": {"mouthDimple": 0.85, "mouthPress": 0.3, "lipCornerPit": 0.8},
    "AU15": {"mouthFrown": 1.2},
    "AU17": {
        "mouthShrugLower": 1.6,
        "mouthShrugUpper": 0.5,
        "mouthFrown": 0.5,
        "mouthRollLower": -0.2,
    },
    "AU18": {"mouthPucker": 1.3, "lipTighten": 0.15},
    "AU20": {"mouthStretch": 1.2, "mouthSmile": 0.3, "lipFlatten": 0.9},
    "AU23": {"lipTighten": 1.0, "mouthRollLower": 0.15, "mouthRollUpper": 0.15},
    "AU24": {"mouthPress": 1.1, "lipFlatten": 0.6, "mouthRollLower": 0.25, "mouthRollUpper": 0.25},
    "AU25": {"mouthLowerDown": 0.85, "mouthUpperUp": 0.2, "jawOpen": 0.1},
    "AU26": {"jawOpen": 0.55},
    "AU28": {"mouthRollLower": 1.0, "mouthRollUpper": 1.0, "mouthClose": 0.05},
    "AU43": {"eyeBlink": 1.0},
}
# Lips that part in a smile (12) bare the upper teeth: its part of the parting lifts the upper lip.
_PARTED_BY_A_SMILE = {"mouthUpperUp": 0.8, "mouthLowerDown": 0.4, "jawOpen": 0.07}

# Groups of shapes whose reach varies from face to face. The jaw moves the teeth, and lids must
# meet when they close, so neither belongs to a group.
REGIONS = ("brow", "cheek", "mouth")
_REGION_OF_PREFIX = {
    "brow": "brow",
    "cheek": "cheek",
    "nose": "cheek",
    "mouth": "mouth",
    "lip": "mouth",
}

_INNER_LIPS = ((61, 67), (62, 66), (63, 65))
_FULL_PARTING_CM = 1.15  # between the inner lips that AU25 at intensity 5 adds
_TOUCH_CM = 0.06  # of opening that still counts as touching lips
_MAX_PARTING = 1.3  # times the AU25 recipe, against shapes that press the lips together


def region_of(shape: str) -> str | None:
    """The region of REGIONS whose individual reach scales a shape, or None."""
    for prefix, region in _REGION_OF_PREFIX.items():
        if shape.startswith(prefix):
            return region
    return None


_LEVELS = np.linspace(0.0, MAX_INTENSITY, len(LEVEL_WEIGHTS))


def curve(intensity: float) -> float:
    """Fraction of the full movement, 0 to 1, at an intensity of 0 to 5."""
    return float(np.interp(intensity, _LEVELS, LEVEL_WEIGHTS))


def intensity_of(fraction: float) -> float:
    """The intensity of 0 to 5 at which `curve` gives this fraction."""
    return float(np.interp(fraction, LEVEL_WEIGHTS, _LEVELS))


def sides(shape: str, known: Mapping[str, int]) -> tuple[str, ...]:
    """The names a recipe's shape stands for: itself, or its left and right halves."""
    return (shape,) if shape in known else (f"{shape}_L", f"{shape}_R")


def _weights(recipe: Mapping[str, float], known: Mapping[str, int]) -> Floats32:
    """A recipe as shape weights (s,)."""
    weights = np.zeros(len(known), np.float32)
    for shape, weight in recipe.items():
        for name in sides(shape, known):
            weights[known[name]] += weight
    return weights


class LipSeal:
    """Holds the gap between the inner lips to what AU25 says, whatever else moves the mouth.

    A dropped jaw (26) or a raised lip (10) parts the lips of a naive sum of shapes, which would
    contradict a label AU25 = 0. With p the fraction of AU25's movement, the gap becomes
    p * (the gap that everything else makes + 1.15 cm), so 0 keeps the lips together over an open
    jaw and 5 parts them fully. The model is linear, so this is one division. How far a person's
    nose and cheeks reach is left out, which can cost a millimetre or two.

    Args:
        shapes: the index of each expression by name.
        expressions: (s, n, 3) offsets.
        mean: (n, 3) mean face, whose lips touch.
        landmarks: (68,) vertices.
    """

    def __init__(
        self, shapes: Mapping[str, int], expressions: Floats32, mean: Floats32, landmarks: Ints32
    ) -> None:
        upper = landmarks[[pair[0] for pair in _INNER_LIPS]]
        lower = landmarks[[pair[1] for pair in _INNER_LIPS]]
        self._upper, self._lower = upper, lower
        self._touching = self.gap(mean)
        self._rise = expressions[:, upper, 1], expressions[:, lower, 1]
        self._close = shapes["mouthClose"]
        self._open = _weights(RECIPES["AU25"], shapes)
        self._lift = _weights(_PARTED_BY_A_SMILE, shapes)

    def apply(
        self,
        neutral: Floats32,
        weights: Floats32,
        parting: float,
        gains: Floats32,
        mouth: Floats32,
        lift: float = 0.0,
    ) -> Floats32:
        """Weights with the seal added.

        Args:
            neutral: (n, 3) of the person.
            weights: (s,) without AU25's recipe.
            parting: p, 0 to 1.
            gains: (n,) of the mouth region.
            mouth: (s,) 1 for shapes that these gains scale, else 0.
            lift: fraction of the parting that the upper lip does as in a smile, 0 to 1.
        """
        per_shape = self._gap_per_shape(gains, mouth)
        gap = float(per_shape @ weights) + self.gap(neutral) - self._touching
        missing = parting * (_FULL_PARTING_CM + max(gap, 0.0)) - gap
        sealed = weights.copy()
        if missing > 0 and parting > 0:
            parts = np.float32(1 - lift) * self._open + np.float32(lift) * self._lift
            factor = missing / max(float(per_shape @ parts), 1e-6)
            sealed += parts * np.float32(min(factor, _MAX_PARTING))
        elif missing < 0:
            sealed[self._close] += np.float32(missing / min(float(per_shape[self._close]), -1e-6))
        return sealed

    def gap(self, vertices: Floats32) -> float:
        """Mean height between the inner lips in cm; touching lips of the mean face have some."""
        return float((vertices[self._upper, 1] - vertices[self._lower, 1]).mean())

    def closed(self, vertices: Floats32) -> bool:
        """Whether the lips touch, so that nothing of the mouth's inside is seen."""
        return self.gap(vertices) < self._touching + _TOUCH_CM

    def _gap_per_shape(self, gains: Floats32, mouth: Floats32) -> Floats32:
        upper, lower = (
            rise * np.where(mouth[:, None] > 0, gains[vertices], 1.0)
            for rise, vertices in zip(self._rise, (self._upper, self._lower), strict=True)
        )
        return floats((upper - lower).mean(1))


def authored_shapes(pack: FacePack) -> dict[str, Floats32]:
    """Shapes that ICT-FaceKit lacks, as offsets (n, 3) in cm, made from the neutral face.

    browTogether_L/_R: the inner end of a brow drawn towards the nose and a little down, with the
    skin heaped up between the brows (AU4). lipCornerPit_L/_R: the skin beside a mouth corner drawn
    inwards, with a soft bulge around (AU14). lipFlatten: both lips pressed thin (AU20).
    lipTighten: both lips made narrow and a little shorter, without being pressed back (AU23).
    """
    points = pack.vertices
    skin = np.zeros(len(points), np.bool_)
    skin[pack.triangles[pack.material <= Material.HEAD].ravel()] = True
    marks = points[pack.landmarks]
    shapes = {
        f"lipCornerPit_{side}": _pit(points, marks[corner], outwards) * skin[:, None]
        for side, corner, outwards in (("L", 54, 1.0), ("R", 48, -1.0))
    }
    shapes |= {
        f"browTogether_{side}": _together(points, marks[head], outwards) * skin[:, None]
        for side, head, outwards in (("L", 22, 1.0), ("R", 21, -1.0))
    }
    shapes["lipFlatten"] = _flatten(points, marks) * skin[:, None]
    shapes["lipTighten"] = _tighten(points, marks) * skin[:, None]
    return shapes


def _pit(points: Floats32, corner: Floats32, outwards: float) -> Floats32:
    away = points - (corner + np.array([0.25 * outwards, 0.0, 0.0], np.float32))
    squared = away[:, 0] ** 2 + (away[:, 1] / 1.3) ** 2 + (away[:, 2] / 2.0) ** 2
    hollow = np.exp(-squared / (2 * 0.33**2))
    bulge = np.exp(-squared / (2 * 0.85**2)) - hollow
    return _offset(z=0.22 * bulge - 0.5 * hollow, x=-0.1 * outwards * hollow)


def _together(points: Floats32, head: Floats32, outwards: float) -> Floats32:
    away = points - (head + np.array([0.3 * outwards, -0.3, 0.0], np.float32))
    near = np.exp(-((away[:, 0] / 1.5) ** 2) - (away[:, 1] / 1.1) ** 2 - (away[:, 2] / 2.5) ** 2)
    between = np.exp(-(((points[:, 0] - 0.35 * head[0]) / 0.5) ** 2)) * near
    return _offset(x=-0.4 * outwards * near, y=-0.22 * near, z=0.22 * between)


def _flatten(points: Floats32, marks: Floats32) -> Floats32:
    lips = marks[48:68]
    centre = lips.mean(0)
    width = float(np.ptp(lips[:, 0])) / 2
    across = (points[:, 0] - centre[0]) / (1.15 * width)
    height = points[:, 1] - centre[1]
    near = np.exp(-(across**4)) * np.exp(-((height / 1.3) ** 4)) * (points[:, 2] > centre[2] - 2.5)
    return _offset(y=-0.3 * height * near, z=-0.25 * near * np.exp(-((height / 0.9) ** 2)))


def _tighten(points: Floats32, marks: Floats32) -> Floats32:
    lips = marks[48:68]
    centre = lips.mean(0)
    width = float(np.ptp(lips[:, 0])) / 2
    across, height = points[:, 0] - centre[0], points[:, 1] - centre[1]
    near = np.exp(-((across / (1.25 * width)) ** 4) - (height / 1.5) ** 4)
    near = near * (points[:, 2] > centre[2] - 2.5)
    return _offset(x=-0.1 * across * near, y=-0.38 * height * near, z=0.05 * near)


def _offset(**axes: Floats32) -> Floats32:
    length = len(next(iter(axes.values())))
    columns = [axes.get(axis, np.zeros(length)) for axis in "xyz"]
    return floats(np.stack(columns, 1))
