"""Rows of ours for the paper's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auheat.facs import DISFA_AUS
from auheat.figures.rows import EvaluationInfo, Row

MEASURED = EvaluationInfo("DISFA", True, "3 folds by subject", 12960, 27, 3, "light")


def row(
    name: str, icc: float, mae: float, *, aus: tuple[str, ...] = DISFA_AUS, **changes: Any
) -> Row:
    """A row whose AUs, those of DISFA by default, all have the same figures."""
    same: dict[str, Mapping[str, float]] = {
        "icc": dict.fromkeys(aus, icc),
        "mae": dict.fromkeys(aus, mae),
    }
    settings: dict[str, Any] = {"setting": "", "mean_icc": icc, "mean_mae": mae, **same}
    return Row(name, **(settings | changes))
