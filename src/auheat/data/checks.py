"""What readers of datasets check, and how they note what is not as it should be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from auheat.errors import AuheatError
from auheat.facs import TABLE, action_units
from auheat.folders import locate


def choose_aus(
    coded: Collection[str], usual: Collection[str], *, wanted: tuple[str, ...] | None, root: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The AUs to read, and those among the usual ones that are coded but not in `facs.TABLE`.

    Args:
        coded: The AUs with labels in `root`.
        usual: The AUs that the dataset is known for.
        wanted: What the user asks for; None for the usual ones.
        root: For messages.

    Raises:
        AuheatError: A wanted AU is not coded in `root`, or none is.
    """
    there = tuple(sorted(coded))
    if not there:
        raise AuheatError(f"{root} has no labels of any AU where they should be")
    usually = [name for name in usual if name in there]
    if wanted is None:
        chosen = tuple(name for name in usually if name in TABLE)
    else:
        chosen = tuple(unit.name for unit in action_units(wanted))
    missing = [name for name in chosen if name not in there]
    if missing or not chosen:
        what = ", ".join(missing or usual)
        raise AuheatError(f"{root} has no labels of {what}: coded there are {', '.join(there)}")
    unknown = tuple(name for name in usually if name not in TABLE)
    return tuple(name for name in TABLE if name in chosen), unknown


def spans(numbers: Iterable[int], most: int = 5) -> str:
    """Numbers as ranges: `3, 7-9`; after `most` ranges an ellipsis."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:most]]
    return ", ".join(shown + ["..."] * (len(runs) > most))


def leave_out(
    left_out: dict[int, str],
    frames: Collection[int],
    *,
    reason: str,
    of: int,
    name: str,
    problems: list[str],
) -> None:
    """Notes frames that cannot be used, if there are any. An earlier reason stays.

    Args:
        left_out: Frames with the reason, is updated.
        frames: Those that cannot be used.
        reason: Why.
        of: How many frames there are.
        name: What the recording is called.
        problems: A line is added.
    """
    if frames:
        for frame in frames:
            left_out.setdefault(frame, reason)
        problems.append(f"{name}: {reason}, {len(frames)} of {of} frames: {spans(frames)}")


def own_landmarks(root: Path, *names: str) -> Path:
    """The folder of the landmarks that come with a dataset.

    Raises:
        AuheatError: There is none.
    """
    folder = locate(root, *names)
    if folder is None:
        raise AuheatError(
            f"no landmarks in {root}: expected {names[0]} there, or use --landmarks mediapipe"
        )
    return folder
