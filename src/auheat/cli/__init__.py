"""The command line. Every module in this folder but three is one subcommand, found by its name.

A subcommand's module holds a click command called `command` and imports what it needs inside it, so
that `auheat --help` stays fast. `options` holds what several share, `console` what they say with,
`progress_line` how far they are.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from math import isfinite
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click

from auheat import __version__
from auheat.cli import console
from auheat.errors import AuheatError, Terminated
from auheat.faults import DEBUG, unexpected
from auheat.optional import explained

# How click asks, which depends on its version and on how many words are near.
_MEANT = re.compile(r"\. \(?Did you mean (?:one of: )?(.+?)\?\)?$")
DIFFERS, FAILED, INTERRUPTED = 1, 2, 130
_SHARED = {"console", "options", "progress_line"}
# The extras of subcommands that each need more than one package.
_EXTRAS = {
    "corpus": "corpus",
    "evaluate": "evaluate",
    "export": "export",
    "prepare": "evaluate",  # pandas, pyarrow, and SciPy for MATLAB files
    "reproduce": "train",
    "serve": "serve",
    "synth": "synth",
    "train": "train",
}


class Subcommands(click.Group):
    """Loads a subcommand's module when the subcommand is named, and turns errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = {module.name for module in iter_modules([str(Path(__file__).parent)])}
        return sorted(modules - _SHARED)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"auheat.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a subcommand.

        Raises:
            AuheatError: A package is not installed, or cannot be loaded.
        """
        try:
            return super().invoke(ctx)
        except Exception as error:
            known = explained(error, _EXTRAS.get(ctx.invoked_subcommand or ""))
            if known is None:
                raise
            raise known from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line and exits: 0, 2 for what fails, 130 for Ctrl-C, 143 for SIGTERM.

        129 for SIGHUP, by which a terminal that is closed ends what it runs.
        """
        with console.quiet():
            sys.exit(self._run(*args, **kwargs))

    def _named(self, arguments: Sequence[str] | None) -> str:
        """The command that arguments, or those of the process, call."""
        given = sys.argv[1:] if arguments is None else arguments
        known = self.list_commands(click.Context(self))
        return " ".join(["auheat", *[word for word in given if word in known][:1]])

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            _require_folder()
            with console.terminable():
                return super().main(*args, **kwargs | {"standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:  # "auheat" alone asks what there is
            error.show()
            return error.exit_code
        except click.UsageError as error:
            if error.ctx and not isinstance(error, click.BadOptionUsage):
                command = error.ctx.command_path
            else:  # click does not say whose option it is
                command = self._named(args[0] if args else kwargs.get("args"))
            console.warn(f"{_sentence(error)}; see `{command} --help`")
            return error.exit_code
        except click.ClickException as error:
            console.warn(_sentence(error))
            return error.exit_code
        except AuheatError as error:
            console.warn(str(error))
            return FAILED
        except Terminated as ended:
            console.warn("terminated")
            return 128 + ended.number
        except (click.Abort, KeyboardInterrupt):
            console.warn("interrupted")
            return INTERRUPTED
        except Exception as error:  # a help text that nobody takes; else a defect, for the log
            console.warn(console.unwritten(error) or unexpected(error))
            return FAILED


def _sentence(error: click.ClickException) -> str:
    """What click says of a misuse, as the beginning of a line of ours."""
    message = " ".join(error.format_message().split()).removesuffix(".")
    message = _MEANT.sub(r": did you mean \1?", message).replace(". Choose from:", ": choose from")
    return message[:1].lower() + message[1:]


def _require_folder() -> None:
    """Looks whether the working folder is there; without it libraries end the process.

    Raises:
        AuheatError: if the working folder is gone.
    """
    try:
        Path.cwd()
    except OSError:
        raise AuheatError("the working folder was deleted: change to another one") from None


def _debug(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ[DEBUG] = "1"


def _allow_pixels(ctx: click.Context, option: click.Parameter, wanted: float | None) -> None:
    if wanted is not None:
        if not isfinite(wanted):
            raise click.BadParameter(f"{wanted} is no number of pixels", ctx, option)
        from auheat.media.limits import MEGAPIXELS

        os.environ[MEGAPIXELS] = f"{wanted:g}"


@click.group("auheat", cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="auheat %(version)s")
@click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_debug,
    help="Show the cause of unexpected errors, too.",
)
@click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    metavar="N",
    expose_value=False,
    is_eager=True,
    callback=_allow_pixels,
    help="Read images and frames of up to N million pixels; memory grows with it.  [default: 100]",
)
def main() -> None:
    """Reads facial Action Units (FACS, 0 to 5) from face images and video."""
