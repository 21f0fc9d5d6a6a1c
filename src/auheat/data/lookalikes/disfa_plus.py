"""The layout of DISFA+: posed trials.

Pictures `Images/SN001/A3_AU1_2_TrailNo_2/000.jpg` (spelled so); labels
`Labels/SN001/A3_AU1_2_TrailNo_2/AU1.txt` with two header lines, then `000.jpg     0`; some subjects
have their labels in a doubled folder `Labels/SN003/SN003/`. 49 landmarks in
`FaceLandmarks/SN001/A3_AU1_2_TrailNo_2_FaceCropped.mat`: a struct array `FaceImg_CropResize` with
`imgID`, `ImgCropped` (the face cut out and resized) and `LndPntCropped`, in pixels of that cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from auheat import geometry
from auheat.data.lookalikes.filming import LookalikePlan, Take, film
from auheat.data.lookalikes.landmark_files import points_49, struct_array, write_mat
from auheat.data.lookalikes.plain_files import write_lines, write_picture
from auheat.synthesis.studio import Studio


def write_subject(studio: Studio, plan: LookalikePlan, subject: str, out: Path) -> Iterator[int]:
    """Writes one subject; yields 1 for each picture."""
    labels = out / "Labels" / subject
    if plan.cast.subjects.index(subject) % 3 == 1:
        labels = labels / subject
    for trial in plan.cast.sequences:
        cuts: list[dict[str, Any]] = []
        lines: dict[str, list[str]] = {
            au: [f"AU{int(au[2:])} of {subject} in {trial}", "image     intensity"]
            for au in plan.cast.aus
        }
        for take in film(studio, plan, subject, trial):
            name = f"{take.frame:03d}.jpg"
            write_picture(out / "Images" / subject / trial / name, take.image)
            cuts.append({"imgID": name, **_cut(take, plan.size // 2)})
            for au, level in take.levels.items():
                lines[au].append(f"{name}     {level}")
            yield 1
        for au, text in lines.items():
            write_lines(labels / trial / f"AU{int(au[2:])}.txt", text)
        path = out / "FaceLandmarks" / subject / f"{trial}_FaceCropped.mat"
        write_mat(path, {"FaceImg_CropResize": struct_array(cuts)})


def _cut(take: Take, side: int) -> dict[str, Any]:
    """The square around the landmarks, 1.3 times as wide, resized to `side` pixels."""
    low, high = take.landmarks.min(0), take.landmarks.max(0)
    scale = side / (1.3 * float((high - low).max()))
    middle = (low + high) / 2
    shift = np.array([(side - 1) / 2] * 2) - scale * middle
    transform = geometry.similarity(scale, shift=shift)
    image = cv2.warpAffine(
        take.image, transform, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    points = geometry.apply(transform, points_49(take.landmarks))
    return {"ImgCropped": image, "LndPntCropped": points}
