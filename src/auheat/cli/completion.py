"""`auheat completion`: what teaches a shell to complete subcommands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    bash: auheat completion bash >> ~/.bashrc

    zsh: auheat completion zsh >> ~/.zshrc

    fish: auheat completion fish > ~/.config/fish/completions/auheat.fish
    """
    from click.shell_completion import get_completion_class

    from auheat.cli import main

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "auheat", "_AUHEAT_COMPLETE").source())
