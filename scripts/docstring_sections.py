"""Shows our docstrings in the API reference as lists of parameters. Loaded by mkdocs.yml.

A docstring of auheat explains a parameter or attribute in a line that begins with its name and a
colon, and goes on in indented lines. Such lines become a section that mkdocstrings understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import griffe


class PlainSections(griffe.Extension):
    """Rewrites every docstring that explains names of its function or class."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        _rewrite(func, {parameter.name for parameter in func.parameters}, "Args")

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        is_record = any("dataclass" in str(decorator.value) for decorator in cls.decorators)
        fields = {name for name, member in cls.members.items() if member.is_attribute}
        if is_record or any("NamedTuple" in str(base) for base in cls.bases):
            _rewrite(cls, fields, "Attributes")
        else:
            _rewrite(cls, {parameter.name for parameter in cls.parameters}, "Args")


def _rewrite(thing: griffe.Function | griffe.Class, names: set[str], title: str) -> None:
    names -= {"self", "cls"}
    if thing.docstring and names:
        lines = thing.docstring.value.splitlines()
        thing.docstring.value = "\n".join(sectioned(lines, names, title))


def sectioned(lines: list[str], names: set[str], title: str) -> Iterator[str]:
    """The lines of a docstring, with what explains one of the names in a section."""
    one = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    head = re.compile(rf"((?:{one})(?:, (?:{one}))*): ")
    inside = False
    for line in lines:
        starts = bool(head.match(line))
        goes_on = inside and line.startswith("    ")
        if starts and not inside:
            yield from ("", f"{title}:")
        elif inside and not (starts or goes_on):
            yield ""
        inside = starts or goes_on
        yield from _items(line, head) if inside else [line]


def _items(line: str, head: re.Pattern[str]) -> Iterator[str]:
    """A line of a section: one entry for each name that it explains, or the rest of the last."""
    places = [match.start() for match in head.finditer(line) if _begins(line, match.start())]
    places.append(len(line))
    if line[: places[0]].strip():
        yield f"    {line[: places[0]].rstrip()}"
    for start, end in pairwise(places):
        match = head.match(line, start)
        assert match is not None
        for name in match[1].split(", "):
            yield f"    {name}: {line[match.end() : end].rstrip()}"


def _begins(line: str, place: int) -> bool:
    """Whether a sentence begins here."""
    return place == 0 or line[:place].endswith((". ", "    "))
