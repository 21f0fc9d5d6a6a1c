"""Expressions over time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.facs import ALL_AUS
from auheat.synthesis import anatomy
from auheat.synthesis.expression import Expression
from auheat.synthesis.motion import Event, Performance, sample_performance

FPS = 30
# The fastest that a minimum-jerk curve moves: 15/8 of its mean speed.
STEEPEST = 15 / 8


@pytest.fixture(scope="module", params=[3.0, 6.0, 12.0])
def clip(request: pytest.FixtureRequest) -> tuple[float, list[Performance]]:
    seconds: float = request.param
    return seconds, [sample_performance(np.random.default_rng([1, i]), seconds) for i in range(25)]


def curve(performance: Performance, seconds: float) -> NDArray[Any]:
    """Intensities (frames, 20)."""
    times = np.arange(round(seconds * FPS) + 1) / FPS
    expressions = [performance.expression(float(t)) for t in times]
    return np.array([[e.intensities[au] for au in ALL_AUS] for e in expressions])


def test_an_event_rises_holds_and_falls() -> None:
    """Golden values of minimum jerk: 10 x^3 - 15 x^4 + 6 x^5 at a quarter, half and three."""
    event = Event("AU12", onset=1.0, apex=2.0, release=3.0, offset=5.0, peak=4.0)
    quarter, half, three = 0.103515625, 0.5, 0.896484375
    times = [0, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 9]
    fractions = [0, 0, quarter, half, three, 1, 1, 1, three, half, quarter, 0, 0]
    assert [event.at(t) for t in times] == pytest.approx([4 * fraction for fraction in fractions])


def test_an_event_without_a_plateau_is_continuous() -> None:
    event = Event("AU12", 0.0, 0.5, 0.5, 1.0, 3.0)
    values = [event.at(t) for t in np.linspace(-0.1, 1.1, 500)]
    assert max(values) == pytest.approx(3, abs=1e-3)
    assert np.abs(np.diff(values)).max() < 3 * STEEPEST / 0.5 * 1.2 / 499 + 1e-9


def test_clips_start_and_end_at_rest(clip: tuple[float, list[Performance]]) -> None:
    seconds, performances = clip
    for performance in performances:
        levels = curve(performance, seconds)
        assert (levels[: int(0.5 * FPS)] == 0).all()
        assert (levels[-1] == 0).all()
        assert levels.max() > 1
        assert levels.max() <= 5


def test_curves_are_smooth(clip: tuple[float, list[Performance]]) -> None:
    """No step between frames beyond what the fastest rise, 0.25 s, allows."""
    seconds, performances = clip
    for performance in performances:
        steps = np.abs(np.diff(curve(performance, seconds), axis=0))
        lids = ALL_AUS.index("AU43")  # blinks are faster
        assert np.delete(steps, lids, 1).max() <= 5 * STEEPEST / 0.25 / FPS
        for event in performance.events:
            fastest = min(event.apex - event.onset, event.offset - event.release)
            own = [event.at(t) for t in np.arange(0, seconds, 1 / FPS)]
            assert np.abs(np.diff(own)).max() <= event.peak * STEEPEST / fastest / FPS + 1e-9


def test_events_are_ordered_and_reach_their_peak(clip: tuple[float, list[Performance]]) -> None:
    seconds, performances = clip
    for performance in performances:
        assert performance.events
        for event in performance.events:
            assert 0.5 <= event.onset < event.apex <= event.release < event.offset < seconds
            assert event.apex - event.onset >= 0.25
            assert event.offset - event.release >= 0.2
            assert 0 < event.peak <= 5
            assert event.at((event.apex + event.release) / 2) == event.peak
        found = curve(performance, seconds).max(0)
        for event in performance.events:
            assert found[ALL_AUS.index(event.au)] >= 0.9 * event.peak


def test_expressions_of_a_clip_do_not_overlap(clip: tuple[float, list[Performance]]) -> None:
    for performance in clip[1]:
        for au in ALL_AUS:
            own = sorted((e.onset, e.offset) for e in performance.events if e.au == au)
            assert all(end < start for (_, end), (start, _) in pairwise(own))


def test_clips_differ_and_repeat() -> None:
    a, b = (sample_performance(np.random.default_rng(3), 6.0) for _ in range(2))
    assert a == b
    assert a != sample_performance(np.random.default_rng(4), 6.0)
    scripts = {
        tuple(sorted({e.au for e in sample_performance(np.random.default_rng(i), 3.0).events}))
        for i in range(60)
    }
    assert len(scripts) >= 7


def test_every_au_is_shown_in_some_clip() -> None:
    shown = {
        event.au
        for i in range(40)
        for event in sample_performance(np.random.default_rng(i), 6.0).events
    }
    assert shown == set(ALL_AUS) - {"AU43"}  # lids close in blinks


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 40.0])
def test_clips_of_any_length(seconds: float) -> None:
    for seed in range(10):
        performance = sample_performance(np.random.default_rng(seed), seconds)
        assert all(e.offset < seconds for e in performance.events)
        assert performance.events or seconds < 2.6
        assert (curve(performance, seconds)[-1] == 0).all()


def test_blinks_close_and_open_the_lids() -> None:
    """Down in 80 ms, up in 150 ms, labelled as AU43 and nothing else."""
    performance = Performance((), (1.0,), ((0.0, 0.1, 0.0),) * 3, (0.0, 0.0))

    def closed(time: float) -> float:
        expression = performance.expression(time)
        levels = dict(expression.intensities)
        fraction = anatomy.curve(levels.pop("AU43"))
        assert set(levels.values()) == {0.0}
        assert "eyeBlink_L" not in expression.beside
        return fraction

    assert [closed(t) for t in (0.5, 1.0, 1.25, 2.0)] == [0, 0, 0, 0]
    assert closed(1.04) == pytest.approx(0.5)
    assert closed(1.09) == pytest.approx(1.0)
    assert closed(1.175) == pytest.approx(0.5)
    times = np.arange(0.9, 1.4, 0.001)
    values = [closed(float(t)) for t in times]
    assert np.abs(np.diff(values)).max() < STEEPEST / 80 + 1e-9


def test_blinks_are_some_seconds_apart() -> None:
    for seed in range(20):
        performance = sample_performance(np.random.default_rng(seed), 20.0)
        blinks = np.array(performance.blinks)
        assert blinks[0] >= 1.5
        assert blinks[-1] < 20
        assert (np.diff(blinks) >= 1.5).all()
        assert (np.diff(blinks) <= 4.0).all()


def test_the_head_sways_gently() -> None:
    for seed in range(20):
        performance = sample_performance(np.random.default_rng(seed), 6.0)
        poses = [performance.pose(t) for t in np.arange(0, 6, 1 / FPS)]
        turns = np.array([(p.yaw, p.pitch, p.roll) for p in poses])
        assert (np.abs(turns).max(0) <= (9, 5, 3)).all()
        assert np.abs(np.diff(turns, axis=0)).max() < 9 * 2 * np.pi * 0.25 / FPS
        assert np.ptp(turns[:, 0]) > 1


def test_gaze_wanders_without_jumps() -> None:
    performance = sample_performance(np.random.default_rng(0), 8.0)

    def gaze(expression: Expression) -> tuple[float, float]:
        beside = expression.beside
        across = beside.get("eyeLookOut_L", 0.0) - beside.get("eyeLookIn_L", 0.0)
        return across, beside.get("eyeLookUp_L", 0.0) - beside.get("eyeLookDown_L", 0.0)

    places = np.array([gaze(performance.expression(t)) for t in np.arange(0, 8, 1 / FPS)])
    assert np.abs(np.diff(places, axis=0)).max() < 0.01
    assert (np.abs(places).max(0) <= (0.12, 0.08)).all()
    assert np.ptp(places, axis=0).min() > 0.05


def test_eyes_may_stay_shut_for_a_while() -> None:
    """Closed within 0.15 s, open again in 0.2 s; a blink meanwhile changes nothing."""
    still = ((0.0, 0.1, 0.0),) * 3
    performance = Performance((), (1.5,), still, (0.0, 0.0), shut=((1.0, 2.0),))
    times = [0.5, 1.0, 1.075, 1.2, 1.55, 1.75, 1.9, 2.0, 3.0]
    closed = [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0]
    assert [performance.closed(t) for t in times] == pytest.approx(closed)
    for time, expected in zip(times, closed, strict=True):
        level = performance.expression(time).intensities["AU43"]
        assert anatomy.curve(level) == pytest.approx(expected)
        assert level == pytest.approx({0: 0, 0.5: 2 + 5 / 6, 1: 5}[expected])  # 0.54 is level 3
