"""Where files of weights lie: those that come with auheat, and what belongs to a file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from auheat.errors import AuheatError

# The word for the weights that come with auheat, wherever a file of weights may be named.
DEFAULT = "default"


def is_default(weights: object) -> bool:
    """Whether the weights that come with auheat are meant; a path of that name is another file."""
    return isinstance(weights, str) and weights == DEFAULT


def checkpoint_path(weights: str | Path) -> Path:
    """The file of weights for PyTorch that is meant by its path or by "default".

    Raises:
        AuheatError: This copy of auheat has none.
    """
    return default_weights() if is_default(weights) else Path(weights)


def files_meant(weights: str | Path) -> list[Path]:
    """The files that may have been opened for weights by their path or by "default".

    Raises:
        AuheatError: This copy of auheat has none.
    """
    return [default_network(), default_weights()] if is_default(weights) else [Path(weights)]


def default_weights() -> Path:
    """The weights that come with auheat, for PyTorch.

    Raises:
        AuheatError: This copy of auheat has none.
    """
    return _shipped("default.safetensors")


def default_network() -> Path:
    """The network that comes with auheat, made from `default_weights` by `auheat export`.

    Raises:
        AuheatError: This copy of auheat has none.
    """
    return _shipped("default.onnx")


def _shipped(name: str) -> Path:
    path = _folder() / name
    if not path.is_file():
        raise AuheatError(
            f"this copy of auheat comes without {name}: install auheat again, or name a file with "
            "--weights"
        )
    return path


def _folder() -> Path:
    return Path(str(files("auheat"))) / "weights"


def uncertainty_path(weights: str | Path) -> Path:
    """Where the uncertainty file of a file of weights, or of "default", lies: beside it, if any."""
    path = _folder() / DEFAULT if is_default(weights) else Path(weights)
    return path.with_name(f"{path.stem}.uncertainty.json")
