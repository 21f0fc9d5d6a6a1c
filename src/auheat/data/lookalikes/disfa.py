"""The layout of DISFA.

`Videos_LeftCamera/LeftVideoSN001_comp.avi` at 20 frames a second;
`ActionUnit_Labels/SN001/SN001_au1.txt` with lines `frame,level`, from 1; 66 landmarks a frame as
`pts` in `Landmark_Points/SN001/tmp_frame_lm/SN001_0000_lm.mat` (from 0) or
`Landmark_Points/SN002/frame_lm/l00001_lm.mat` (from 1). As in the original, SN010 is a frame short,
SN031 lacks the landmarks of one frame, SN004 has a file of landmarks too many, and the case of
letters in the videos' names varies.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from auheat.data.lookalikes.filming import LookalikePlan, Take, film
from auheat.data.lookalikes.landmark_files import points_66, write_mat
from auheat.data.lookalikes.plain_files import write_lines
from auheat.media.video_writer import VideoWriter
from auheat.synthesis.studio import Studio

RATE = 20
_ONE_TOO_MANY = "SN004"


def write_subject(studio: Studio, plan: LookalikePlan, subject: str, out: Path) -> Iterator[int]:
    """Writes one subject; yields 1 for each picture."""
    ending = "Comp" if subject == "SN017" else "comp"
    video = out / "Videos_LeftCamera" / f"LeftVideo{subject}_{ending}.avi"
    video.parent.mkdir(parents=True, exist_ok=True)
    levels: dict[str, list[str]] = {au: [] for au in plan.cast.aus}
    takes: Iterator[Take] = film(studio, plan, subject, "video")
    with VideoWriter(video, Fraction(RATE)) as writer:
        for take in takes:
            writer.write(take.image, (take.frame - 1) / RATE)
            if take.tracked:
                write_mat(_landmarks(out, plan, subject, take.frame), _points(take))
            for au, lines in levels.items():
                lines.append(f"{take.frame},{take.levels[au]}")
            yield 1
    if subject == _ONE_TOO_MANY:
        write_mat(_landmarks(out, plan, subject, take.frame + 1), _points(take))
    for au, lines in levels.items():
        name = f"{subject}_au{int(au[2:])}.txt"
        write_lines(out / "ActionUnit_Labels" / subject / name, lines)


def _points(take: Take) -> dict[str, object]:
    return {"pts": points_66(take.landmarks)}


def _landmarks(out: Path, plan: LookalikePlan, subject: str, frame: int) -> Path:
    folder = out / "Landmark_Points" / subject
    if plan.cast.subjects.index(subject) % 3 == 1:
        return folder / "frame_lm" / f"l{frame:05d}_lm.mat"
    return folder / "tmp_frame_lm" / f"{subject}_{frame - 1:04d}_lm.mat"
