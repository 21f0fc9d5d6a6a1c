"""Smoothing on curves whose truth is known: AUs that rise and fall as in `synthesis.motion`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from auheat.arrays import Floats
from auheat.inference.smoothing import smooth, stretches


def ease(x: Floats) -> Floats:
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (x * (6 * x - 15) + 10))


def an_event(times: Floats, onset: float, rise: float, hold: float, fall: float) -> Floats:
    """An AU that rises to 4 and goes, on a resting reading of 0.5."""
    end = onset + rise + hold + fall
    return 0.5 + 3.5 * np.minimum(ease((times - onset) / rise), ease((end - times) / fall))


def frame_times(fps: float, seconds: float, seed: int | None = None) -> Floats:
    """Even time stamps, or those of a variable frame rate."""
    count = round(fps * seconds)
    if seed is None:
        return np.arange(count) / fps
    return np.asarray(np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, count)) / fps)


def crossing(times: Floats, levels: Floats, level: float) -> float:
    """When a curve first reaches a level, between two frames by a straight line."""
    after = int(np.argmax(levels >= level))
    before = after - 1
    fraction = (level - levels[before]) / (levels[after] - levels[before])
    return float(times[before] + fraction * (times[after] - times[before]))


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
@pytest.mark.parametrize("seed", [None, 3])
def test_onsets_stay_where_they_are_and_peaks_as_high(fps: float, seed: int | None) -> None:
    """The quickest rise of `synthesis.motion`, 0.25 s, with and without a plateau."""
    times = frame_times(fps, 4.0, seed)
    for hold in (0.0, 0.3, 1.0):
        for start in np.linspace(1.0, 1.1, 7):
            curve = an_event(times, start, 0.25, hold, 0.25)
            smoothed = smooth(times, curve[:, None])[:, 0]
            assert abs(smoothed.max() / curve.max() - 1) < 0.05
            for level in (1.0, 2.25, 3.5):
                late = crossing(times, smoothed, level) - crossing(times, curve, level)
                assert abs(late) * fps < 1
                early = crossing(-times[::-1], smoothed[::-1], level)
                assert abs(early - crossing(-times[::-1], curve[::-1], level)) * fps < 1


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
@pytest.mark.parametrize("seed", [None, 3])
def test_noise_is_halved(fps: float, seed: int | None) -> None:
    times = frame_times(fps, 60.0, seed)
    noise = np.random.default_rng(0).normal(0, 0.2, (len(times), 3))
    smoothed = smooth(times, 2.5 + noise)
    assert (smoothed.std(0) < 0.5 * noise.std(0)).all()
    np.testing.assert_allclose(smoothed.mean(0), (2.5 + noise).mean(0), atol=0.01)


def test_noisy_onsets_are_not_delayed() -> None:
    """On average over many noisy events the middle of the rise moves by less than a tenth frame."""
    times, random = frame_times(25.0, 3.0), np.random.default_rng(1)
    shifts = []
    for _ in range(200):
        curve = an_event(times, 1 + random.uniform(0, 0.04), 0.4, 0.5, 0.4)
        noisy = np.clip(curve + random.normal(0, 0.15, len(times)), 0, 5)
        smoothed = smooth(times, noisy[:, None])[:, 0]
        shifts.append((crossing(times, smoothed, 2.25) - crossing(times, curve, 2.25)) * 25)
    assert abs(np.mean(shifts)) < 0.1
    assert np.abs(shifts).max() < 1


def test_on_even_frames_it_is_the_filter_of_savitzky_and_golay() -> None:
    """Eleven frames at 25 a second; SciPy's own implementation is the reference."""
    times = frame_times(25.0, 4.0)
    levels = np.random.default_rng(2).uniform(1, 4, (len(times), 2))
    expected = savgol_filter(levels, 11, 2, axis=0, mode="mirror")
    np.testing.assert_allclose(smooth(times, levels)[5:-5], expected[5:-5], atol=1e-9)


@given(st.lists(st.floats(0.01, 0.1), min_size=4, max_size=40), st.integers(0, 2**32 - 1))
def test_a_parabola_passes_through_unchanged(steps: list[float], seed: int) -> None:
    """At any frame rate, up to the ends: so there is neither delay nor bias."""
    times = np.cumsum(steps)
    a, b, c = np.random.default_rng(seed).uniform(-1, 1, 3)
    along = (times - times[0]) / (times[-1] - times[0])
    curve = 2.5 + 0.5 * (a + b * along + c * along**2)
    np.testing.assert_allclose(smooth(times, curve[:, None])[:, 0], curve, atol=1e-6)


def test_a_jump_is_spread_as_the_documents_say() -> None:
    """docs/curves.md: an AU that comes within three frames, and goes from one to the next."""
    curve = np.full(90, 0.1)
    curve[20:22], curve[22:70] = (1.2, 2.3), 3.4
    smoothed = smooth(np.arange(90) / 25, curve[:, None])[:, 0]
    shown, found = np.flatnonzero(curve >= 0.5), np.flatnonzero(smoothed >= 0.5)
    assert (shown[[0, -1]] - found[[0, -1]]).tolist() == [1, -2]
    np.testing.assert_allclose(smoothed[[70, 71]], [1.4, 0.8], atol=0.05)
    assert smoothed.max() / 3.4 == pytest.approx(1.08, abs=0.01)
    assert np.flatnonzero(np.abs(smoothed - curve) > 0.01)[[0, -1]].tolist() == [15, 74]


def test_nothing_is_smoothed_across_a_gap() -> None:
    times = np.concatenate([np.arange(20) / 25, 2 + np.arange(20) / 25])
    levels = np.repeat([0.0, 4.0], 20)[:, None]
    np.testing.assert_allclose(smooth(times, levels), levels, atol=1e-9)
    unbroken = smooth(np.arange(40) / 25, levels)
    assert not np.allclose(unbroken, levels, atol=0.1)


def test_stretches() -> None:
    def found(times: list[float]) -> list[tuple[int, int]]:
        return [(part.start, part.stop) for part in stretches(np.array(times))]

    assert found([]) == []
    assert found([7.0]) == [(0, 1)]
    assert found([0.0, 0.04, 0.08, 0.33, 0.37]) == [(0, 5)]  # lost for 0.25 s
    assert found([0.0, 0.04, 0.08, 0.34, 0.38]) == [(0, 3), (3, 5)]
    assert found([0.0, 1.0, 2.0, 3.0, 6.0]) == [(0, 4), (4, 5)]  # an image every second


def test_limits_and_short_stretches() -> None:
    times = np.arange(50) / 25
    levels = np.random.default_rng(3).choice([0.0, 5.0], (50, 4))
    smoothed = smooth(times, levels)
    assert smoothed.min() >= 0
    assert smoothed.max() <= 5
    three = levels[:3]
    np.testing.assert_array_equal(smooth(times[:3], three), three)
    assert smooth(np.empty(0), np.empty((0, 4))).shape == (0, 4)
    untouched = levels.copy()
    smooth(times, levels)
    np.testing.assert_array_equal(levels, untouched)
