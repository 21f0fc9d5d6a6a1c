"""People, images and clips by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import geometry
from auheat.faces.crop import CropSpec, anchors
from auheat.facs import ALL_AUS
from auheat.synthesis.expression import Expression
from auheat.synthesis.fibres import Segments
from auheat.synthesis.identity import Person
from auheat.synthesis.repertoire import sample_distractors, sample_expression
from auheat.synthesis.studio import LabelledImage, Studio

SPEC = CropSpec(48, 4)


@pytest.fixture(scope="module")
def people(tiny_studio: Studio) -> list[Person]:
    return [tiny_studio.person(1, subject) for subject in range(6)]


def sample(
    studio: Studio, person: Person, subject: int, index: int, seed: int = 1
) -> LabelledImage:
    return studio.random_image(person, (seed, subject, index), SPEC.transform, SPEC.side)


@pytest.fixture(scope="module")
def samples(tiny_studio: Studio, people: list[Person]) -> list[LabelledImage]:
    return [sample(tiny_studio, p, s, i) for s, p in enumerate(people) for i in range(6)]


def test_images_are_complete(samples: list[LabelledImage]) -> None:
    for sample in samples:
        assert sample.image.shape == (SPEC.side, SPEC.side, 3)
        assert sample.image.dtype == np.uint8
        assert sample.image.std() > 5
        assert sample.landmarks.shape == (68, 2)
        assert np.isfinite(sample.landmarks).all()
        assert tuple(sample.intensities) == ALL_AUS
        assert all(type(v) is float and 0 <= v <= 5 for v in sample.intensities.values())


def test_the_same_numbers_give_the_same_image_in_any_order(
    tiny_studio: Studio, people: list[Person], samples: list[LabelledImage]
) -> None:
    for subject, index in ((4, 3), (0, 5), (4, 0)):
        again = sample(tiny_studio, people[subject], subject, index)
        before = samples[6 * subject + index]
        np.testing.assert_array_equal(again.image, before.image)
        np.testing.assert_array_equal(again.landmarks, before.landmarks)
        assert again.intensities == before.intensities


def test_a_person_is_the_same_every_time(
    tiny_studio: Studio, people: list[Person], samples: list[LabelledImage]
) -> None:
    again = sample(tiny_studio, tiny_studio.person(1, 2), 2, 0)
    np.testing.assert_array_equal(again.image, samples[12].image)


def test_other_numbers_give_another_image(
    tiny_studio: Studio, people: list[Person], samples: list[LabelledImage]
) -> None:
    others = [
        sample(tiny_studio, people[0], 0, 1),
        sample(tiny_studio, people[0], 1, 0),
        sample(tiny_studio, people[0], 0, 0, seed=2),
    ]
    for other in others:
        assert (other.landmarks != samples[0].landmarks).any()
        assert other.intensities != samples[0].intensities
    assert (tiny_studio.person(2, 0).neutral != people[0].neutral).any()
    assert (people[1].neutral != people[0].neutral).any()


def test_labels_are_those_of_the_expression_drawn(samples: list[LabelledImage]) -> None:
    """The stream of random numbers of an image begins with its expression."""
    for subject, index in ((0, 0), (3, 2)):
        drawn = sample_expression(np.random.default_rng([1, subject, 1, index]))
        assert samples[6 * subject + index].intensities == dict(drawn.intensities)


def test_landmarks_land_on_the_template_but_for_a_detector_s_noise(
    tiny_studio: Studio, people: list[Person]
) -> None:
    """Aligning the true landmarks again hardly moves them: about 1% of the span of the eyes."""
    moved, places = [], []
    for subject, person in enumerate(people):
        for index in range(6):
            marks = sample(tiny_studio, person, subject, index).landmarks
            again = geometry.apply(SPEC.transform(marks), marks)
            moved.append(np.linalg.norm(again - marks, axis=1).mean() / SPEC.size)
            places.append((anchors(marks) + 0.5 - SPEC.pad) / SPEC.size)
    assert 0.002 < np.mean(moved) < 0.012
    assert np.max(moved) < 0.035
    template = [(0.34, 0.33), (0.66, 0.33), (0.5, 0.56)]
    np.testing.assert_allclose(np.mean(places, axis=0), template, atol=0.02)
    assert np.abs(np.array(places) - template).max() < 0.12  # a turned head does not fit exactly


def test_padding_shows_more_of_the_same(tiny_studio: Studio, people: list[Person]) -> None:
    wide = CropSpec(48, 12)
    narrow = sample(tiny_studio, people[0], 0, 0).landmarks
    padded = tiny_studio.random_image(people[0], (1, 0, 0), wide.transform, wide.side).landmarks
    np.testing.assert_allclose(padded, narrow + 8, atol=1e-6)


def test_images_vary(samples: list[LabelledImage]) -> None:
    means = np.array([p.image.mean() for p in samples])
    assert means.std() > 10
    across = np.array([p.landmarks[30, 0] - p.landmarks[[36, 45], 0].mean() for p in samples])
    assert across.std() > 1.5  # heads turn
    tilt = np.array([np.ptp(p.landmarks[[36, 45], 1]) for p in samples])
    assert tilt.max() < 0.15 * SPEC.size  # and roll is taken out


def test_pairs_are_a_resting_and_an_expressive_face(
    tiny_studio: Studio, people: list[Person]
) -> None:
    active = 0
    for index in range(8):
        numbers = (1, 3, index)
        rest, expressive = tiny_studio.pair(people[3], numbers, SPEC.transform, SPEC.side)
        assert set(rest.intensities.values()) == {0.0}
        assert tuple(rest.intensities) == tuple(expressive.intensities) == ALL_AUS
        active += max(expressive.intensities.values()) > 0
        assert (rest.landmarks != expressive.landmarks).any()
        again = tiny_studio.pair(people[3], numbers, SPEC.transform, SPEC.side)
        np.testing.assert_array_equal(again[0].image, rest.image)
        np.testing.assert_array_equal(again[1].image, expressive.image)
    assert active >= 6
    rng = np.random.default_rng([1, 3, 2, 7])  # a stream of its own
    sample_distractors(rng, {})
    assert expressive.intensities == dict(sample_expression(rng).intensities)


def test_resting_faces_of_pairs_have_lips_together(tiny_studio: Studio) -> None:
    person = tiny_studio.person(1, 9, plain=True)
    for index in range(4):
        rest, _ = tiny_studio.pair(person, (1, 9, index), SPEC.transform, SPEC.side)
        gap = rest.landmarks[[65, 66, 67], 1] - rest.landmarks[[63, 62, 61], 1]
        assert gap.mean() < 0.03 * SPEC.size


@pytest.fixture(scope="module")
def clip(tiny_studio: Studio, people: list[Person]) -> list[LabelledImage]:
    return list(tiny_studio.clip(people[1], (1, 1), (72, 96), fps=15, seconds=3.0))


def test_clips_have_the_asked_size_and_length(clip: list[LabelledImage]) -> None:
    assert len(clip) == 45
    for frame in clip:
        assert frame.image.shape == (72, 96, 3)
        assert frame.image.dtype == np.uint8
        assert tuple(frame.intensities) == ALL_AUS


def test_clips_start_at_rest_and_change_smoothly(clip: list[LabelledImage]) -> None:
    levels = np.array([list(frame.intensities.values()) for frame in clip])
    assert (levels[:7] == 0).all()
    assert levels.max() > 1
    steady = np.delete(levels, ALL_AUS.index("AU43"), 1)  # blinks are faster
    assert np.abs(np.diff(steady, axis=0)).max() < 5 * 1.875 / 0.25 / 15
    marks = np.array([frame.landmarks for frame in clip])
    assert np.linalg.norm(np.diff(marks, axis=0), axis=-1).max() < 3
    images = np.array([frame.image for frame in clip]).astype(float)
    steps = np.abs(np.diff(images, axis=0)).mean((1, 2, 3))
    assert steps.max() < 10
    assert (steps > 0).all()  # a head is never still


def test_a_clip_keeps_its_light_and_background(clip: list[LabelledImage]) -> None:
    corners = np.array([frame.image[:6, :6] for frame in clip])
    assert (corners == corners[0]).all()
    brightness = np.array([frame.image[20:50, 30:66].mean() for frame in clip])
    assert np.ptp(brightness) < 25


def test_a_clip_shows_the_whole_head(clip: list[LabelledImage]) -> None:
    for frame in clip:
        low, high = frame.landmarks.min(0), frame.landmarks.max(0)
        assert (low > 0).all()
        assert (high < (96, 72)).all()
        assert 0.2 * 72 < high[1] - low[1] < 0.8 * 72


def test_clips_are_repeatable_and_lazy(
    tiny_studio: Studio, people: list[Person], clip: list[LabelledImage]
) -> None:
    frames = tiny_studio.clip(people[1], (1, 1), (72, 96), fps=15, seconds=3.0)
    np.testing.assert_array_equal(next(frames).image, clip[0].image)
    other = next(tiny_studio.clip(people[1], (1, 2), (72, 96), fps=15, seconds=3.0))
    assert (other.image != clip[0].image).any()


def test_portraits_differ_in_what_is_asked_for_only(tiny_studio: Studio) -> None:
    person = replace(tiny_studio.person(1, 7, plain=True), strands=Segments.join([]))

    def portrait(expression: Expression, yaw: float = 0.0) -> NDArray[Any]:
        return tiny_studio.portrait(person, expression, SPEC.transform, SPEC.side, yaw).image

    rest, again = portrait(Expression()), portrait(Expression())
    assert rest.shape == (SPEC.side, SPEC.side, 3)
    assert rest.dtype == np.uint8
    np.testing.assert_array_equal(rest, again)
    smile = portrait(Expression({"AU12": 5.0})).astype(int)
    change = np.abs(smile - rest).sum(-1)
    mouth, forehead = slice(30, 48), slice(6, 14)
    assert change[mouth, 14:42].mean() > 3 * change[forehead, 14:42].mean()
    assert np.abs(portrait(Expression(), 25).astype(int) - rest).mean() > 5


def test_portraits_turn_to_the_subjects_left(tiny_studio: Studio) -> None:
    """More of the right cheek is seen, and the face looks to the right of the image."""
    person = tiny_studio.person(1, 7, plain=True)
    glowing = replace(person, strands=person.strands, albedo=person.albedo.copy())
    u, v = 0.2, 0.5  # the right cheek
    row, column = int(v * 512), int(u * 512)
    glowing.albedo[row - 30 : row + 30, column - 30 : column + 30] = (1.0, 0.0, 0.0)

    def red(yaw: float) -> int:
        image = tiny_studio.portrait(glowing, Expression(), SPEC.transform, SPEC.side, yaw).image
        return int((image[..., 0] > 2.0 * image[..., 1]).sum())

    assert red(30) > 2 * red(-30)


def test_images_show_the_expression_they_are_labelled_with(
    monkeypatch: pytest.MonkeyPatch, tiny_studio: Studio
) -> None:
    """The same numbers, with another expression drawn: only what moves with it changes."""
    person = tiny_studio.person(1, 8, plain=True)

    def with_expression(make: Callable[[], Expression]) -> LabelledImage:
        monkeypatch.setattr("auheat.synthesis.studio.sample_expression", lambda rng: make())
        return sample(tiny_studio, person, 8, 0)

    rest = with_expression(Expression)
    jaw = with_expression(lambda: Expression({"AU25": 5.0, "AU26": 5.0}))
    assert jaw.intensities["AU26"] == 5.0
    assert jaw.landmarks[8, 1] > rest.landmarks[8, 1] + 2
    np.testing.assert_allclose(jaw.landmarks[17:27], rest.landmarks[17:27], atol=0.2)
    difference = cv2.absdiff(jaw.image, rest.image).mean(-1)
    mouth = rest.landmarks[48:68].mean(0).astype(int)
    brow = rest.landmarks[17:27].mean(0).astype(int)
    near = [difference[y - 3 : y + 4, x - 3 : x + 4].mean() for x, y in (mouth, brow)]
    assert near[0] > 2.5 * near[1]
