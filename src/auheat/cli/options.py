"""Options that several subcommands share, and the bar that shows progress.

Choices are those of the `Literal` that the library itself checks, so that there is one list.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from auheat.errors import AuheatError, unknown_name
from auheat.faces import DEFAULT_MAX_FACES
from auheat.media.limits import MAX_FPS
from auheat.models.device_names import DEVICES
from auheat.models.runtimes.names import PrecisionChoice, RuntimeChoice
from auheat.models.weights import DEFAULT, is_default
from auheat.system import MAX_PROCESSES

# What every function here gives: it decorates a command.
Option = Callable[[Callable[..., Any]], Callable[..., Any]]
COUNT = click.IntRange(min=1)


class _AnyPath(click.Path):
    """A path that is looked at in its turn, so that one input does not stop those before it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":  # as of a variable that is not set; it would be the working folder
            what = param.opts[0] if param and param.opts[0].startswith("-") else "a file or folder"
            raise AuheatError(f"the name of {what} is empty: give the path of a file or folder")
        return Path(value)


class _Target(_AnyPath):
    """A path, or the word for the weights that come with auheat, which stays a word."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if is_default(value) else super().convert(value, param, ctx)


PATH = _AnyPath()
TARGET = _Target()


class Finite(click.FloatRange):
    """A range that no infinity and no NaN lies in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


FPS = Finite(min=0, min_open=True, max=MAX_FPS)
SECONDS = Finite(min=0, min_open=True)


def choices(literal: Any, *more: str) -> click.Choice[str]:
    """The values of a `Literal`, and further ones."""
    return click.Choice([*get_args(literal), *more])


class DatasetName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """The name of a dataset's layout, looked up where it is needed.

    Args:
        lookalikes: Whether look-alikes can be made in it, not whether it can be read.
    """

    name = "layout"

    def __init__(self, lookalikes: bool = False) -> None:
        self._lookalikes = lookalikes

    def names(self) -> list[str]:
        """What may be given."""
        from auheat.data.datasets import DATASETS, lookalikes

        return list(lookalikes() if self._lookalikes else DATASETS)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "[" + "|".join(self.names()) + "]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.names():
            raise unknown_name(self.name, str(value), self.names())
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


def renamed(name: str, former: str, **attributes: Any) -> Option:
    """An option that also goes by its former name, which the help leaves out."""
    return click.option(name, former, name[2:].replace("-", "_"), cls=_Renamed, **attributes)


class _Renamed(click.Option):
    """Shows only the first of its names."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        opts, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = opts


def number(name: str, default: Callable[[], float], help: str) -> Option:
    """An option whose default is known by a module that is not loaded before it is needed."""
    return click.option(name, type=float, default=default, cls=_LateDefault, help=help)


class _LateDefault(click.Option):
    """Asks for its default when its help is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.default, self.show_default = self.get_default(ctx), True
        return super().get_help_record(ctx)


def out_path(default: str | None = None, help: str = "Folder for the results.") -> Option:
    """-o, the folder or file to write to; required without a default."""
    return click.option(
        *("-o", "--out"),
        type=PATH,
        default=Path(default) if default else None,
        required=default is None,
        show_default=default is not None,
        help=help,
    )


def out_file(help: str, required: bool = False) -> Option:
    """-o, the file to write."""
    return click.option("-o", "--out", type=PATH, required=required, help=help)


def device(help: str = f"{DEVICES}; all but auto and cpu need torch.") -> Option:
    """--device."""
    return click.option("--device", default="auto", show_default=True, help=help)


def weights(
    help: str = "A .safetensors file of auheat, or an .onnx file of `auheat export`.",
) -> Option:
    """--weights."""
    return click.option("--weights", default=DEFAULT, show_default=True, help=help)


def value(name: str, kind: click.ParamType[Any], default: Any, help: str) -> Option:
    """An option with a default that its help shows."""
    return click.option(name, type=kind, default=default, show_default=True, help=help)


def choice(name: str, literal: Any, default: str, help: str) -> Option:
    """An option that is one of the values of a `Literal`."""
    return value(name, choices(literal), default, help)


def runtime() -> Option:
    """--runtime."""
    return choice("--runtime", RuntimeChoice, "auto", "What the network runs on.")


def precision() -> Option:
    """--precision."""
    return choice(
        "--precision",
        PrecisionChoice,
        "auto",
        "What the network computes in; auto is fp32 on ONNX Runtime (the default), bf16 on torch "
        "where the processor has it.",
    )


def max_faces(help: str = "Faces to read at most, the largest first.") -> Option:
    """--faces."""
    return value("--faces", COUNT, DEFAULT_MAX_FACES, help)


def workers(default: int | None = None, min: int = 1) -> Option:
    """--workers; one a processor by default."""
    return click.option(
        "--workers",
        type=click.IntRange(min, MAX_PROCESSES),
        default=default,
        show_default=default is not None,
        help=None if default is not None else "[default: one a processor]",
    )


def names(text: str | None) -> list[str] | None:
    """`AU06,AU12` as a list; None if nothing is given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
