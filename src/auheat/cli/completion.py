"""`auheat completion`: what teaches a shell to complete subcommands and options."""

from __future__ import annotations

from typing import Literal

import click

from auheat.cli import console, options

Shell = Literal["bash", "zsh", "fish"]


@click.command()
@click.argument("shell", type=options.choices(Shell))
def command(shell: Shell) -> None:
    """Print the completion script of SHELL.

    bash: auheat completion bash >> ~/.bashrc

    zsh: auheat completion zsh >> ~/.zshrc

    fish: auheat completion fish > ~/.config/fish/completions/auheat.fish
    """
    from click.shell_completion import get_completion_class

    from auheat.cli import main

    kind = get_completion_class(shell)
    assert kind is not None
    console.script(kind(main, {}, "auheat", "_AUHEAT_COMPLETE").source())
