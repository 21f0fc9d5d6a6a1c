"""What the server takes at most, so that no client can fill its memory, its disk or its sockets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """All limits of a server.

    Attributes:
        upload_bytes: Size of an uploaded file.
        live_bytes: Size of one image of a webcam.
        pixels: Of an image or a frame; a small file can unpack to more than memory holds.
        side: Of an image or a frame, in pixels.
        frames: That are read of a video.
        live_frames: Of one recording of a webcam.
        reading_s: Seconds for which one video is read.
        pending: Uploads that are arriving, waiting or being read at the same time.
        recordings: Recordings of a webcam at the same time.
        sessions: Sessions that are kept, those that are done included.
        delivered_s: Seconds without a request after which a session may be dropped whose end the
            client has been told; only when room is needed.
        undelivered_s: The same for a session whose end no client has asked for yet.
        free_bytes: Room that uploads must leave on the disk.
        connections: Open connections.
        header_s: Seconds within which a request's head must be complete, from the connection or
            from the last answer on.
        upload_idle_s: Seconds without a byte after which an upload is broken off.
        download_idle_s: Seconds after which an answer is broken off that its client does not fetch;
            players of videos fetch no further than they need.
        retry_s: Seconds after which a client that was turned away may try again.
    """

    upload_bytes: int = 2_000_000_000
    live_bytes: int = 8_000_000
    pixels: int = 64_000_000
    side: int = 16_000
    frames: int = 500_000
    live_frames: int = 20_000
    reading_s: float = 6 * 3600.0
    pending: int = 32
    recordings: int = 4
    sessions: int = 64
    delivered_s: float = 300.0
    undelivered_s: float = 3600.0
    free_bytes: int = 500_000_000
    connections: int = 256
    header_s: float = 10.0
    upload_idle_s: float = 30.0
    download_idle_s: float = 120.0
    retry_s: int = 2


DEFAULT_LIMITS = Limits()
