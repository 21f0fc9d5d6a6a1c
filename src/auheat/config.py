"""Settings: dataclasses read from TOML files, with `key=value` overrides and clear refusals.

A settings dataclass names every key once, with its type and default. Reading refuses what the
dataclass does not have, so a misspelt key never passes silently.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from auheat.errors import AuheatError, unknown_name
from auheat.facs import PAPER_AUS

if typing.TYPE_CHECKING:
    import tomllib
else:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib

T = TypeVar("T")

Trunk = Literal["resnet18", "resnet34", "resnet50"]
SccInit = Literal["identity", "random"]
EdgeFeatures = Literal["centre_difference", "centre_neighbour", "difference"]


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to rebuild a heatmap network. Stored inside every checkpoint.

    aus: the Action Units, in output order.
    trunk, width: residual network and the factor on its channel counts.
    input_size: side of the square input in pixels.
    normalise: "imagenet" subtracts ImageNet's channel means and divides by its standard
        deviations (for published weights); "image" removes each picture's own channel means and
        divides by its own standard deviation, which makes light and colour cast matter less.
    deconv_widths: channels of the stride-2 deconvolutions after the trunk.
    scc: a semantic correspondence convolution after every deconvolution.
    scc_k: neighbours in its graph, the channel itself included.
    scc_norm, scc_init, scc_edges: see `auheat.models.scc`.
    sigma, amplitude: see `auheat.heatmap`.
    location_maps: a second set of maps that mark each AU point with peak 1 whatever the intensity.
    """

    aus: tuple[str, ...] = PAPER_AUS
    trunk: Trunk = "resnet18"
    width: float = 0.5
    input_size: int = 128
    normalise: Literal["imagenet", "image"] = "image"
    deconv_widths: tuple[int, ...] = (128, 64, 64)
    scc: bool = True
    scc_k: int = 7
    scc_norm: bool = True
    scc_init: SccInit = "identity"
    scc_edges: EdgeFeatures = "centre_difference"
    sigma: float = 2.0
    amplitude: float | Literal["paper"] = 0.2
    location_maps: bool = True


PRESETS: dict[str, ModelConfig] = {
    "default": ModelConfig(),
    "paper": ModelConfig(
        trunk="resnet50",
        width=1.0,
        input_size=256,
        normalise="imagenet",
        deconv_widths=(256, 128, 64),
        amplitude="paper",
        location_maps=False,
    ),
}


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises AuheatError if it is missing or not TOML."""
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise AuheatError(f"no settings file at {path}: give the path of a .toml file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuheatError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise AuheatError(f"cannot read settings file {path}: {error.strerror}") from None


def override(settings: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Settings with `section.key=value` assignments applied; values are TOML, else plain text."""
    result: dict[str, Any] = json.loads(json.dumps(settings))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise AuheatError(f"cannot read {assignment!r}: write key=value, like model.scc=false")
        place = result
        *sections, last = key.strip().split(".")
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise AuheatError(f"cannot set {key!r}: {section!r} is a value, not a section")
        place[last] = _parse(text.strip())
    return result


def build(cls: type[T], settings: Mapping[str, Any], where: str) -> T:
    """A settings dataclass from nested mappings.

    where: names the source in messages. Raises AuheatError for an unknown key or a wrong type.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
    values = {}
    for key, value in settings.items():
        if key not in names:
            raise unknown_name("setting", key, names, where)
        values[key] = _convert(value, hints[key], key, where)
    try:
        return cls(**values)
    except TypeError:
        missing = [
            f.name
            for f in dataclasses.fields(cls)  # type: ignore[arg-type]
            if f.name not in values
            and f.default is dataclasses.MISSING
            and f.default_factory is dataclasses.MISSING
        ]
        raise AuheatError(f"missing in {where}: {', '.join(missing)}") from None


def to_dict(settings: Any) -> dict[str, Any]:
    """The inverse of `build`: nested plain values that JSON can hold."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return plain


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _convert(value: Any, kind: Any, key: str, where: str) -> Any:
    """`value` as the annotated type `kind`, or an error that says what was expected."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        if isinstance(value, Mapping):
            return build(kind, value, f"{where}, section {key}")  # type: ignore[arg-type]
    elif origin is Literal:
        if value in arguments:
            return value
        raise AuheatError(f"{key} = {value!r} in {where}: choose one of {_listed(arguments)}")
    elif origin in (typing.Union, types.UnionType):
        for choice in arguments:
            try:
                return _convert(value, choice, key, where)
            except AuheatError:
                continue
    elif origin is tuple:
        if isinstance(value, list | tuple):
            return tuple(_convert(item, arguments[0], key, where) for item in value)
    elif kind is type(None):
        if value is None:
            return None
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(value, kind):
        return value
    raise AuheatError(f"{key} = {value!r} in {where}: expected {_name(kind)}")


def _listed(choices: Sequence[Any]) -> str:
    return ", ".join(repr(choice) for choice in choices)


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
