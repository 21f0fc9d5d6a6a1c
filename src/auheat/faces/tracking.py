"""Faces through a video, each with an id that stays with its person.

A face is looked for where it was in the last frame, which is faster and steadier than detecting it
anew. The detector runs while nothing is tracked, for a while after a face was lost, and every
DETECT_EVERY frames for newcomers. Ids are given by place and movement, not by looks: who was lost
keeps the id when a face appears soon enough where they were, or where they were heading; after a
cut to another scene every id is new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.faces.regions import Fit
from auheat.faces.scene_cut import SceneCut
from auheat.faces.search import (
    Detector,
    Image,
    Landmarker,
    detect,
    is_plausible,
    is_same_face,
    new_faces,
    rank,
    settle,
    windows,
)
from auheat.results import Face

DETECT_EVERY = 15
# For how many frames after a loss the detector runs on each frame, and the id waits.
SEARCH_FOR = 15
REMEMBER_FOR = 60
# How far from where it was expected a lost face may reappear, in face sizes, and by which factor
# its size may have changed.
REACH = 1.0
GROWTH = 1.6
# Beyond this share of its size between two frames, a face is looked at again in its new place.
FAST = 0.1
# A newcomer takes the place of a tracked face only if it outranks it this clearly.
OUTRANKS = 1.5


@dataclass(eq=False)
class _Track:
    """A person: the last fit, its movement in pixels per frame, and since when it is missing."""

    face_id: int
    fit: Fit
    velocity: NDArray[np.float64]
    seen: int

    def follow(self, fit: Fit, frame: int) -> None:
        step = (fit.centre - self.fit.centre) / max(frame - self.seen, 1)
        self.velocity = 0.5 * self.velocity + 0.5 * step
        self.fit, self.seen = fit, frame

    def surprise(self, fit: Fit, frame: int) -> float:
        """Distance of a fit from where this person should be by now, in face sizes.

        Both staying where it was and going on as before count as expected.
        """
        ahead = self.fit.centre + self.velocity * min(frame - self.seen, SEARCH_FOR)
        distance = min(np.linalg.norm(fit.centre - place) for place in (self.fit.centre, ahead))
        return float(distance / self.fit.size + abs(np.log(fit.size / self.fit.size)))

    def could_be(self, fit: Fit) -> bool:
        """Whether a fit has about the size of this person's face."""
        return 1 / GROWTH < fit.size / self.fit.size < GROWTH


class VideoTracker:
    """See `auheat.faces.finder.FaceTracker`. Deterministic: the same frames give the same faces.

    max_faces: how many faces to follow at most; larger and more certain ones come first.
    smallest: the least size of a face in pixels.
    """

    def __init__(
        self, detector: Detector, landmarker: Landmarker, max_faces: int, smallest: float
    ) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._max_faces, self._smallest = max_faces, smallest
        self._cut = SceneCut()
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._frame = 0
        self._next_id = 0
        self._detected = -DETECT_EVERY
        self._detections = 0

    def update(self, image: Image) -> tuple[Face, ...]:
        """See `FaceTracker.update`."""
        if self._cut.is_cut(image):
            self._tracks, self._lost = [], []
        self._lost = [t for t in self._lost if self._frame - t.seen <= REMEMBER_FOR]
        self._follow(image)
        if self._should_detect():
            self._welcome(self._newcomers(image))
        self._frame += 1
        return tuple(
            Face(track.fit.box, track.fit.landmarks, track.fit.score, track.face_id)
            for track in sorted(self._tracks, key=lambda track: track.face_id)
        )

    def _follow(self, image: Image) -> None:
        """Looks for every tracked face near its last place; where two meet, one is lost."""
        found = [(track, fit) for track in self._tracks if (fit := self._locate(track, image))]
        found.sort(key=lambda pair: (pair[0].surprise(pair[1], self._frame), pair[0].face_id))
        kept: list[Fit] = []
        for track, fit in found:
            if not any(is_same_face(fit, other) for other in kept):
                kept.append(fit)
                track.follow(fit, self._frame)
        self._drop(track for track in self._tracks if track.seen < self._frame)

    def _locate(self, track: _Track, image: Image) -> Fit | None:
        fit = self._landmarker.locate(image, track.fit.region)
        if fit and track.fit.movement(fit) > FAST:
            fit = settle(self._landmarker, image, fit.region)
        return fit if fit and is_plausible(fit, image, self._smallest) else None

    def _drop(self, tracks: Iterable[_Track]) -> None:
        self._lost += (gone := list(tracks))
        self._tracks = [track for track in self._tracks if track not in gone]

    def _should_detect(self) -> bool:
        recently = any(self._frame - track.seen <= SEARCH_FOR for track in self._lost)
        return not self._tracks or recently or self._frame - self._detected >= DETECT_EVERY

    def _newcomers(self, image: Image) -> list[Fit]:
        """Faces that no track follows, the highest rank first.

        Besides the whole picture, one tile is searched each time, in turn.
        """
        whole, *tiles = windows(*image.shape[:2])
        turn = [tiles[self._detections % len(tiles)]] if tiles else []
        self._detected, self._detections = self._frame, self._detections + 1
        claims = detect(self._detector, image, [whole, *turn])
        known = [track.fit for track in self._tracks]
        return new_faces(self._landmarker, image, claims, known, self._smallest)

    def _welcome(self, newcomers: list[Fit]) -> None:
        """Gives newcomers the id of someone lost, else a new one, as far as there is room."""
        owners = self._reappeared(newcomers)
        for index, fit in enumerate(newcomers):
            if len(self._tracks) >= self._max_faces and not self._make_room(fit):
                continue
            track = owners.get(index)
            if track is None:
                track = _Track(self._next_id, fit, np.zeros(2), self._frame)
                self._next_id += 1
            else:
                self._lost.remove(track)
                track.follow(fit, self._frame)
            self._tracks.append(track)

    def _reappeared(self, newcomers: list[Fit]) -> dict[int, _Track]:
        """Who of the lost each newcomer is, by its index: the least surprising pairs first."""
        pairs = [
            (surprise, track.face_id, index, track)
            for index, fit in enumerate(newcomers)
            for track in self._lost
            if track.could_be(fit) and (surprise := track.surprise(fit, self._frame)) <= REACH
        ]
        owners: dict[int, _Track] = {}
        for _, _, index, track in sorted(pairs, key=lambda pair: pair[:3]):
            if index not in owners and track not in owners.values():
                owners[index] = track
        return owners

    def _make_room(self, fit: Fit) -> bool:
        least = min(self._tracks, key=lambda track: (rank(track.fit), -track.face_id))
        if rank(fit) < OUTRANKS * rank(least.fit):
            return False
        self._drop([least])
        return True
