"""Where files of weights lie: those that come with auheat, and what belongs to a file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from auheat.errors import AuheatError


def default_weights() -> Path:
    """The weights that come with auheat.

    Raises:
        AuheatError: This copy of auheat has none.
    """
    path = Path(str(files("auheat"))) / "weights" / "default.safetensors"
    if not path.is_file():
        raise AuheatError(
            "this copy of auheat comes without default weights: name a .safetensors file"
        )
    return path


def uncertainty_path(weights: str | Path) -> Path:
    """Where the uncertainty file of a file of weights lies, if it has one: beside it."""
    path = Path(weights)
    return path.with_name(f"{path.stem}.uncertainty.json")
