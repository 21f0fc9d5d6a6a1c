"""The command line. Every module in this folder but `options` is one verb, found by its name.

A verb's module holds a click command called `command` and imports what it needs inside it, so that
`auheat --help` stays fast.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import FrameType
from typing import Any

import click

from auheat import __version__
from auheat.errors import AuheatError, Terminated
from auheat.optional import explained

FAILED, INTERRUPTED, TERMINATED = 2, 130, 143
# The extras of subcommands that each need more than one package.
_EXTRAS = {
    "export": "export",
    "reproduce": "train",
    "serve": "serve",
    "synth": "synth",
    "train": "train",
}


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

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a subcommand.

        Raises:
            AuheatError: The extra of the subcommand is not installed.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            known = explained(error, _EXTRAS.get(ctx.invoked_subcommand or ""))
            raise known or error from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line and exits.

        0, 2 for what the user can fix, 130 for Ctrl-C, 143 for SIGTERM.
        """
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
        except Terminated:
            click.echo("auheat: terminated", err=True)
            code = TERMINATED
        sys.exit(code)


def terminable(function: Callable[..., Any]) -> Callable[..., Any]:
    """For commands that run for hours: SIGTERM raises `Terminated`, so that they end in order."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        before = signal.signal(signal.SIGTERM, terminate)
        try:
            return function(*args, **kwargs)
        finally:
            signal.signal(signal.SIGTERM, before)

    return called


def _line(error: AuheatError) -> str:
    """The error's own line, also where a reading process wrapped it into its traceback."""
    return str(error).rstrip().rpartition("AuheatError: ")[2]


@click.group("auheat", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="auheat %(version)s")
def main() -> None:
    """Reads facial Action Units (FACS, 0 to 5) from face images and video."""
