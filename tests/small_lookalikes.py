"""Plans of small look-alikes."""

from __future__ import annotations

from auheat.data.lookalike import plan_of
from auheat.data.sequences import LookalikePlan


def tiny(layout: str, subjects: int, frames: int, size: int = 32, seed: int = 3) -> LookalikePlan:
    return plan_of(layout, seed=seed, subjects=subjects, frames=frames, size=size)
