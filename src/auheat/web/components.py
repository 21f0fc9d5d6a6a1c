"""The components that page and reports share: scripts, styles, and the colours behind them.

The page loads them file by file. A report holds them in itself: modules are joined into one script,
in the order in which they need each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from auheat.drawing.palette import PEOPLE, Colour
from auheat.drawing.panel import colour_scale
from auheat.facs import MAX_INTENSITY, TABLE

STATIC = Path(str(files("auheat.web"))) / "static"
_STYLES = ("theme.css", "components.css", "report.css")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
# Relative luminance at which white and black are equally far away (WCAG 2.1, contrast ratio).
_MIDDLE = 0.179
_SCALE_STOPS = 10


def au_descriptions(aus: Sequence[str]) -> list[dict[str, str]]:
    """Name, title and muscle of each AU; one that FACS does not know has its name alone."""
    known = [(au, TABLE.get(au)) for au in aus]
    return [
        {"name": au, "title": unit.title if unit else "", "muscle": unit.muscle if unit else ""}
        for au, unit in known
    ]


def shared_constants() -> dict[str, Any]:
    """Colours and scale for the components.

    `colours` holds 256 steps of intensity as hex, and from which of them on black is read better
    than white; `personColours` the marks of people on images.
    """
    dark_ink = next(i for i, rgb in enumerate(colour_scale()) if luminance(tuple(rgb)) > _MIDDLE)
    return {
        "scale": MAX_INTENSITY,
        "colours": {"hex": colour_scale().tobytes().hex(), "darkInkFrom": dark_ink},
        "personColours": [_hex(person.on_dark) for person in PEOPLE],
    }


def luminance(colour: Sequence[int]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.1)."""
    linear = [
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        for x in (int(part) / 255 for part in colour)
    ]
    return sum(x * weight for x, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def colours_css() -> str:
    """The colours of people and of intensity as a style sheet."""
    light = "".join(f"--p{i}:{_hex(one.on_light)};" for i, one in enumerate(PEOPLE))
    dark = "".join(f"--p{i}:{_hex(one.on_dark)};" for i, one in enumerate(PEOPLE))
    classes = "".join(f".p{i}{{--person:var(--p{i})}}" for i in range(len(PEOPLE)))
    steps = [round(255 * i / (_SCALE_STOPS - 1)) for i in range(_SCALE_STOPS)]
    stops = ",".join(_hex(colour_scale()[step]) for step in steps)
    return (
        f":root{{{light}--intensity:linear-gradient(90deg,{stops})}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{{light}}}}}{classes}\n"
    )


def report_page(title: str, content: dict[str, Any], made: str) -> str:
    """A report as one HTML file that needs nothing else.

    Args:
        title: What it is about.
        content: See `auheat.web.report.content`.
        made: By what, and when.
    """
    style = colours_css() + "".join((STATIC / name).read_text("utf-8") for name in _STYLES)
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Template((STATIC / "report.html").read_text("utf-8")).substitute(
        title=escape(title),
        style=style,
        content=data.replace("<", "\\u003c"),
        script=script_of("report.js"),
        made=escape(made),
    )


def script_of(entry: str) -> str:
    """A module and all that it imports, as one script."""
    parts = [_EXPORT.sub("", _IMPORT.sub("", text)) for text in _needed(entry, set())]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();"


def _needed(name: str, seen: set[str]) -> Iterator[str]:
    """The texts of a module's imports, then its own; each module once."""
    if name in seen:
        return
    seen.add(name)
    text = (STATIC / "js" / name).read_text("utf-8")
    for other in _IMPORT.findall(text):
        yield from _needed(other, seen)
    yield text


def _hex(colour: Sequence[int] | Colour) -> str:
    return f"#{bytes(int(part) for part in colour).hex()}"
