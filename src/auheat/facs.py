"""The Action Units: their FACS names, muscles, and where on the face each one is read.

Names and muscles follow the FACS manual (Ekman, Friesen and Hager, 2002). 14 AUs are those of
Figure 2 of Fan, Lam and Li (AAAI 2020). The paper draws the points but does not list them; every
rule below names the landmarks it averages. Where public code agrees it is followed (JAA-Net,
LibreFace), else the rule is inferred from sample rows that the authors released. The other six (7,
18, 23, 24, 28, 43) are read where they change the face most: our choice.

Intensities are floats from 0 to 5: 0 absent, then FACS A (1, trace), B (2, slight), C (3, marked),
D (4, severe), E (5, maximum).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError, listed, shown, unknown_name
from auheat.landmarks import FLIP, LEFT_EYE_INNER, RIGHT_EYE_INNER

MIN_INTENSITY = 0.0
MAX_INTENSITY = 5.0
# An AU counts as present from FACS level A on. `AUxx_c` columns are derived with it.
PRESENCE_THRESHOLD = 1.0
PRINTED_DECIMALS = 2


@dataclass(frozen=True)
class PointRule:
    """A point as the mean of landmarks, moved down the face by a fraction of R.

    Attributes:
        landmarks: 0-based iBUG indices whose mean is taken.
        down: shift towards the chin in units of R, the distance between the inner eye corners, at
            right angles to the line through them, so that the rule turns with the face.
    """

    landmarks: tuple[int, ...]
    down: float = 0.0

    def locate(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The point (x, y) in the pixels of `points`, shape (68, 2)."""
        mean = points[list(self.landmarks)].mean(0)
        if self.down:
            across = points[LEFT_EYE_INNER] - points[RIGHT_EYE_INNER]
            mean = mean + self.down * np.array([-across[1], across[0]])
        return np.asarray(mean, np.float64)

    def mirrored(self) -> PointRule:
        """The rule that finds this point's mirror image in a horizontally flipped image."""
        return PointRule(tuple(sorted(FLIP[i] for i in self.landmarks)), self.down)


@dataclass(frozen=True)
class ActionUnit:
    """One row of the table: FACS number, FACS name, muscles, and the points it is read at."""

    number: int
    title: str
    muscle: str
    points: tuple[PointRule, ...]

    @property
    def name(self) -> str:
        """The column name, `AU01` to `AU43`."""
        return f"AU{self.number:02d}"


def _rule(*landmarks: int, down: float = 0.0) -> PointRule:
    return PointRule(tuple(sorted(landmarks)), down)


_ROWS = (
    ActionUnit(1, "Inner Brow Raiser", "frontalis, pars medialis", (_rule(21), _rule(22))),
    ActionUnit(2, "Outer Brow Raiser", "frontalis, pars lateralis", (_rule(18), _rule(25))),
    ActionUnit(
        4,
        "Brow Lowerer",
        "corrugator supercilii, depressor supercilii, procerus",
        (_rule(21, 22, 27),),
    ),
    ActionUnit(
        5, "Upper Lid Raiser", "levator palpebrae superioris", (_rule(37, 38), _rule(43, 44))
    ),
    ActionUnit(
        6, "Cheek Raiser", "orbicularis oculi, pars orbitalis", (_rule(2, 36), _rule(14, 45))
    ),
    ActionUnit(
        7, "Lid Tightener", "orbicularis oculi, pars palpebralis", (_rule(40, 41), _rule(46, 47))
    ),
    ActionUnit(
        9,
        "Nose Wrinkler",
        "levator labii superioris alaeque nasi",
        (_rule(31), _rule(35), _rule(28)),
    ),
    ActionUnit(10, "Upper Lip Raiser", "levator labii superioris", (_rule(49), _rule(53))),
    ActionUnit(12, "Lip Corner Puller", "zygomaticus major", (_rule(48), _rule(54))),
    ActionUnit(14, "Dimpler", "buccinator", (_rule(3, 48), _rule(13, 54))),
    ActionUnit(15, "Lip Corner Depressor", "depressor anguli oris", (_rule(48), _rule(54))),
    ActionUnit(17, "Chin Raiser", "mentalis", (_rule(57), _rule(8, 57))),
    ActionUnit(
        18,
        "Lip Pucker",
        "incisivus labii superioris, incisivus labii inferioris",
        (_rule(51), _rule(57)),
    ),
    ActionUnit(20, "Lip Stretcher", "risorius, platysma", (_rule(48), _rule(54))),
    ActionUnit(23, "Lip Tightener", "orbicularis oris", (_rule(50, 58), _rule(52, 56))),
    ActionUnit(24, "Lip Pressor", "orbicularis oris", (_rule(49, 59), _rule(53, 55))),
    ActionUnit(
        25,
        "Lips Part",
        "depressor labii inferioris, or relaxed mentalis or orbicularis oris",
        (_rule(51), _rule(57)),
    ),
    ActionUnit(
        26,
        "Jaw Drop",
        "relaxed masseter, temporalis and internal pterygoid",
        (_rule(58, down=0.5), _rule(56, down=0.5)),
    ),
    ActionUnit(28, "Lip Suck", "orbicularis oris", (_rule(51, 62), _rule(57, 66))),
    ActionUnit(
        43,
        "Eye Closure",
        "relaxed levator palpebrae superioris; orbicularis oculi, pars palpebralis",
        (_rule(37, 38, 40, 41), _rule(43, 44, 46, 47)),
    ),
)

TABLE: dict[str, ActionUnit] = {unit.name: unit for unit in _ROWS}


def _names(*numbers: int) -> tuple[str, ...]:
    return tuple(f"AU{number:02d}" for number in numbers)


ALL_AUS = tuple(TABLE)
PAPER_AUS = _names(1, 2, 4, 5, 6, 9, 10, 12, 14, 15, 17, 20, 25, 26)
DISFA_AUS = _names(1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
BP4D_AUS = _names(6, 10, 12, 14, 17)


def au_name(number: int) -> str:
    """`AU01` for 1."""
    return f"AU{number:02d}"


def au_number(au: str) -> int:
    """1 for `AU01`."""
    return int(au[2:])


def action_units(names: Iterable[str], *, beside: Sequence[str] = ()) -> tuple[ActionUnit, ...]:
    """The rows of the named AUs, in the given order.

    Args:
        names: Of AUs, each one once.
        beside: Other names that the caller takes, for the list of what is known.

    Raises:
        AuheatError: for an unknown or repeated name, for none at all, or for what is no list.
    """
    given = listed(names)
    if given is None:
        raise AuheatError(
            f"Action Units are a list of names, like ['AU06', 'AU12'], not {shown(names)}"
        )
    units: list[ActionUnit] = []
    for name in given:
        if not isinstance(name, str) or name not in TABLE:
            raise unknown_name("Action Unit", str(name), [*TABLE, *beside])
        if TABLE[name] in units:
            raise AuheatError(f"Action Unit {shown(name)} is listed twice: name each one once")
        units.append(TABLE[name])
    if not units:
        known = ", ".join([*TABLE, *beside])
        raise AuheatError(f"no Action Units are listed: known are {known}")
    return tuple(units)


@dataclass(frozen=True)
class PointLayout:
    """The K points of a list of A Action Units, and how they belong together.

    Attributes:
        aus: the A names, in output order.
        rules: K point rules, AU after AU.
        au_of_point: K indices into `aus`.
        mirror: K indices; mirror[k] is the point that takes the place of point k in a flipped
            image.
    """

    aus: tuple[str, ...]
    rules: tuple[PointRule, ...]
    au_of_point: tuple[int, ...]
    mirror: tuple[int, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> PointLayout:
        """The layout of the named AUs.

        Raises:
            AuheatError: as `action_units` does.
        """
        units = action_units(names)
        rules = tuple(rule for unit in units for rule in unit.points)
        owner = tuple(a for a, unit in enumerate(units) for _ in unit.points)
        mirror = []
        for rule, a in zip(rules, owner, strict=True):
            first = owner.index(a)
            mirror.append(first + units[a].points.index(rule.mirrored()))
        return cls(tuple(unit.name for unit in units), rules, owner, tuple(mirror))

    @property
    def count(self) -> int:
        """K, the number of points, which is the number of heatmaps."""
        return len(self.rules)

    def locate(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """All K points (K, 2) of a face with landmarks (68, 2), in the same pixels."""
        return np.stack([rule.locate(points) for rule in self.rules])


def as_printed(value: float) -> float:
    """An intensity or a confidence with the decimals that a table prints.

    What is decided by a threshold is decided on these, so that a CSV file and a table in memory
    agree about it.
    """
    return round(float(value), PRINTED_DECIMALS)


def is_present(intensity: float) -> int:
    """1 if an intensity, as the table prints it, reaches FACS level A, else 0."""
    return int(as_printed(intensity) >= PRESENCE_THRESHOLD)
