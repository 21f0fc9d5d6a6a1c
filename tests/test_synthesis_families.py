"""Families of images differ from the base family in one thing each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.faces.crop import CropSpec
from auheat.facs import ALL_AUS
from auheat.synthesis.families import FAMILIES
from auheat.synthesis.identity import Look, Person, PersonSampler
from auheat.synthesis.repertoire import HELD_OUT_PAIRS, sample_expression, sample_held_out
from auheat.synthesis.studio import LabelledImage, Studio

SPEC = CropSpec(64, 4)


@pytest.fixture(scope="module")
def seen(tiny_studio: Studio) -> dict[str, list[LabelledImage]]:
    return {
        name: list(tiny_studio.family(family, (3, 1), 3, SPEC.transform, SPEC.side))
        for name, family in FAMILIES.items()
    }


def images(samples: list[LabelledImage]) -> NDArray[np.float64]:
    return np.stack([sample.image.astype(float) for sample in samples])


# Families in which the face itself is where it is in the base family.
UNMOVED = ("dark skin", "glasses", "fringe", "beard", "hard light", "dim", "blurred", "small",
           "hand", "grey", "smoothed skin")  # fmt: skip


@pytest.mark.parametrize("name", UNMOVED)
def test_only_the_one_thing_differs(seen: dict[str, list[LabelledImage]], name: str) -> None:
    for sample, base in zip(seen[name], seen["base"], strict=True):
        assert sample.intensities == base.intensities
        np.testing.assert_allclose(sample.landmarks, base.landmarks, atol=1e-6)
        assert (sample.image != base.image).any()


def test_turned_heads_show_the_same_expressions(seen: dict[str, list[LabelledImage]]) -> None:
    for sample, base in zip(seen["turned"], seen["base"], strict=True):
        assert sample.intensities == base.intensities
        assert np.abs(sample.landmarks - base.landmarks).max() > 2


def test_resting_families_show_no_au(seen: dict[str, list[LabelledImage]]) -> None:
    for name, samples in seen.items():
        levels = [max(sample.intensities.values()) for sample in samples]
        assert (max(levels) == 0) == name.startswith("rest"), name


def test_families_look_as_they_are_called(seen: dict[str, list[LabelledImage]]) -> None:
    base = images(seen["base"])
    assert images(seen["dim"]).mean() < 0.4 * base.mean()
    grey = images(seen["grey"])
    assert np.abs(grey - grey.mean(-1, keepdims=True)).max() < 1e-9
    sharpness = {
        name: np.abs(np.diff(images(seen[name]), axis=1)).mean()
        for name in ("base", "blurred", "small", "smoothed skin")
    }
    assert sharpness["blurred"] < 0.7 * sharpness["base"]
    assert sharpness["small"] < sharpness["base"]
    assert sharpness["smoothed skin"] < 0.9 * sharpness["base"]
    rims = np.abs(np.diff(base, axis=1)) > 60
    kept = np.abs(np.diff(images(seen["smoothed skin"]), axis=1))[rims].mean()
    assert kept > 0.7 * np.abs(np.diff(base, axis=1))[rims].mean()
    covered = np.abs(images(seen["hand"]) - base).max(-1) > 20
    assert 0.02 < covered.mean() < 0.4


def test_held_out_pairs_are_shown_by_their_family_alone() -> None:
    drawn = [sample_expression(np.random.default_rng([1, i])).intensities for i in range(1500)]
    shown = [sample_held_out(np.random.default_rng([2, i])).intensities for i in range(100)]
    for a, b in HELD_OUT_PAIRS:
        assert not any(levels[a] > 1 and levels[b] > 1 for levels in drawn)
        assert any(levels[a] > 1 and levels[b] > 1 for levels in shown)
    assert all(tuple(levels) == ALL_AUS for levels in shown)


def test_a_look_changes_what_it_names(tiny_studio: Studio) -> None:
    sampler: PersonSampler = tiny_studio._sampler

    def person(**look: Any) -> Person:
        return sampler.sample(np.random.default_rng(4), look=Look(**look))

    bare, worn = person(glasses=False, beard=False), person(glasses=True, beard=False)
    assert (bare.glasses, worn.glasses is None) == (None, False)
    np.testing.assert_array_equal(bare.albedo, worn.albedo)
    np.testing.assert_array_equal(bare.height, worn.height)
    pale, dark = person(depth=0.0), person(depth=1.0)
    assert pale.head.mean() > 4 * dark.head.mean()
    calm, restless = person(unrest=1.0), person(unrest=2.0)
    far = np.abs(restless.manner.rest).sum() / np.abs(calm.manner.rest).sum()
    assert 1.6 < far <= 2.0  # but asymmetry stays as it is
