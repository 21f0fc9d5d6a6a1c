"""What the origin of a table tells a report: how it was read, and by which weights.

Origins are those of `auheat.inference.origin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError
from auheat.inference.origin import origin_of_table
from auheat.models.weights import files_meant
from auheat.sums import sha256

Pairs = list[tuple[str, str]]

# Settings of an origin in the order in which they are shown, with what they are called. The names
# of AUs are left out: every report has them.
_SETTINGS = {
    "smooth": "smoothed",
    "baseline": "baseline asked for",
    "max_faces": "faces at most",
    "sequence": "images as one video",
    "fps": "frames/s asked for",
    "pose": "with the head's pose",
    "landmarks": "with landmarks",
    "std": "with deviations",
    "format": "format",
}
# Of the settings, those that say something by being None.
_NONE_MEANS = {"baseline": "none"}
_UNKNOWN = (
    "Neither the table nor a file beside it says which weights made it; this card is of those "
    "named here."
)


def known_origin(table: Path) -> tuple[dict[str, Any] | None, Pairs]:
    """The origin of a table, or None, and a line that says why it cannot be read, if it cannot."""
    try:
        return origin_of_table(table), []
    except AuheatError as error:
        return None, [("origin", str(error))]


def origin_lines(origin: Mapping[str, Any]) -> Pairs:
    """Names and values of how a table was read. origin: with its input or without."""
    weights, settings = origin["weights"], origin["settings"]
    lines = [("read by", f"auheat {origin['auheat']}")]
    if weights:
        lines.append(("weights", f"{weights['file']}, SHA-256 {weights['sha256']}"))
    lines.append(("runtime", ", ".join(str(origin[k]) for k in ("runtime", "precision", "device"))))
    for name, words in _SETTINGS.items():
        value = settings.get(name)
        shown = _NONE_MEANS.get(name, "") if value is None else _shown(value)
        if shown:
            lines.append((words, shown))
    return lines


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return Path(value).name if isinstance(value, str) else str(value)  # no folders of the user


def card_note(origin: Mapping[str, Any] | None, weights: str) -> str:
    """Whether the card of these weights is of those that made a table.

    Args:
        origin: Of the table, if it is known.
        weights: Those that are named: their path, or "default".

    Raises:
        AuheatError: The weights cannot be read.
    """
    made = origin["weights"] if origin else None
    if not made:
        return _UNKNOWN
    if made["sha256"] in {sha256(path) for path in files_meant(weights)}:
        return "The weights that made the table: their SHA-256 is the one in its origin."
    return (
        f"Other weights made the table: {made['file']} with the SHA-256 {made['sha256'][:12]}..., "
        "as its origin says. This card, and the heatmaps of peaks, are of those named here; name "
        "the others with --weights."
    )
