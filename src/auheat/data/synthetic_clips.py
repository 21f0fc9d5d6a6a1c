"""Writing synthetic videos with a table of their true intensities beside each."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pandas as pd

from auheat.errors import AuheatError
from auheat.facs import ALL_AUS
from auheat.files import atomic_write
from auheat.media.video_writer import VideoWriter
from auheat.progress import Progress, silent, track
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Studio

FPS = 25
CLIP_SIZE = (360, 480)  # height, width


def write_clips(
    assets: Path,
    out: Path,
    *,
    count: int,
    seed: int,
    seconds: float,
    progress: Progress = silent,
) -> None:
    """Writes `S000000.mp4` and so on: one person each, expressions that come and go.

    `S000000.labels.csv` beside each has a row for every frame: frame (from 1), timestamp in
    seconds, and the true intensities. Everything is decided by `seed`. progress: shows how many
    clips are there.

    Raises:
        AuheatError: if nothing can be written to the folder `out`.
    """
    studio = Studio(load_pack(assets))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AuheatError(f"cannot make the folder {out}: {error.strerror}") from None
    for subject in track(range(count), progress, "clips", count, "clips"):
        name, rows = f"S{subject:06d}", []
        person = studio.person(seed, subject)
        with VideoWriter(out / f"{name}.mp4", Fraction(FPS), quality=23) as video:
            samples = studio.clip(person, (seed, subject), CLIP_SIZE, FPS, seconds)
            for number, sample in enumerate(samples):
                video.write(sample.image, number / FPS)
                rows.append({"frame": number + 1, "timestamp": number / FPS, **sample.intensities})
        table = pd.DataFrame(rows, columns=["frame", "timestamp", *ALL_AUS])
        with atomic_write(out / f"{name}.labels.csv") as temporary:
            table.round(4).to_csv(temporary, index=False)
