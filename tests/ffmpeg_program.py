"""How many frames FFmpeg's own program finds in a file."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import av

from trouble_files import LIMIT_S


def ffmpeg() -> str | None:
    """FFmpeg's own program."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return shutil.which("ffmpeg")
    found: str = imageio_ffmpeg.get_ffmpeg_exe()
    return found


FFMPEG = ffmpeg()


def frames_of(path: Path) -> int:
    """What FFmpeg's program gives for the first video, in one thread."""
    if FFMPEG is None:
        return frames_of_a_loop(path)
    words = ["-nostdin", "-v", "quiet", "-threads", "1", "-i", f"file:{path}", "-map", "0:v:0"]
    words += ["-fps_mode", "passthrough", "-f", "framecrc", "-"]
    done = subprocess.run([FFMPEG, *words], capture_output=True, timeout=LIMIT_S, check=False)
    return sum(1 for line in done.stdout.splitlines() if line and not line.startswith(b"#"))


def frames_of_a_loop(path: Path) -> int:
    """The same by a plain loop, in one thread, where the program is missing."""
    count = 0
    with (
        suppress(av.FFmpegError, OSError, ValueError, IndexError),
        av.open(f"file:{path}", metadata_errors="replace") as container,
    ):
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        packets = container.demux(stream)
        with suppress(av.FFmpegError, OSError):
            while (packet := next(packets, None)) is not None:
                with suppress(av.FFmpegError, OSError):
                    count += len(packet.decode())
        count += len(stream.decode(None))
    return count
