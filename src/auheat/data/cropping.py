"""One recording of a real dataset to crops: images on disk, rows, and what was dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from auheat import geometry
from auheat.arrays import Image
from auheat.data.checks import spans
from auheat.data.crop_files import CROPS
from auheat.data.recording import NO_IMAGE, NO_LANDMARKS, OtherImagesError, Recording
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.faces.detector import FaceDetector
from auheat.geometry import Points
from auheat.landmarks import to_68

NOT_TAKEN = "not taken (--every)"
NO_FACE = "no face found"
UNREADABLE = "unreadable landmarks"
UNUSABLE = "unusable landmarks"

_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)

# A face's landmarks (68, 2) in a frame's image, or the reason why there are none.
Locate = Callable[[int, Image], Points | str]


def save_crop(path: Path, image: Image) -> None:
    """Writes a crop as JPEG of high quality with full colour.

    Args:
        path: The file.
        image: (H, W, 3) RGB.

    Raises:
        AuheatError: It cannot be written.
    """
    if not cv2.imwrite(str(path), image[..., ::-1], _JPEG):
        raise AuheatError(f"cannot write {path}: is the disk full?")


@dataclass
class Tally:
    """What became of a recording's labelled frames.

    Attributes:
        subject: Who it is.
        sequence: The recording.
        found: Number of labelled frames.
        kept: Number of crops.
        dropped: Number of frames by reason.
        problems: One line each, with the file or sequence.
    """

    subject: str
    sequence: str
    found: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def crop_recording(
    recording: Recording,
    out: Path,
    *,
    crop: CropSpec,
    aus: Sequence[str],
    every: int = 1,
    detector: FaceDetector | None = None,
    spare: Callable[[], FaceDetector] | None = None,
) -> tuple[list[dict[str, Any]], Tally]:
    """Writes the crops of a recording into `out`.

    Args:
        recording: What to cut.
        out: Folder of the dataset.
        crop: Size and pad of the crops.
        aus: The recording's AUs.
        every: Of the frames that can be used only every n-th is taken.
        detector: Finds the faces; None for the landmarks that come with the recording.
        spare: Gives who finds them where these landmarks are of other images.

    Returns:
        Rows of the manifest, and a tally.
    """
    reasons = {int(frame): reason for frame, reason in recording.left_out.items()}
    usable = [int(frame) for frame in recording.frames if int(frame) not in reasons]
    wanted = usable[::every]
    reasons |= dict.fromkeys(set(usable) - set(wanted), NOT_TAKEN)
    tally = Tally(recording.subject, recording.sequence, len(recording.frames))
    levels = dict(zip(recording.frames.tolist(), recording.levels.tolist(), strict=True))
    folder = crop_folder(recording)
    (out / folder).mkdir(parents=True, exist_ok=True)
    rows = []
    if detector is None:
        locate = _own(recording, tally.problems, spare)
    else:
        locate = _found(recording, detector)
    for frame, image in recording.images.read(wanted, tally.problems):
        cut = _cut(crop, image, locate(frame, image))
        if isinstance(cut, str):
            reasons[frame] = cut
            continue
        path = folder / f"{frame:06d}.jpg"
        save_crop(out / path, cut[0])
        rows.append(
            {
                "image": path.as_posix(),
                "subject": recording.subject,
                "split": recording.split,
                "sequence": recording.sequence,
                "frame": frame,
                "landmarks": cut[1].astype(np.float32).ravel(),
                **dict(zip(aus, levels[frame], strict=True)),
            }
        )
    kept = {row["frame"] for row in rows}
    reasons |= dict.fromkeys(set(wanted) - kept - set(reasons), NO_IMAGE)
    _note_missing(recording, reasons, tally)
    tally.kept, tally.dropped = len(rows), dict(Counter(reasons.values()))
    return rows, tally


def crop_folder(recording: Recording) -> Path:
    """Where the crops of a recording lie in a dataset; it is no other recording's.

    The sequence's folders are below its subject's; a sequence may begin with the subject's name.
    """
    pieces = recording.sequence.split("/")
    inner = pieces[1:] if len(pieces) > 1 and pieces[0] == recording.subject else pieces
    return Path(CROPS, recording.subject, *inner)


def _own(
    recording: Recording, problems: list[str], spare: Callable[[], FaceDetector] | None
) -> Locate:
    """Landmarks that come with the recording; files that cannot be read are noted."""
    try:
        lookup = recording.landmarks.open() if recording.landmarks else lambda frame: None
    except AuheatError as error:
        if spare is not None and isinstance(error, OtherImagesError):
            problems.append(f"{error}: {recording.sequence} gets those of mediapipe instead")
            return _found(recording, spare())
        problems.append(str(error))
        return lambda frame, image: UNREADABLE

    def locate(frame: int, image: Image) -> Points | str:
        try:
            points = lookup(frame)
            return NO_LANDMARKS if points is None else _complete(points)
        except AuheatError as error:
            problems.append(str(error))
            return UNREADABLE

    return locate


def _complete(points: Points) -> Points | str:
    return to_68(points) if np.isfinite(points).all() else UNUSABLE


def _found(recording: Recording, detector: FaceDetector) -> Locate:
    """The largest face that a detector sees; it is followed from frame to frame in a video."""
    look = detector.tracker().update if recording.moving else detector.detect

    def locate(frame: int, image: Image) -> Points | str:
        faces = look(image)
        if not faces:
            return NO_FACE
        return max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2]))).landmarks

    return locate


def _cut(crop: CropSpec, image: Image, points: Points | str) -> tuple[Image, Points] | str:
    """The crop and the landmarks in its pixels, or the reason why there is none."""
    if isinstance(points, str):
        return points
    try:
        transform = crop.transform(points)
    except ValueError:
        return UNUSABLE
    return crop.extract(image, transform), geometry.apply(transform, points)


def _note_missing(recording: Recording, reasons: dict[int, str], tally: Tally) -> None:
    """Adds a line for frames that the source should have but has not."""
    for reason in (NO_IMAGE, NO_LANDMARKS, UNUSABLE):
        frames = [
            frame
            for frame, given in reasons.items()
            if given == reason and frame not in recording.left_out
        ]
        if frames:
            where = f"{recording.sequence}: {reason}"
            tally.problems.append(f"{where} for {len(frames)} frames: {spans(frames)}")
