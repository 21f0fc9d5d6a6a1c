"""The command line, called from a test as a user calls it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from auheat.cli import main


def call(*arguments: object) -> Result:
    """What a call does, however it ends."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    """Standard output of a call that ends well."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    """The single line of a call that ends with exit code 2."""
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr
