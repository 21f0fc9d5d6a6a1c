"""Tables as Markdown, for documents, reports and the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_BARE_BAR = re.compile(r"(?<!\\)\|")


def markdown_table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: bool = False
) -> str:
    """A Markdown table without a newline at its end.

    Args:
        head: Names of the columns.
        rows: One cell for every column: Markdown, or what `str` makes of it. A bar that is not
            escaped is escaped.
        numbers: Whether all columns but the first stand to the right.
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in (head, rule, *rows))


def _cell(value: object) -> str:
    return _BARE_BAR.sub(r"\\|", str(value)).replace("\n", " ")
