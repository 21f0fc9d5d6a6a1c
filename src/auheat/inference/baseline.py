"""A person's resting face: what the network reads of each AU while the face does nothing.

A baseline is kept as JSON, beside the table that it was subtracted from and wherever else the user
wants it:

    {"auheat_neutral": 1, "method": "...", "source": "clip.mp4", "aus": ["AU01", ...],
     "faces": {"0": {"frames": [1, 2, 3], "readings": {"AU01": 1.06, ...}}}}

`faces` is by face_id. `frames` are those whose median the readings are; none for a photo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY
from auheat.files import atomic_write

FORMAT = 1
_KEY = "auheat_neutral"


@dataclass(frozen=True)
class Rest:
    """One person's resting readings by AU, 0 to 5, and the frames that they are from."""

    readings: Mapping[str, float]
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """Resting readings of the people in a video, or of one person wherever they are.

    faces: by face_id. method: how they were found, in words. source: the file they are of.
    shared: of one person, and meant for every face in files other than its source.
    """

    faces: Mapping[int, Rest]
    method: str
    source: str
    shared: bool = False

    def of(self, face_id: int) -> Rest | None:
        """The resting readings to take from a face, or None if they are not known."""
        if self.shared:
            return next(iter(self.faces.values()))
        return self.faces.get(face_id)

    def only(self, aus: Sequence[str]) -> Baseline:
        """For the named AUs. Raises AuheatError, naming the source, if any is not in it."""
        known = next(iter(self.faces.values())).readings if self.faces else dict.fromkeys(aus, 0.0)
        missing = [au for au in aus if au not in known]
        if missing:
            raise AuheatError(
                f"the neutral readings of {self.source} lack {', '.join(missing)}: make them anew "
                "with the same weights, or leave these out with --aus"
            )
        faces = {
            face_id: Rest({au: rest.readings[au] for au in aus}, rest.frames)
            for face_id, rest in self.faces.items()
        }
        return Baseline(faces, self.method, self.source, self.shared)

    def write(self, path: Path) -> None:
        """Writes the JSON file. Raises AuheatError if it cannot."""
        faces = {
            str(face_id): {
                "frames": list(rest.frames),
                "readings": {au: round(value, 4) for au, value in rest.readings.items()},
            }
            for face_id, rest in self.faces.items()
        }
        aus = list(next(iter(self.faces.values())).readings) if self.faces else []
        stored = {_KEY: FORMAT, "method": self.method, "source": self.source, "aus": aus}
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(stored | {"faces": faces}, indent=1) + "\n", "utf-8")


def read_baseline(path: Path) -> Baseline:
    """A baseline that was written for one person, to be shared by other files.

    Raises AuheatError if there is none, it is damaged, or it is of several people or nobody.
    """
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored[_KEY] != FORMAT:
            raise AuheatError(f"{path} has format {stored[_KEY]}, this auheat reads {FORMAT}")
        faces = {int(face): _rest(one) for face, one in stored["faces"].items()}
        method = str(stored["method"])
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AuheatError(
            f"{path} holds no neutral readings: give a file that --save-neutral wrote"
        ) from None
    if len(faces) != 1:
        raise AuheatError(
            f"{path} holds the neutral readings of {len(faces)} people, and who is who in another "
            "file is not known: save them with --faces 1"
        )
    return Baseline(faces, method, str(path), shared=True)


def _rest(stored: Mapping[str, Any]) -> Rest:
    readings = {str(au): float(value) for au, value in stored["readings"].items()}
    if not readings or not all(MIN_INTENSITY <= x <= MAX_INTENSITY for x in readings.values()):
        raise ValueError("readings lie in 0 to 5")
    return Rest(readings, tuple(int(frame) for frame in stored["frames"]))
