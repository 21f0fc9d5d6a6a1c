"""Where the images of a recording come from: a video, or image files by frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.media.frames import VideoFile
from auheat.media.images import read_image

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


class ImageSource(Protocol):
    """The images of one recording."""

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """(frame, RGB image) of the wanted frames that can be read, by rising number.

        A line is added to `problems` for whatever cannot be.
        """
        ...


@dataclass(frozen=True)
class VideoImages:
    """A video whose first frame is number 1."""

    path: Path

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `ImageSource.read`."""
        if not wanted:
            return
        last, chosen = max(wanted), set(wanted)
        try:
            video = VideoFile(self.path)
            for frame in video:
                if frame.number in chosen:
                    yield frame.number, frame.image
                if frame.number >= last:
                    return
        except AuheatError as error:
            problems.append(str(error))
            return
        problems.append(f"{self.path}: {video.problem or 'it ends'} before frame {last}")


def compare_length(video: Path, last: int, problems: list[str]) -> None:
    """Notes a video that has another length than its labels, whose last frame is `last`."""
    try:
        count = VideoFile(video).count
    except AuheatError as error:
        problems.append(str(error))
        return
    if count is not None and count != last:
        problems.append(f"{video} has {count} frames where the last label is of frame {last}")


@dataclass(frozen=True)
class ImageFiles:
    """Image files by frame."""

    paths: Mapping[int, Path]

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `ImageSource.read`."""
        for frame in sorted(wanted):
            if frame in self.paths:
                try:
                    image = read_image(self.paths[frame])
                except AuheatError as error:
                    problems.append(str(error))
                    continue
                yield frame, image


def write_image(path: Path, image: Image) -> None:
    """Writes one of a dataset's images, a JPEG or PNG by its suffix.

    Args:
        path: The file; its folder is made.
        image: (H, W, 3) RGB.

    Raises:
        AuheatError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = _JPEG if path.suffix == ".jpg" else []
    with atomic_write(path) as temporary:
        if not cv2.imwrite(str(temporary), image[..., ::-1], settings):
            raise AuheatError(f"cannot write {path}: is the disk full?")
