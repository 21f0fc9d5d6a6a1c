"""The studio: people, images and clips by number. The one entrance for whoever wants faces.

Everything is decided by (seed, subject, image): the same numbers give the same image, in any
order and in any process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.facs import ALL_AUS
from auheat.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from auheat.synthesis.arrays import Floats32
from auheat.synthesis.assets import FacePack
from auheat.synthesis.camera import capture, develop
from auheat.synthesis.expression import Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.families import Family
from auheat.synthesis.identity import Person, PersonSampler
from auheat.synthesis.motion import Performance, sample_performance
from auheat.synthesis.render import Posed, Renderer
from auheat.synthesis.repertoire import sample_distractors, sample_expression
from auheat.synthesis.scene import Pose, View, sample_background, sample_light, studio_light
from auheat.synthesis.textures import NoiseBank

Align = Callable[[geometry.Points], geometry.Transform]

# Of the pack's painted skins every fourth is kept for tests, so that tests see skins unseen before.
_HELD_OUT_EVERY, _HELD_OUT_FIRST = 4, 1
_PERSON, _IMAGE, _PAIR, _CLIP, _FILM, _FAMILY = range(6)  # separate streams of random numbers


@dataclass(frozen=True)
class LabelledImage:
    """A labelled image: image (H, W, 3) RGB, landmarks (68, 2) pixels, intensities by AU."""

    image: NDArray[np.uint8]
    landmarks: geometry.Points
    intensities: dict[str, float]


class Studio:
    """Makes people and images from a face pack. align: from landmarks to a crop's transform."""

    def __init__(self, pack: FacePack) -> None:
        self._noise = NoiseBank()
        self._model = FaceModel(pack)
        self._sampler = PersonSampler(self._model, self._noise)
        self._renderer = Renderer(self._model)
        count = 0 if pack.skins is None else len(pack.skins.names)
        held = [i % _HELD_OUT_EVERY == _HELD_OUT_FIRST for i in range(count)]
        self._skins = {
            kept: tuple(i for i in range(count) if held[i] == kept) for kept in (False, True)
        }

    def person(
        self, seed: int, subject: int, held_out_skins: bool = False, plain: bool = False
    ) -> Person:
        """Person number `subject`, with painted skins for training or those kept for tests.

        Args:
            seed: of the whole set.
            subject: number of the person.
            held_out_skins: whether the skins kept for tests are worn.
            plain: an average mover without glasses and beard.
        """
        rng = np.random.default_rng([seed, subject, _PERSON])
        return self._sampler.sample(rng, self._skins[held_out_skins], plain)

    def random_image(
        self, person: Person, numbers: tuple[int, int, int], align: Align, side: int
    ) -> LabelledImage:
        """An aligned image of side x side pixels with a random expression, view and light.

        Args:
            person: who is drawn.
            numbers: (seed, subject, image).
            align: the 2x3 transform to a crop for given landmarks.
            side: of the image in pixels.
        """
        seed, subject, index = numbers
        rng = np.random.default_rng([seed, subject, _IMAGE, index])
        return self._aligned(rng, person, sample_expression(rng), align, side)

    def family(
        self, family: Family, numbers: tuple[int, int], count: int, align: Align, side: int
    ) -> Iterator[LabelledImage]:
        """Images of one person that differ from those of any other family in one thing.

        Each thing about an image draws from a generator of its own, so that the same numbers give
        the same person, expression, view, light and background in every family that leaves them
        alone. The person wears a painted skin that is kept for tests.

        Args:
            family: What is seen.
            numbers: (seed, subject).
            count: How many images.
            align: From landmarks to the crop's transform.
            side: Of the images, in pixels.
        """
        rng = np.random.default_rng([*numbers, _PERSON])
        person = self._sampler.sample(rng, self._skins[True], look=family.look)
        for index in range(count):
            of_face, of_pose, of_light, of_place, of_camera = (
                np.random.default_rng([*numbers, _FAMILY, index, thing]) for thing in range(5)
            )
            posed = self._renderer.pose(person, family.expression(of_face))
            view = self._framed(posed, family.pose(of_pose), 80.0, _unsteady(of_place, align))
            background = sample_background(of_place, self._noise, side, side)
            light = self._renderer.draw(posed, view, family.light(of_light), background)
            image = family.camera(of_camera, develop(light, _exposure(light)))
            landmarks = view.project(view.to_camera(posed.landmarks))
            yield LabelledImage(image, landmarks, _levels(posed.expression))

    def pair(
        self, person: Person, numbers: tuple[int, int, int], align: Align, side: int
    ) -> tuple[LabelledImage, LabelledImage]:
        """The resting face and an expression of the same person, seen independently."""
        seed, subject, index = numbers
        rng = np.random.default_rng([seed, subject, _PAIR, index])
        expressions = (Expression(beside=sample_distractors(rng, {})), sample_expression(rng))
        rest, expressive = (
            self._aligned(rng, person, expression, align, side) for expression in expressions
        )
        return rest, expressive

    def clip(
        self,
        person: Person,
        numbers: tuple[int, int],
        size: tuple[int, int],
        fps: float,
        seconds: float,
    ) -> Iterator[LabelledImage]:
        """Frames of a video of (height, width) pixels: head and shoulders, expressions come and go.

        Args:
            person: who is drawn.
            numbers: (seed, subject).
            size: (height, width) in pixels.
            fps: frames a second.
            seconds: how long.
        """
        rng = np.random.default_rng([*numbers, _CLIP])
        performance = sample_performance(rng, seconds)
        times = (number / fps for number in range(round(seconds * fps)))
        yield from self._filmed(rng, person, performance, times, size, 2.4)

    def film(
        self,
        person: Person,
        numbers: Sequence[int],
        performance: Performance,
        times: Iterable[float],
        size: tuple[int, int],
    ) -> Iterator[LabelledImage]:
        """One image of (height, width) pixels for each of the times (seconds) of a performance.

        Closer than a clip: the face takes up about half of the height. numbers decide light, place
        and background.
        """
        rng = np.random.default_rng([*numbers, _FILM])
        yield from self._filmed(rng, person, performance, times, size, 2.7)

    def _filmed(
        self,
        rng: np.random.Generator,
        person: Person,
        performance: Performance,
        times: Iterable[float],
        size: tuple[int, int],
        zoom: float,
    ) -> Iterator[LabelledImage]:
        """A camera before a person; zoom is its focal length in heights of the image."""
        height, width = size
        light, background = sample_light(rng), sample_background(rng, self._noise, height, width)
        focal = zoom * height
        centre = width / 2 + rng.uniform(-0.08, 0.08) * width
        warp = np.array([[focal, 0, centre], [0, focal, 0.42 * height]])
        distance, exposure = rng.uniform(62, 80), None
        for time in times:
            posed = self._renderer.pose(person, performance.expression(time))
            view = View.at(performance.pose(time), distance, warp)
            image = self._renderer.draw(posed, view, light, background)
            exposure = exposure or _exposure(image)
            yield self._labelled(posed, view, develop(image, exposure), performance, time)

    def portrait(
        self, person: Person, expression: Expression, align: Align, side: int, yaw: float = 0.0
    ) -> LabelledImage:
        """A clean image in fixed light, for images that are to be compared."""
        posed = self._renderer.pose(person, expression)
        view = self._framed(posed, Pose(yaw=yaw), 90.0, align)
        background = np.full((side, side, 3), 0.3, np.float32)
        image = self._renderer.draw(posed, view, studio_light(), background)
        landmarks = view.project(view.to_camera(posed.landmarks))
        return LabelledImage(develop(image, _exposure(image)), landmarks, _levels(expression))

    def landmarks(self, person: Person, expression: Expression) -> Floats32:
        """The person's landmarks (68, 3) in head space, in cm, without drawing anything."""
        return self._renderer.pose(person, expression).landmarks

    def _aligned(
        self,
        rng: np.random.Generator,
        person: Person,
        expression: Expression,
        align: Align,
        side: int,
    ) -> LabelledImage:
        posed = self._renderer.pose(person, expression)
        yaw, pitch, roll = np.clip(rng.normal(0, (13, 8, 6)), -32, 32)
        pose = Pose(float(yaw), float(pitch), float(roll))
        distance = float(np.exp(rng.uniform(np.log(35), np.log(200))))
        view = self._framed(posed, pose, distance, _unsteady(rng, align))
        background = sample_background(rng, self._noise, side, side)
        image = self._renderer.draw(posed, view, sample_light(rng), background)
        landmarks = view.project(view.to_camera(posed.landmarks))
        return LabelledImage(capture(rng, image), landmarks, _levels(expression))

    @staticmethod
    def _framed(posed: Posed, pose: Pose, distance: float, align: Align) -> View:
        """The view whose warp puts the landmarks where `align` wants them."""
        plane = View.at(pose, distance, np.eye(2, 3))
        return plane.with_warp(align(plane.project(plane.to_camera(posed.landmarks))))

    @staticmethod
    def _labelled(
        posed: Posed, view: View, image: NDArray[np.uint8], performance: Performance, time: float
    ) -> LabelledImage:
        landmarks = view.project(view.to_camera(posed.landmarks))
        return LabelledImage(image, landmarks, _levels(performance.expression(time)))


def _levels(expression: Expression) -> dict[str, float]:
    return {au: float(expression.intensities.get(au, 0.0)) for au in ALL_AUS}


def _exposure(image: Floats32) -> float:
    """The exposure that shows the middle of an image at a pleasant brightness."""
    height, width = image.shape[:2]
    middle = image[height // 4 : -height // 4, width // 3 : -width // 3]
    return float(1.2 * (0.4 / max(float(middle.mean()), 0.02)) ** 0.7)


def _unsteady(rng: np.random.Generator, align: Align) -> Align:
    """`align` as a landmark detector would feed it: points off by about 1% of the eyes' span."""

    def aligned(landmarks: geometry.Points) -> geometry.Transform:
        span = float(np.linalg.norm(landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER]))
        return align(landmarks + rng.normal(0, 0.012 * span, landmarks.shape))

    return aligned


__all__ = ["Align", "LabelledImage", "Studio"]
