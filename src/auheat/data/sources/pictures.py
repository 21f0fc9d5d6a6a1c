"""Where a recording's pictures come from: a video file, or one file per frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from auheat.data.sources.recording import Image
from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from auheat.media.photo import read_photo


@dataclass(frozen=True)
class VideoPictures:
    """A video whose first frame is number 1."""

    path: Path

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `Pictures.read`."""
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


@dataclass(frozen=True)
class PhotoPictures:
    """Picture files by frame."""

    paths: Mapping[int, Path]

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `Pictures.read`."""
        for frame in sorted(wanted):
            if frame in self.paths:
                try:
                    image = read_photo(self.paths[frame])
                except AuheatError as error:
                    problems.append(str(error))
                    continue
                yield frame, image
