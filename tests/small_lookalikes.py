"""Plans of small look-alikes."""

from __future__ import annotations

from auheat.data.lookalikes import LookalikePlan


def tiny(layout: str, subjects: int, frames: int, size: int = 32, seed: int = 3) -> LookalikePlan:
    return LookalikePlan(layout, seed, subjects, frames, size)
