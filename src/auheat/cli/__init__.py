"""The command line. Every module in this folder but `options` is one verb, found by its name.

A verb's module holds a click command called `command` and imports what it needs inside it, so that
`auheat --help` stays fast.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click
from click.shell_completion import CompletionItem

from auheat import __version__
from auheat.errors import AuheatError, unknown_name

FAILED, INTERRUPTED = 2, 130


class VerbGroup(click.Group):
    """Loads a verb's module when the verb is named, and turns errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = {module.name for module in iter_modules([str(Path(__file__).parent)])}
        return sorted(modules - {"options"})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"auheat.cli.{cmd_name}").command
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line and exits: 0, 2 for what the user can mend, 130 for Ctrl-C."""
        try:
            code = super().main(*args, **kwargs | {"standalone_mode": False})
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except AuheatError as error:
            click.echo(f"auheat: {_line(error)}", err=True)
            code = FAILED
        except (click.Abort, KeyboardInterrupt):
            click.echo("auheat: interrupted", err=True)
            code = INTERRUPTED
        sys.exit(code)


def _line(error: AuheatError) -> str:
    """The error's own line, also where a reading process wrapped it into its traceback."""
    return str(error).rstrip().rpartition("AuheatError: ")[2]


class Dataset(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
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


@click.group("auheat", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="auheat %(version)s")
def main() -> None:
    """Reads facial Action Units (FACS, 0 to 5) from face images and video."""
