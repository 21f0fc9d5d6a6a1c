"""Settings: dataclasses read from TOML files, with `key=value` overrides and clear refusals.

A settings dataclass names every key once, with its type and default. Reading refuses what the
dataclass does not have, so a misspelt key never passes silently.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from auheat.errors import AuheatError, shown, unknown_name
from auheat.files import check_file

if typing.TYPE_CHECKING:
    import tomllib
else:
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib

T = TypeVar("T")

# In a dataclass field's metadata: the name of its key in older files, which `build` still reads.
FORMER_NAME = "former name"
# There, too: what a file that was stored before the key was there means by leaving it out.
FORMER_VALUE = "former value"


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        AuheatError: The file is missing, cannot be read, or is not TOML.
    """
    check_file(Path(path))
    try:
        with Path(path).open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise AuheatError(f"no settings file at {path}: give the path of a .toml file") from None
    except RecursionError:
        raise AuheatError(f"{path} is not valid TOML: brackets are nested too deeply") from None
    except ValueError as error:  # of tomllib, of the encoding, or of a number of 5,000 digits
        raise AuheatError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise AuheatError(f"cannot read settings file {path}: {error.strerror}") from None


def override(settings: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Settings with `section.key=value` assignments applied; values are TOML, else plain text."""
    result = copy.deepcopy(dict(settings))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        *sections, last = key.strip().split(".")
        if not equals or not all([*sections, last]):
            raise AuheatError(
                f"cannot read {shown(assignment)}: write key=value, like model.scc=false"
            )
        place = result
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise AuheatError(
                    f"cannot set {key.strip()!r}: {section!r} is a value, not a section"
                )
        place[last] = _parse(text.strip())
    return result


def deep_merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings in which those of `above` win, section by section."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            value = deep_merge(under, value)
        result[key] = value
    return result


def build(cls: type[T], settings: Mapping[str, Any], where: str) -> T:
    """A settings dataclass from nested mappings.

    Args:
        cls: The dataclass; each of its fields is a key.
        settings: Values by key. A key may have its `FORMER_NAME`; of the two the
            one that comes last holds.
        where: Names the source in messages.

    Raises:
        AuheatError: A key is unknown or missing, a value has the wrong type, or the dataclass
            refuses it.
    """
    hints = typing.get_type_hints(cls)
    fields = [f for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
    names = [f.name for f in fields]
    former = {f.metadata[FORMER_NAME]: f.name for f in fields if FORMER_NAME in f.metadata}
    values = {}
    for key, value in settings.items():
        name = former.get(key, key)
        if name not in names:
            raise unknown_name("setting", key, names, where)
        values[name] = _convert(value, hints[name], key, where)
    missing = [f.name for f in fields if f.name not in values and _required(f)]
    if missing:
        raise AuheatError(f"missing in {where}: {', '.join(missing)}")
    try:
        return cls(**values)
    except AuheatError as error:
        raise AuheatError(f"{where}: {error}") from None


def build_stored(cls: type[T], settings: Mapping[str, Any], where: str) -> T:
    """As `build`, from settings that `to_dict` stored, maybe before some of the keys were there.

    Such a key has its `FORMER_VALUE`, which may differ from what is the default today.

    Raises:
        AuheatError: As for `build`.
    """
    return build(cls, _with_former_values(cls, settings), where)


def _with_former_values(cls: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    hints, filled = typing.get_type_hints(cls), dict(settings)
    for field in dataclasses.fields(cls):
        inner = filled.get(field.name)
        if FORMER_VALUE in field.metadata:
            filled.setdefault(field.name, field.metadata[FORMER_VALUE])
        elif dataclasses.is_dataclass(hints[field.name]) and isinstance(inner, Mapping):
            filled[field.name] = _with_former_values(hints[field.name], inner)
    return filled


def to_dict(settings: Any) -> dict[str, Any]:
    """The inverse of `build`: nested plain values that JSON can hold."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return plain


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # tomllib's own error is among the first
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
        raise AuheatError(f"{key} = {shown(value)} in {where}: choose one of {_listed(arguments)}")
    elif origin in (typing.Union, types.UnionType):
        for choice in arguments:
            try:
                return _convert(value, choice, key, where)
            except AuheatError:
                continue
    elif origin is tuple:
        if isinstance(value, list | tuple):
            kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
            if len(kinds) == len(value):
                pairs = zip(value, kinds, strict=True)
                return tuple(_convert(item, choice, key, where) for item, choice in pairs)
    elif kind is type(None):
        if value is None:
            return None
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):  # a whole number larger than any float
                return float(value)
    elif kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(value, kind):
        return value
    raise AuheatError(f"{key} = {shown(value)} in {where}: expected {_name(kind)}")


def _listed(choices: Sequence[Any]) -> str:
    return ", ".join(repr(choice) for choice in choices)


def _name(kind: Any) -> str:
    """How a type is called in a message."""
    arguments = typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return "a section"
    if typing.get_origin(kind) is Literal:
        return _listed(arguments)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_name(choice) for choice in arguments if choice is not type(None))
    if typing.get_origin(kind) is tuple:
        return f"a list of {_name(arguments[0])}"
    return kind.__name__ if isinstance(kind, type) else str(kind)
