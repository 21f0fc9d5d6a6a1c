"""Compares the anatomy of rendered faces with that of images, as one landmarker sees both.

    python scripts/measure_anatomy.py --assets ASSETS [--people 30] [--images FOLDER ...]
    python scripts/measure_anatomy.py --assets ASSETS --levels

The second prints the tables of docs/intensity.md: how far each level moves the average mover, how
dark its lines are, how much of the teeth it shows. The first prints two tables. Heights of the
resting face's points over the outer eye corners: true and as seen on rendered people, and as seen
on the faces of each folder of images. And how far each AU moves what it moves, by level: as seen,
in brackets the true movement, and the fraction of the true movement that the landmarker sees. The
unit is the distance between the outer eye corners; faces are turned level. Constants of the
renderer come from publications, never from images measured here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from auheat import geometry
from auheat.faces.crop import CropSpec
from auheat.faces.detector import FaceDetector, default_detector
from auheat.geometry import Points
from auheat.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, SUBNASALE, mirror
from auheat.media.images import read_image
from auheat.synthesis.assets import load_pack
from auheat.synthesis.expression import Expression
from auheat.synthesis.identity import Person
from auheat.synthesis.studio import LabelledImage, Studio
from auheat.tables.markdown import markdown_table

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_CROP = CropSpec(192, 64)  # wide enough for a detector of whole faces
_CLOSE = CropSpec(256)
_SEED = 77


def levelled(landmarks: Points) -> Points:
    """Landmarks (68, 2) turned level, both sides averaged.

    x goes to the right and y up from the middle between the outer eye corners; the unit is the
    distance between them.
    """
    right, left = landmarks[RIGHT_EYE_OUTER], landmarks[LEFT_EYE_OUTER]
    span = left - right
    turn = -float(np.degrees(np.arctan2(span[1], span[0])))
    middle = (right + left) / 2
    matrix = geometry.similarity(scale=1 / float(np.linalg.norm(span)), degrees=turn)
    points = geometry.apply(matrix, landmarks - middle)
    even = (points + mirror(points, 1)) / 2  # an image one pixel wide is mirrored about x = 0
    return np.asarray(even * (1, -1), np.float64)


def _height(*marks: int) -> Callable[[Points], float]:
    return lambda points: float(points[list(marks), 1].mean())


def _between(upper: Sequence[int], lower: Sequence[int]) -> Callable[[Points], float]:
    return lambda points: float((points[list(upper), 1] - points[list(lower), 1]).mean())


_LIP_GAP = _between((61, 62, 63), (67, 66, 65))
_LIPS = _between((50, 51, 52), (58, 57, 56))
_LIDS = _between((37, 38), (41, 40))
_INNER, _OUTER = _height(21, 22), _height(18, 25)


def _mouth_width(points: Points) -> float:
    return float(points[54, 0] - points[48, 0])


# What each AU moves, and the AUs that are shown with it.
MEASURES: tuple[tuple[str, str, Callable[[Points], float], tuple[str, ...]], ...] = (
    ("AU01", "inner brow", _INNER, ()),
    ("AU02", "outer brow", _OUTER, ()),
    ("AU04", "inner brow", _INNER, ()),
    ("AU05", "lid opening", _LIDS, ()),
    ("AU06", "lid opening", _LIDS, ()),
    ("AU07", "lid opening", _LIDS, ()),
    ("AU09", "wings of the nose", _height(31, 35), ()),
    ("AU10", "upper lip", _height(50, 51, 52), ()),
    ("AU12", "mouth width", _mouth_width, ()),
    ("AU12", "mouth corners", _height(48, 54), ()),
    ("AU14", "mouth width", _mouth_width, ()),
    ("AU15", "mouth corners", _height(48, 54), ()),
    ("AU17", "chin", _height(8), ()),
    ("AU18", "mouth width", _mouth_width, ()),
    ("AU20", "mouth width", _mouth_width, ()),
    ("AU23", "height of the lips", _LIPS, ()),
    ("AU24", "height of the lips", _LIPS, ()),
    ("AU25", "gap of the lips", _LIP_GAP, ()),
    ("AU26", "nose to chin", _between((SUBNASALE,), (8,)), ("AU25",)),
    ("AU28", "height of the lips", _LIPS, ()),
    ("AU43", "lid opening", _LIDS, ()),
)
SHOWN = (17, 18, 19, 20, 21, 27, 28, 29, 30, 33, 48, 51, 57, 8, 4)


class RenderedPeople:
    """Rendered people, each seen at rest and with AUs, and measured twice."""

    def __init__(self, studio: Studio, detector: FaceDetector, count: int) -> None:
        self._studio, self._detector = studio, detector
        self._people = [studio.person(_SEED, subject) for subject in range(count)]

    def points(self, intensities: dict[str, float]) -> tuple[Points, Points]:
        """Levelled landmarks (people, 68, 2): true, and as seen; NaN where no face is found."""
        true, seen = [], []
        for person in self._people:
            sample = self._studio.portrait(
                person, Expression(intensities), _CROP.transform, _CROP.side
            )
            faces = self._detector.detect(sample.image)
            true.append(levelled(sample.landmarks))
            seen.append(levelled(faces[0].landmarks) if faces else np.full((68, 2), np.nan))
        return np.stack(true), np.stack(seen)


def image_points(folder: Path, detector: FaceDetector) -> Points:
    """Levelled landmarks (faces, 68, 2) of all faces in a folder's images."""
    found = [
        levelled(face.landmarks)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES
        for face in detector.detect(read_image(path))
    ]
    return np.stack(found) if found else np.empty((0, 68, 2))


def resting_table(true: Points, seen: Points, images: dict[str, Points]) -> str:
    """Median heights and spread between faces (1.48 times the median deviation)."""
    columns = {"rendered, true": true, "rendered, seen": seen, **images}
    rows = []
    for mark in SHOWN:
        cells = []
        for points in columns.values():
            heights = points[:, mark, 1]
            middle = np.nanmedian(heights) if len(heights) else np.nan
            spread = 1.48 * np.nanmedian(np.abs(heights - middle)) if len(heights) else np.nan
            cells.append(f"{middle:.3f} ({spread:.3f})")
        rows.append([mark, *cells])
    return markdown_table(["point", *columns], rows)


def movement_table(people: RenderedPeople, rest: tuple[Points, Points]) -> str:
    """Median change against the same person at rest, by AU and level."""
    rows = []
    for au, name, measure, beside in MEASURES:
        changes = np.array(
            [
                _change(people.points({au: level} | dict.fromkeys(beside, level)), rest, measure)
                for level in LEVELS
            ]
        )  # (levels, 2): true, seen
        cells = [f"{seen:.3f} ({true:.3f})" for true, seen in changes]
        fraction = float(changes[:, 0] @ changes[:, 1] / (changes[:, 0] @ changes[:, 0]))
        rows.append([f"{au} {name}", *cells, f"{fraction:.2f}"])
    levels = (f"level {level:.0f}" for level in LEVELS)
    return markdown_table(["AU, measure", *levels, "seen of it"], rows)


def _change(
    after: tuple[Points, Points], before: tuple[Points, Points], measure: Callable[[Points], float]
) -> list[float]:
    return [
        float(np.nanmedian([measure(a) - measure(b) for a, b in zip(then, rest, strict=True)]))
        for then, rest in zip(after, before, strict=True)
    ]


# What else docs/intensity.md measures, in the order of its table.
LEVEL_MEASURES = (
    *MEASURES,
    ("AU04", "gap between the brows", lambda points: float(points[22, 0] - points[21, 0]), ()),
    ("AU10", "wings of the nose", _height(31, 35), ()),
    ("AU07", "lower lid", _height(40, 41), ()),
    ("AU17", "lower lip", _height(56, 57, 58), ()),
    ("AU20", "height of the lips", _LIPS, ()),
    ("AU23", "mouth width", _mouth_width, ()),
    ("AU24", "mouth width", _mouth_width, ()),
    ("AU25", "upper lip", _height(61, 62, 63), ()),
    ("AU26", "gap of the lips", _LIP_GAP, ("AU25",)),
)


def level_table(studio: Studio) -> str:
    """Movement of the average mover at each level, in hundredths of the eyes' distance."""
    person = studio.person(_SEED, 0, plain=True)

    def points(intensities: dict[str, float]) -> Points:
        # straight from the front: x to the left of the image is the subject's right
        flat = studio.landmarks(person, Expression(intensities))[:, :2] * (1, -1)
        return levelled(np.asarray(flat, np.float64))

    rest = points({})
    rows = []
    for au, name, measure, beside in sorted(LEVEL_MEASURES, key=lambda row: row[0]):
        cells = [
            100 * (measure(points({au: level} | dict.fromkeys(beside, level))) - measure(rest))
            for level in LEVELS
        ]
        shown = f"{au} with {', '.join(beside)}" if beside else au
        rows.append([shown, name, *(f"{cell:+.1f}" for cell in cells)])
    return markdown_table(["AU", "what moves", *"ABCDE"], rows)


# What shows teeth; each AU at the level of the column.
_TEETH_SHOWN_BY = (("AU25",), ("AU12", "AU25"), ("AU10", "AU25"), ("AU25", "AU26"))


def _portrait(studio: Studio, person: Person, aus: Sequence[str], level: float) -> LabelledImage:
    expression = Expression(dict.fromkeys(aus, level))
    return studio.portrait(person, expression, _CLOSE.transform, _CLOSE.side)


def line_table(studio: Studio) -> str:
    """How much darker an AU's lines are than the same face without them, percent.

    The mean of the darkest hundredth of the pixels that change, on the average mover.
    """
    person = studio.person(_SEED, 0, plain=True)
    smooth = replace(person, furrows={})
    rows = []
    for au in sorted(person.furrows):
        cells = []
        for level in LEVELS:
            lined, plain = (
                _portrait(studio, who, [au], level).image.mean(-1) for who in (person, smooth)
            )
            loss = np.sort(((plain - lined) / np.maximum(plain, 20)).ravel())
            darkest = loss[-max(1, int((np.abs(loss) > 0.01).sum() / 100)) :]
            cells.append(f"{100 * darkest.mean():.0f}")
        rows.append([au, *cells])
    return markdown_table(["AU", *"ABCDE"], rows)


def teeth_table(studio: Studio) -> str:
    """Visible teeth of the average mover, percent of the squared distance of the eye corners."""
    person = studio.person(_SEED, 0, plain=True)
    marked = replace(person, teeth=np.array([1, 0, 0], np.float32))
    rows = []
    for aus in _TEETH_SHOWN_BY:
        cells = []
        for level in LEVELS:
            sample, red = (_portrait(studio, who, aus, level) for who in (person, marked))
            changed = np.abs(sample.image.astype(int) - red.image).sum(-1) > 30
            span = np.linalg.norm(
                sample.landmarks[LEFT_EYE_OUTER] - sample.landmarks[RIGHT_EYE_OUTER]
            )
            cells.append(f"{100 * changed.sum() / span**2:.1f}")
        rows.append([" and ".join(aus), *cells])
    return markdown_table(["AUs", *"ABCDE"], rows)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--images", type=Path, nargs="*", default=[])
    parser.add_argument("--levels", action="store_true", help="the tables of docs/intensity.md")
    arguments = parser.parse_args()
    if arguments.levels:
        studio = Studio(load_pack(arguments.assets))
        print(level_table(studio), line_table(studio), teeth_table(studio), sep="\n\n")
        return
    detector = default_detector(max_faces=5)
    people = RenderedPeople(Studio(load_pack(arguments.assets)), detector, arguments.people)
    rest = people.points({})
    images = {folder.name: image_points(folder, detector) for folder in arguments.images}
    print(resting_table(*rest, images), end="\n\n")
    print(movement_table(people, rest))


if __name__ == "__main__":
    main()
