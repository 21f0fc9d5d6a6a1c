"""The layout of FERA 2017, frontal view only.

`Videos/FERA17_TR_F001_T1_6.mp4` (view 6) with `Intensity/FERA17_TR_F001_T1_AU06_Int.csv` for each
AU: no header, `frame,level`, frames from 1. The validation part has the prefix `FERA17_VA_`. The
folders are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from auheat.data.lookalikes.filming import LookalikePlan, film
from auheat.data.lookalikes.plain_files import write_lines
from auheat.media.video_writer import VideoWriter
from auheat.synthesis.studio import Studio

RATE = 25
VIEW = 6


def write_subject(studio: Studio, plan: LookalikePlan, subject: str, out: Path) -> Iterator[int]:
    """Writes one subject, named like `TR_F001`; yields 1 for each picture."""
    for task in plan.cast.sequences:
        name = f"FERA17_{subject}_{task}"
        lines: dict[str, list[str]] = {au: [] for au in plan.cast.aus}
        (out / "Videos").mkdir(parents=True, exist_ok=True)
        with VideoWriter(out / "Videos" / f"{name}_{VIEW}.mp4", Fraction(RATE)) as writer:
            for take in film(studio, plan, subject, task):
                writer.write(take.image, (take.frame - 1) / RATE)
                for au, level in take.levels.items():
                    lines[au].append(f"{take.frame},{level}")
                yield 1
        for au, coded in lines.items():
            write_lines(out / "Intensity" / f"{name}_{au}_Int.csv", coded)
