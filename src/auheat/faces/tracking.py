"""Tracks faces through a video, each with an id that stays with its person.

A face is looked for where it was in the last frame, which is faster and steadier than detecting it
anew. The detector runs while nothing is tracked, for a while after a track was lost, and every
`DETECTION_INTERVAL_S` for new tracks. Ids are given by place and movement, not by looks: a lost
track is taken up again when a face appears soon enough where it was, or where it was heading; after
a cut to another scene every id is new. All of this is counted in seconds, so that a video behaves
alike at every frame rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Image
from auheat.faces.detection import (
    BoxDetector,
    FaceLandmarks,
    Landmarker,
    detect,
    is_plausible,
    is_same_face,
    new_faces,
    rank,
    refine,
    windows,
)
from auheat.faces.scene_cut import SceneCut
from auheat.faces.tracker_state import restored_face, stored_face
from auheat.results import Face

DETECTION_INTERVAL_S = 0.5
# For how long after a loss the detector runs, with at least so much between two runs, and for how
# long the id waits.
SEARCH_S = 0.5
SEARCH_STEP_S = 0.025
MAX_LOST_S = 2.0
# Where nobody says how far images are apart.
USUAL_STEP_S = 1 / 30
# Files round times to milliseconds; and time always advances, whatever a caller says.
_ROUNDING_S = 1e-3
_MIN_STEP_S = 1e-6
# The highest cost at which a face is taken for a lost track, and by which factor its size may have
# changed.
_MAX_COST = 1.0
_MAX_SIZE_RATIO = 1.6
# Beyond this fraction of its size between two frames, a face is refined in its new place.
_FAST_MOVEMENT = 0.1
# A new face takes the place of a tracked one only if it outranks it this clearly.
_MIN_RANK_RATIO = 1.5
# What `VideoTracker.state` holds besides tracks and scene.
_COUNTERS = ("_now", "_next_id", "_last_detected", "_is_new_scene", "_detection_count")


@dataclass(eq=False)
class _Track:
    """A person: the last landmarks, their movement in pixels per second, and when last seen."""

    face_id: int
    face: FaceLandmarks
    velocity: NDArray[np.float64]
    last_seen: float

    def update(self, face: FaceLandmarks, now: float) -> None:
        step = (face.centre - self.face.centre) / max(now - self.last_seen, _MIN_STEP_S)
        self.velocity = 0.5 * self.velocity + 0.5 * step
        self.face, self.last_seen = face, now

    def cost(self, face: FaceLandmarks, now: float) -> float:
        """Association cost: how far a face is from where this person should be, in face sizes.

        Both staying where it was and going on as before count as expected.
        """
        ahead = self.face.centre + self.velocity * min(now - self.last_seen, SEARCH_S)
        distance = min(np.linalg.norm(face.centre - place) for place in (self.face.centre, ahead))
        return float(distance / self.face.size + abs(np.log(face.size / self.face.size)))

    def matches_size(self, face: FaceLandmarks) -> bool:
        """Whether a face has about the size of this person's."""
        return 1 / _MAX_SIZE_RATIO < face.size / self.face.size < _MAX_SIZE_RATIO

    def state(self) -> dict[str, Any]:
        velocity, face = self.velocity.tolist(), stored_face(self.face)
        return {**vars(self), "face": face, "velocity": velocity}

    @classmethod
    def resumed(cls, state: dict[str, Any]) -> _Track:
        face, velocity = restored_face(state["face"]), np.array(state["velocity"], np.float64)
        return cls(**{**state, "face": face, "velocity": velocity})


class VideoTracker:
    """See `auheat.faces.detector.FaceTracker`. Deterministic: the same frames give the same faces.

    Args:
        detector: finds new faces.
        landmarker: finds the landmarks of each face.
        max_faces: how many faces to track at most; larger and more certain ones come first.
        min_size: the least size of a face in pixels.
    """

    def __init__(
        self, detector: BoxDetector, landmarker: Landmarker, *, max_faces: int, min_size: float
    ) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._max_faces, self._min_size = max_faces, min_size
        self._cut = SceneCut()
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._now = -USUAL_STEP_S
        self._next_id = 0
        self._last_detected = -DETECTION_INTERVAL_S
        self._is_new_scene = True
        self._detection_count = 0

    def update(self, image: Image, timestamp: float | None = None) -> tuple[Face, ...]:
        """See `FaceTracker.update`."""
        usual = self._now + USUAL_STEP_S
        self._now = usual if timestamp is None else max(timestamp, self._now + _MIN_STEP_S)
        if self._cut.is_cut(image):
            self._tracks, self._lost, self._is_new_scene = [], [], True
        self._lost = [track for track in self._lost if self._since(track.last_seen) <= MAX_LOST_S]
        self._track(image)
        if self._should_detect():
            self._activate(self._new_faces(image))
        return tuple(
            track.face.result(track.face_id)
            for track in sorted(self._tracks, key=lambda track: track.face_id)
        )

    def state(self) -> dict[str, Any]:
        """How far it is, as JSON can hold it, exact to the last bit."""
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            "tracks": [track.state() for track in self._tracks],
            "lost": [track.state() for track in self._lost],
            "scene": self._cut.state(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Goes on as the tracker did that had this `state`."""
        for name in _COUNTERS:
            setattr(self, name, state[name])
        self._tracks = [_Track.resumed(track) for track in state["tracks"]]
        self._lost = [_Track.resumed(track) for track in state["lost"]]
        self._cut.resume(state["scene"])

    def _track(self, image: Image) -> None:
        """Looks for every tracked face near its last place; where two meet, one is lost."""
        found = [(track, face) for track in self._tracks if (face := self._locate(track, image))]
        found.sort(key=lambda pair: (pair[0].cost(pair[1], self._now), pair[0].face_id))
        kept: list[FaceLandmarks] = []
        for track, face in found:
            if not any(is_same_face(face, other) for other in kept):
                kept.append(face)
                track.update(face, self._now)
        self._lose(track for track in self._tracks if track.last_seen < self._now)

    def _locate(self, track: _Track, image: Image) -> FaceLandmarks | None:
        face = self._landmarker.locate(image, track.face.region)
        if face and track.face.movement(face) > _FAST_MOVEMENT:
            face = refine(self._landmarker, image, region=face.region)
        return face if face and is_plausible(face, image, min_size=self._min_size) else None

    def _lose(self, tracks: Iterable[_Track]) -> None:
        self._lost += (gone := list(tracks))
        self._tracks = [track for track in self._tracks if track not in gone]

    def _should_detect(self) -> bool:
        if not self._tracks:
            return True
        waited = self._now - self._last_detected + _ROUNDING_S
        recently = any(self._since(track.last_seen) <= SEARCH_S for track in self._lost)
        return waited >= (SEARCH_STEP_S if recently else DETECTION_INTERVAL_S)

    def _since(self, moment: float) -> float:
        """Seconds that have gone by, a little less, so that rounding puts no frame out of reach."""
        return self._now - moment - _ROUNDING_S

    def _new_faces(self, image: Image) -> list[FaceLandmarks]:
        """Faces that belong to no track, the highest rank first.

        In the first frame of a scene all tiles are searched besides the whole image, as in an image
        that stands alone; later one tile each time, in rotation.
        """
        whole, *tiles = windows(*image.shape[:2])
        if not self._is_new_scene and tiles:
            tiles = [tiles[self._detection_count % len(tiles)]]
            self._detection_count += 1
        self._last_detected, self._is_new_scene = self._now, False
        return new_faces(
            self._landmarker,
            image,
            detections=detect(self._detector, image, where=[whole, *tiles]),
            known=[track.face for track in self._tracks],
            min_size=self._min_size,
        )

    def _activate(self, faces: list[FaceLandmarks]) -> None:
        """Gives new faces a lost track, else a new one, as far as there is room."""
        matches = self._matches(faces)
        for index, face in enumerate(faces):
            if len(self._tracks) >= self._max_faces and not self._make_room(face):
                continue
            track = matches.get(index)
            if track is None:
                track = _Track(self._next_id, face, np.zeros(2), self._now)
                self._next_id += 1
            else:
                self._lost.remove(track)
                track.update(face, self._now)
            self._tracks.append(track)

    def _matches(self, faces: list[FaceLandmarks]) -> dict[int, _Track]:
        """The lost track of each new face, by the face's index: the lowest costs first."""
        pairs = [
            (cost, track.face_id, index, track)
            for index, face in enumerate(faces)
            for track in self._lost
            if track.matches_size(face) and (cost := track.cost(face, self._now)) <= _MAX_COST
        ]
        matches: dict[int, _Track] = {}
        for _, _, index, track in sorted(pairs, key=lambda pair: pair[:3]):
            if index not in matches and track not in matches.values():
                matches[index] = track
        return matches

    def _make_room(self, face: FaceLandmarks) -> bool:
        last = min(self._tracks, key=lambda track: (rank(track.face), -track.face_id))
        if rank(face) < _MIN_RANK_RATIO * rank(last.face):
            return False
        self._lose([last])
        return True
