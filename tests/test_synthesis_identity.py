"""People: determinism, ranges, manners, and what painted skins they may wear."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.synthesis import anatomy, skin
from auheat.synthesis.arrays import floats
from auheat.synthesis.assets import FacePack
from auheat.synthesis.expression import Actor, Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Look, Person, PersonSampler
from auheat.synthesis.resting import Brows
from auheat.synthesis.studio import Studio

COUNT = 24


@pytest.fixture(scope="module")
def sampler(tiny_model: FaceModel) -> PersonSampler:
    return PersonSampler(tiny_model)


@pytest.fixture(scope="module")
def people(sampler: PersonSampler) -> list[Person]:
    return [sampler.sample(np.random.default_rng([2, i]), tuple(range(6))) for i in range(COUNT)]


def same(a: object, b: object) -> bool:
    """Whether two people, or parts of them, are equal to the last bit."""
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple):
        return isinstance(b, tuple) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(np.asarray(a), np.asarray(b)))


def test_the_same_generator_gives_the_same_person(
    tiny_model: FaceModel, people: list[Person]
) -> None:
    """Also from another sampler."""
    other = PersonSampler(tiny_model)
    for i in (3, 1):
        again = other.sample(np.random.default_rng([2, i]), tuple(range(6)))
        assert same(again, people[i])
    assert not same(people[0], people[1])


def test_everything_is_finite_and_in_range(people: list[Person]) -> None:
    for p in people:
        assert p.albedo.shape == (skin.SIZE, skin.SIZE, 3)
        assert p.albedo.dtype == p.height.dtype == p.neutral.dtype == np.float32
        assert p.albedo.min() >= 0
        assert p.albedo.max() < 1.3
        assert (p.albedo > 1).mean() < 0.01  # specks of a very light painted skin
        assert -0.3 < p.height.min() < p.height.max() < 0.7  # some have deep folds at rest
        assert p.iris.shape == (64, 64, 3)
        for colour in (p.head, p.hair_colour, p.cloth, p.teeth, p.iris):
            assert np.isfinite(colour).all()
            assert colour.min() >= 0
            assert colour.max() <= 1
        for fraction in (p.roughness, p.bump, p.veins, p.lashes):
            assert 0 <= fraction <= 1
        assert 0.3 <= p.oil <= 1.7
        assert set(p.furrows) <= set(ALL_AUS)
        for furrow in p.furrows.values():
            assert furrow.shape == p.height.shape
            assert -7 < furrow.min() < -0.008  # the deepest of frowns in old skin
            assert furrow.max() <= 0
        assert p.scalp.shape == (len(p.neutral),)


def test_people_differ_in_everything(people: list[Person]) -> None:
    for name in ("roughness", "oil", "bump", "veins", "lashes"):
        assert len({getattr(p, name) for p in people}) == COUNT
    tones = np.array([p.head.mean() for p in people])
    assert tones.min() < 0.1
    assert tones.max() > 0.35
    assert {p.beard is None for p in people} == {True, False}
    assert {len(p.strands.width) == 0 for p in people} <= {True, False}


def test_shape_is_that_of_random_components(tiny_pack: FacePack, people: list[Person]) -> None:
    """Coefficients recovered by least squares look like N(0, 1), the first ones bounded."""
    basis = tiny_pack.identities.reshape(len(tiny_pack.identities), -1).T
    rest = FaceModel(tiny_pack).resting
    one_each = (Brows(height=1), Brows(slant=1), Brows(arch=1))
    brows = [floats(rest.offset(brow) - rest.offset()).ravel()[:, None] for brow in one_each]
    basis = np.hstack([basis, *brows])
    mean = tiny_pack.vertices + rest.offset()
    offsets = np.stack([(p.neutral - mean).ravel() for p in people], 1)
    found, *_ = np.linalg.lstsq(basis, offsets, rcond=None)
    assert np.abs(found).max() <= 1.81
    assert 0.6 < found.std() < 1.1


def test_manners_vary_around_the_average(tiny_model: FaceModel, people: list[Person]) -> None:
    for p in people:
        assert tuple(p.manner.amplitude) == ALL_AUS
        amplitude = dict(p.manner.amplitude)
        assert 0.85 * 0.9 <= amplitude.pop("AU04") <= 1.15 * 1.25
        assert 0.85 <= min(amplitude.values()) <= max(amplitude.values()) <= 1.15
        own = {"AU04", "AU14"}  # whose parts people mix in ways of their own
        factors = {k: v for k, v in p.manner.recipe.items() if k[0] not in own}
        assert 0 <= factors.pop(("AU06", "browDown")) < 2.5 * 2
        assert 0 <= factors.pop(("AU17", "mouthFrown")) < 2.0 * 2
        assert -0.5 * 2 < factors.pop(("AU17", "mouthRollLower")) < 2.5 * 2
        assert 0.7 * 0.6 < factors.pop(("AU17", "mouthShrugLower")) < 1.25 * 1.7
        assert 0.5 < min(factors.values()) < max(factors.values()) < 2
        assert -0.75 * 2 < p.manner.recipe["AU04", "browOuterUp"] < 2.75 * 2
        assert 0 <= p.manner.recipe["AU04", "browTogether"] < 2.5 * 2
        assert 0.3 < p.manner.recipe["AU04", "browDown"] < 1.5 * 2
        assert 0.2 < p.manner.recipe["AU14", "lipCornerPit"] < 2.3
        assert p.manner.gains.shape == (len(anatomy.REGIONS), len(p.neutral))
        assert 0.35 < p.manner.gains.min() < p.manner.gains.max() < 1.7
        assert abs(p.manner.lopsided) < 0.3
        assert np.abs(p.manner.rest).max() < 0.6
    keys = {(au, shape) for au, recipe in anatomy.RECIPES.items() for shape in recipe}
    assert all(set(p.manner.recipe) == keys for p in people)
    rests = np.array([p.manner.rest for p in people])
    for shape, spread in (("browDown_L", 0.1), ("mouthFrown_R", 0.1), ("noseSneer_L", 0.04)):
        assert rests[:, tiny_model.index[shape]].std() == pytest.approx(spread, rel=0.6)
    assert (rests[:, tiny_model.index["jawOpen"]] == 0).all()  # or a resting jaw would look as AU26


def test_reach_is_smooth_over_the_face(tiny_pack: FacePack, people: list[Person]) -> None:
    """Neighbouring vertices reach alike: fields vary over centimetres."""
    a, b = tiny_pack.triangles[:, 0], tiny_pack.triangles[:, 1]
    length = np.linalg.norm(tiny_pack.vertices[a] - tiny_pack.vertices[b], axis=1)
    for p in people[:5]:
        assert (np.abs(p.manner.gains[:, a] - p.manner.gains[:, b]) < 0.25 * length + 1e-5).all()
        assert np.ptp(p.manner.gains, axis=1).min() > 0.01


def test_a_resting_face_is_nobodys_expression(tiny_model: FaceModel, people: list[Person]) -> None:
    """Resting shapes stay below what intensity 3 of any AU does."""
    actor = Actor(tiny_model)
    marks = tiny_model.pack.landmarks
    for p in people[:8]:
        rest = tiny_model.deform(p.neutral, actor.weights(p, Expression()), p.manner.gains)
        moved = (rest - tiny_model.deform(p.neutral, tiny_model.weights({})))[marks]
        assert np.linalg.norm(moved, axis=1).max() < 0.75


def test_a_plain_person_is_an_average_mover(sampler: PersonSampler) -> None:
    for i in range(12):
        p = sampler.sample(np.random.default_rng([4, i]), plain=True)
        assert p.beard is None
        assert p.glasses is None
        assert set(p.manner.amplitude.values()) == set(p.manner.recipe.values()) == {1.0}
        assert (p.manner.gains == 1).all()
        assert (p.manner.rest == 0).all()
        assert p.manner.lopsided == 0


@pytest.mark.slow
def test_some_wear_glasses_and_beards(sampler: PersonSampler) -> None:
    many = [sampler.sample(np.random.default_rng([5, i])) for i in range(30)]
    assert 1 <= sum(p.glasses is not None for p in many) <= 11
    assert 3 <= sum(p.beard is not None for p in many) <= 17


def worn(monkeypatch: pytest.MonkeyPatch, studio: Studio, held_out: bool) -> set[int]:
    """Painted skins that 40 people of a studio wear."""
    chosen: set[int] = set()
    original = skin.SkinPainter._painted

    def watched(self, rng, tone, allowed):  # type: ignore[no-untyped-def]
        base, albedo = original(self, np.random.default_rng(0), tone, allowed)
        chosen.update(allowed)
        return base, albedo

    monkeypatch.setattr(skin.SkinPainter, "_painted", watched)
    for subject in range(12):
        studio.person(1, subject, held_out_skins=held_out)
    monkeypatch.undo()
    return chosen


def test_painted_skins_of_tests_are_never_worn_in_training(
    monkeypatch: pytest.MonkeyPatch, tiny_studio: Studio
) -> None:
    """Every fourth skin is kept back: of six, the second and the sixth."""
    training, held = (worn(monkeypatch, tiny_studio, h) for h in (False, True))
    assert training == {0, 2, 3, 4}
    assert held == {1, 5}


def test_skins_furrow_from_hardly_to_deeply_as_many_smooth_as_furrowed(
    sampler: PersonSampler,
) -> None:
    look = Look(age=0.5)
    depths = [
        -float(sampler.sample(np.random.default_rng(seed), look=look).furrows["AU04"].min())
        for seed in range(24)
    ]
    assert max(depths) / min(depths) > 5
    low, middle, high = np.quantile(np.log(depths), (0.2, 0.5, 0.8))
    assert abs((high - middle) - (middle - low)) < 0.6  # even on a logarithmic scale
