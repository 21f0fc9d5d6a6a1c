"""The fenced blocks of code in the documents, and the commands in those of bash.

A block of bash or Python is run by the tests, unless a comment directly above it says why not:

    <!-- not run: needs DISFA -->

Then bash is parsed, and of Python the imports are looked up. Other blocks only show something and
must say what they are (`text`, `csv`, ...).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from auheat.cli import main

ROOT = Path(__file__).resolve().parents[1]
RUN, SHOWN = ("bash", "python"), ("text", "csv", "json", "toml", "html", "r", "yaml")
_FENCE = re.compile(r"^ *(```+|~~~+) *(\S*)")
_MARK = re.compile(r"^<!-- not run: (.+) -->$")
_BETWEEN = {";", "&&", "||", "|", "&"}


@dataclass(frozen=True)
class Block:
    """A block of code. page: relative to the repository. line: of its first line, from 1."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """All documents: those of the website, and those that lie beside the code."""
    beside = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
    return [*beside, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks() -> list[Block]:
    """All blocks of all pages."""
    return [block for page in pages() for block in blocks_of(page)]


def blocks_of(page: Path) -> Iterator[Block]:
    return blocks_in(page.read_text("utf-8"), page.relative_to(ROOT).as_posix())


def blocks_in(text: str, page: str) -> Iterator[Block]:
    """The blocks of a page in order. Raises ValueError for one that does not end."""
    opened: tuple[str, str, int] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened = (fence[1], fence[2], number)
        elif opened is not None and fence and line.strip() == opened[0]:
            mark = _MARK.match(lines[opened[2] - 1]) if opened[2] else None
            content = "\n".join(lines[opened[2] + 1 : number])
            yield Block(page, opened[2] + 2, opened[1], content, mark[1] if mark else None)
            opened = None
    if opened is not None:
        raise ValueError(f"{page}:{opened[2] + 1} opens a block that does not end")


def commands(script: str) -> Iterator[list[str]]:
    """The simple commands of a bash script as words: loops, comments and redirections left out.

    Variables that the script sets, each in a line of its own, are filled in where a word is one.
    """
    variables: dict[str, str] = {}
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _BETWEEN:
                if len(words) == 1 and (set_here := re.fullmatch(r"(\w+)=(.*)", words[0])):
                    variables[set_here[1]] = set_here[2]
                else:
                    yield from _simple(words)
                words = []
            elif word[:1] == "$" and word[1:] in variables:
                words.extend(variables[word[1:]].split())
            else:
                words.append(word)


def _simple(words: list[str]) -> Iterator[list[str]]:
    while words and words[0] in ("do", "done", "then", "fi"):
        words = words[1:]
    redirected = next((i for i, word in enumerate(words) if word.startswith((">", "<"))), None)
    words = words[:redirected]
    if words and words[0] != "for":
        yield words


def check_auheat(words: list[str]) -> None:
    """Raises click.UsageError unless the subcommand, its options and its arguments exist."""
    command: click.Command = main
    context: click.Context | None = None
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        words = getattr(command, "named", list)(words)  # of `auheat corpus`
        # With the settings of its group, as a command keeps the help option that it is first given.
        context = click.Context(command, context, **command.context_settings)
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no subcommand {words[0]!r}")
        command, words = found, words[1:]
    try:
        command.make_context("auheat", list(words), parent=context)
    except click.exceptions.Exit as done:  # --help and --version end here
        assert done.exit_code == 0  # noqa: PT017
