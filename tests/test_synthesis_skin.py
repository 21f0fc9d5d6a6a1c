"""Skin, irises, wrinkles and the textures they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.synthesis import wrinkles
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.assets import FacePack, Skins
from auheat.synthesis.eyes import sample_iris
from auheat.synthesis.face import FaceModel
from auheat.synthesis.skin import SkinPainter, SkinTone, sample_tone
from auheat.synthesis.textures import NoiseBank, filled, lines, resized, spot
from tiny_face import landmark_layout


@pytest.fixture(scope="module")
def noise() -> NoiseBank:
    return NoiseBank()


@pytest.fixture(scope="module")
def painter(tiny_model: FaceModel, noise: NoiseBank) -> SkinPainter:
    return SkinPainter(tiny_model.landmark_uv, tiny_model.pack.skins, noise)


def at(texture: Floats32, place: tuple[float, float], radius: int = 4) -> Floats32:
    """Mean of a texture around texture coordinates (u, v)."""
    size = len(texture)
    column, row = (int(x * size) for x in place)
    rows = texture[row - radius : row + radius + 1]
    near = rows[:, column - radius : column + radius + 1]
    return np.asarray(near.mean((0, 1)), np.float32)


# --- building blocks ---


def test_convention_a_texture_coordinate_is_at_texel_edges() -> None:
    """(0.5, 0.25) in 8 texels lies between columns 3 and 4, and between rows 1 and 2."""
    bump = spot(8, floats([0.5, 0.25]), 0.2, 0.2)
    np.testing.assert_allclose(bump, bump[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(bump[:4], bump[3::-1], atol=1e-6)
    assert bump[1, 3] == bump.max()
    square = filled(64, floats([[0.25, 0.5], [0.75, 0.5], [0.75, 0.75], [0.25, 0.75]]), 0.1)
    rows, columns = np.nonzero(square > 0.9)
    assert abs((columns.mean() + 0.5) / 64 - 0.5) < 0.01
    assert abs((rows.mean() + 0.5) / 64 - 0.625) < 0.01
    assert abs(np.ptp(columns) - 31) <= 1
    assert abs(np.ptp(rows) - 15) <= 1


def test_spots_have_the_given_radii() -> None:
    bump = spot(512, floats([0.5, 0.5]), 0.2, 0.05)
    assert bump.max() == pytest.approx(1, abs=1e-3)
    assert bump[256, 256 + 102] == pytest.approx(np.exp(-1), abs=0.01)
    assert bump[256 + 25, 256] == pytest.approx(np.exp(-1), abs=0.02)


def test_lines_peak_at_one_where_they_run() -> None:
    drawn = lines(256, [[(0.2, 0.5), (0.5, 0.5), (0.8, 0.5)]], 3, 3.0)
    assert drawn.max() == pytest.approx(1)
    assert drawn[127:129, 64:192].min() > 0.8
    assert drawn[:100].max() == drawn[160:].max() == 0
    assert drawn[127, 20] == 0
    bent = lines(256, [[(0.2, 0.2), (0.5, 0.8), (0.8, 0.2)]], 2, 2.0)
    assert bent[int(0.75 * 256) : int(0.8 * 256), 120:136].max() > 0.5  # rounded a little
    np.testing.assert_allclose(bent, bent[:, ::-1], atol=0.35)


def test_resizing_keeps_places() -> None:
    bump = spot(32, floats([0.3, 0.6]), 0.1, 0.1)
    large = resized(bump, 128)
    assert large.shape == (128, 128)
    row, column = np.unravel_index(large.argmax(), large.shape)
    assert abs((column + 0.5) / 128 - 0.3) < 0.02
    assert abs((row + 0.5) / 128 - 0.6) < 0.02


def test_noise_has_unit_variance_and_the_given_grain(noise: NoiseBank) -> None:
    previous = -1.0
    for cell in (1.6, 4.0, 10.0, 30.0):
        fields = [noise.draw(np.random.default_rng(i), 512, cell) for i in range(4)]
        assert np.mean([f.std() for f in fields]) == pytest.approx(1, abs=0.25)
        smooth = np.mean([np.corrcoef(f[:, :-2].ravel(), f[:, 2:].ravel())[0, 1] for f in fields])
        assert smooth > previous
        previous = float(smooth)


def test_noise_is_repeatable(noise: NoiseBank) -> None:
    first = noise.draw(np.random.default_rng(1), 128, 10.0)
    np.testing.assert_array_equal(first, NoiseBank().draw(np.random.default_rng(1), 128, 10.0))
    other = noise.draw(np.random.default_rng(2), 128, 10.0)
    assert first.shape == other.shape == (128, 128)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.5


def test_noise_of_the_whole_bank_can_be_drawn() -> None:
    assert NoiseBank(64).draw(np.random.default_rng(0), 64, 4.0).shape == (64, 64)


# --- tones ---


def test_tones_cover_the_scale_evenly() -> None:
    tones = [sample_tone(np.random.default_rng([1, i])) for i in range(2000)]
    depths, bases = np.array([t.depth for t in tones]), np.array([t.base for t in tones])
    histogram, _ = np.histogram(depths, 10, (0, 1))
    assert histogram.min() > 140
    assert bases.min() > 0.005
    assert bases.max() < 1
    assert np.corrcoef(depths, bases.mean(1))[0, 1] < -0.8
    assert (bases[:, 0] > bases[:, 2]).mean() > 0.99  # skin is warmer than grey
    same = sample_tone(np.random.default_rng([1, 0]))
    np.testing.assert_array_equal(same.base, tones[0].base)


# --- skins ---


def painted(painter: SkinPainter, seed: int, depth: float, skins: tuple[int, ...] = ()) -> Floats32:
    tone = SkinTone(floats([0.5, 0.35, 0.28]) * np.float32(1 - 0.85 * depth), depth)
    albedo, head = painter.paint(np.random.default_rng(seed), tone, skins, 0.5)
    assert head.shape == (3,)
    return albedo


@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_lips_are_redder_than_the_skin_around(painter: SkinPainter, depth: float) -> None:
    """On plain skin; v runs up the face, so that a wrong sign would paint the forehead."""
    marks, _ = landmark_layout()
    lip, forehead = tuple(marks[57] + (0, 0.015)), (0.5, 0.86)
    ratio = []
    for seed in range(6):
        albedo = painted(painter, seed, depth)
        inside, outside = at(albedo, lip), at(albedo, forehead)
        ratio.append((inside[0] / inside[1]) / (outside[0] / outside[1]))
    assert min(ratio) > 1.08


def test_the_texture_fades_into_the_head_s_colour(painter: SkinPainter) -> None:
    tone = SkinTone(floats([0.5, 0.35, 0.28]), 0.2)
    for seed in range(4):
        albedo, head = painter.paint(np.random.default_rng(seed), tone, (), 0.5)
        for edge in (albedo[:50], albedo[-6:]):
            np.testing.assert_allclose(edge.mean((0, 1)), head, rtol=0.1)
        np.testing.assert_allclose(head, tone.base, rtol=0.1)


def test_skin_keeps_its_tone(painter: SkinPainter) -> None:
    for depth in (0.0, 0.5, 1.0):
        base = np.array([0.5, 0.35, 0.28]) * (1 - 0.85 * depth)
        means = [at(painted(painter, s, depth), (0.5, 0.86), 20) for s in range(5)]
        np.testing.assert_allclose(np.mean(means, axis=0), base, rtol=0.2)


def test_painted_skins_lend_their_detail(tiny_model: FaceModel, noise: NoiseBank) -> None:
    """A skin with a dark left half shows on people that wear it, and on no others."""
    albedo = np.full((2, 64, 64, 3), 150, np.uint8)
    albedo[0, :, :32] = 110
    linear = (albedo / 255.0) ** 2.2
    skins = Skins(albedo, floats(linear.mean((1, 2))), ("half", "even"))
    own = SkinPainter(tiny_model.landmark_uv, skins, noise)

    def lopsided(allowed: tuple[int, ...]) -> int:
        count = 0
        for seed in range(16):
            image = painted(own, seed, 0.4, allowed)[256:420]
            left, right = image[:, 60:200].mean(), image[:, -200:-60].mean()
            count += abs(np.log(left / right)) > 0.2
        return count

    assert lopsided((0,)) >= 6  # three in four wear one
    assert lopsided((1,)) == lopsided(()) == 0


def test_a_painted_skin_is_chosen_by_lightness(tiny_pack: FacePack, noise: NoiseBank) -> None:
    assert tiny_pack.skins is not None
    painter = SkinPainter(floats(landmark_layout()[0]), tiny_pack.skins, noise)
    light, dark = SkinTone(floats([0.6] * 3), 0.0), SkinTone(floats([0.05] * 3), 1.0)
    for tone in (light, dark):
        means = [
            painter._painted(np.random.default_rng(i), tone, tuple(range(6)))[0].mean()
            for i in range(60)
        ]
        assert np.abs(np.log(np.array(means) / tone.base.mean())).mean() < 0.3


def test_pores_are_fine_and_around_zero(painter: SkinPainter) -> None:
    pores = painter.pores(np.random.default_rng(0), 256)
    assert pores.shape == (256, 256)
    assert abs(pores.mean()) < 0.005
    assert 0.001 < pores.std() < 0.02


# --- irises ---


@pytest.mark.parametrize("depth", [0.1, 0.9])
def test_irises_have_a_pupil_and_a_dark_rim(depth: float) -> None:
    for seed in range(20):
        iris = sample_iris(np.random.default_rng(seed), depth)
        assert iris.shape == (64, 64, 3)
        assert iris.dtype == np.float32
        rings = iris.mean((1, 2))
        assert rings[:12].max() < 0.012  # the pupil, at the smallest radii
        assert rings[40:50].mean() > 2 * rings[:12].mean()
        assert rings[-1] < 0.7 * rings[40:50].mean()
        assert 0 < iris.min() < iris.max() < 0.6


def test_eyes_of_dark_skin_are_brown() -> None:
    def blue(depth: float) -> float:
        irises = [sample_iris(np.random.default_rng(i), depth)[45] for i in range(60)]
        return float(np.mean([i[:, 2].mean() > i[:, 0].mean() for i in irises]))

    assert blue(0.9) == 0
    assert 0.05 < blue(0.1) < 0.5


# --- wrinkles ---


@pytest.fixture(scope="module")
def bank() -> wrinkles.WrinkleBank:
    return wrinkles.WrinkleBank()


PLACES = {
    "AU01": (0.3, 0.82, 0.7, 0.96), "AU02": (0.1, 0.80, 0.9, 0.97), "AU04": (0.37, 0.7, 0.63, 0.9),
    "AU06": (0.18, 0.64, 0.82, 0.78), "AU07": (0.29, 0.65, 0.71, 0.73),
    "AU09": (0.4, 0.62, 0.6, 0.76),
    "AU10": (0.36, 0.49, 0.64, 0.63), "AU12": (0.29, 0.34, 0.71, 0.62),
    "AU14": (0.33, 0.37, 0.67, 0.51), "AU15": (0.33, 0.34, 0.67, 0.47),
    "AU17": (0.3, 0.2, 0.7, 0.4), "AU20": (0.29, 0.34, 0.71, 0.5),
    "AU18": (0.35, 0.29, 0.65, 0.58), "AU23": (0.36, 0.31, 0.64, 0.56),
    "AU24": (0.3, 0.2, 0.7, 0.5), "AU28": (0.35, 0.29, 0.65, 0.58),
}  # fmt: skip


def test_wrinkles_are_furrows_where_their_au_makes_them(bank: wrinkles.WrinkleBank) -> None:
    """By texture coordinates: left, low, right and high end of each AU's region."""
    for seed in range(15):
        person = bank.sample(np.random.default_rng(seed))
        assert set(person) == set(PLACES) <= set(ALL_AUS)
        for au, furrows in person.items():
            assert furrows.shape == (wrinkles.SIZE, wrinkles.SIZE)
            assert furrows.dtype == np.float32
            assert -1.6 < furrows.min() < (-0.1 if au in ("AU18", "AU28") else -0.3), au
            assert furrows.max() <= 0
            rows, columns = np.nonzero(furrows < 0.3 * furrows.min())
            u, v = (columns + 0.5) / wrinkles.SIZE, (rows + 0.5) / wrinkles.SIZE
            left, low, right, high = PLACES[au]
            assert (u >= left).all() and (u <= right).all(), au
            assert (v >= low).all() and (v <= high).all(), au


def test_forehead_lines_of_the_inner_and_outer_brow(bank: wrinkles.WrinkleBank) -> None:
    def share_in_the_middle(au: str) -> float:
        total = np.mean([bank.sample(np.random.default_rng(i))[au] for i in range(12)], axis=0)
        return float(total[:, 100:156].sum() / total.sum())

    assert share_in_the_middle("AU01") > 0.5 > 2 * share_in_the_middle("AU02")


def test_wrinkles_differ_between_people_and_repeat(bank: wrinkles.WrinkleBank) -> None:
    a, b = (bank.sample(np.random.default_rng(i)) for i in (0, 1))
    assert any((a[au] != b[au]).any() for au in a)
    again = wrinkles.WrinkleBank().sample(np.random.default_rng(0))
    assert all((again[au] == a[au]).all() for au in a)
