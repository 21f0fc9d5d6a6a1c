"""`auheat events`: onset, apex and offset of every Action Unit in a table of a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from auheat.cli import options
from auheat.cli.console import echo, warn


def _threshold(name: str) -> Callable[[], float]:
    """Gives a default threshold; the module that knows it is loaded then."""

    def default() -> float:
        from auheat.inference.events import DEFAULTS

        return float(getattr(DEFAULTS, name))

    return default


@click.command()
@click.argument("table", type=options.PATH)
@options.out_file("[default: beside the table, <name>.events.csv]")
@options.number("--enter", _threshold("enter"), "Intensity that an event must reach.")
@options.number("--leave", _threshold("leave"), "Intensity at which it begins and ends.")
@options.number("--shortest", _threshold("shortest"), "Seconds that an event lasts at least.")
def command(table: Path, out: Path | None, enter: float, leave: float, shortest: float) -> None:
    """Find when Action Units begin, peak and end in TABLE, one of `auheat predict` or OpenFace.

    Writes one row for each event: face_id, au; onset, apex, offset and duration in seconds; peak
    and mean intensity; the frames of onset, apex and offset; complete, 0 if the video or the face
    was cut off in the middle of the event.
    """
    from auheat.files import output_path, refuse_input
    from auheat.inference.events import Thresholds, events_in, write_events
    from auheat.tables.reading import EVENTS

    place = out or table.with_suffix(EVENTS)
    refuse_input(place, [table])
    output_path(place, "a table of events", ".csv")
    events = events_in(
        table, Thresholds(enter, leave, shortest), lambda line: warn(f"note: {line}")
    )
    write_events(place, events)
    echo(f"{len(events)} event{'' if len(events) == 1 else 's'} -> {place}")
