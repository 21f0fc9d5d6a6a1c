"""What a video may be given as: a file, a folder of images, or frames in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any

import numpy as np

from auheat.arrays import AnyImage
from auheat.errors import AuheatError, checked_path, shown
from auheat.inference.inputs import images_in
from auheat.media.frames import Frame, FrameSource, ImageSequence, VideoFile, frame_rate
from auheat.results import checked_image


def open_source(source: str | Path | Iterable[AnyImage], fps: float) -> FrameSource:
    """A video file, a folder of images, or frames in memory.

    Args:
        source: Their path, or the frames, (H, W, 3) RGB uint8.
        fps: Frames per second of a folder of images or of frames.

    Returns:
        The frames in order, decoded when they are iterated over.

    Raises:
        AuheatError: if it is none, or `fps` is no number.
    """
    frame_rate(fps)
    if not isinstance(source, Path) and not _is_iterable(source):
        raise AuheatError(
            f"a video is the path of a file or folder, or a list of frames, not {shown(source)}"
        )
    if not isinstance(source, str | Path):
        return FrameImages(source, fps=fps)
    place = checked_path("the video", source)
    if place.is_dir():
        return ImageSequence(images_in(place), place.name, fps=fps)
    video = VideoFile(place)
    video.release()  # a program may have many that it has not begun to read
    return video


def _is_iterable(source: Any) -> bool:
    try:
        iter(source)
    except TypeError:  # an array without axes calls itself iterable, too
        return False
    return True


class FrameImages:
    """Frames that the caller has or makes, all of one size, as a `FrameSource`.

    Each is copied as it is taken: stages behind it work on frames while the caller makes the next
    one, often in the same buffer.

    Args:
        images: (H, W, 3) RGB uint8 each. An iterator can be read once.
        fps: Frames per second.
    """

    def __init__(self, images: Iterable[AnyImage], *, fps: float) -> None:
        self.name, self.problem = "frames", None
        self.paths: tuple[Path, ...] = ()
        self.rate = frame_rate(fps)
        self.count = len(images) if isinstance(images, Sized) else None
        self._images, self._is_spent = images, False

    def __iter__(self) -> Iterator[Frame]:
        if self._is_spent and iter(self._images) is self._images:
            raise AuheatError(
                "these frames can be iterated over once, and are needed again: give a list of "
                "them, or the path of a video"
            )
        self._is_spent = True
        size: tuple[int, ...] = ()
        for index, given in enumerate(self._images):
            image = checked_image(given, f"frame {index + 1}")
            size = size or image.shape[:2]
            if image.shape[:2] != size:
                raise AuheatError(
                    f"frame {index + 1} has size {image.shape[:2]}, the first one {size}: the "
                    "frames of a video are of one size"
                )
            yield Frame(index + 1, float(index / self.rate), np.array(image))
        if not size:
            raise AuheatError("there are no frames: give at least one")
