"""Properties of geometry, heatmaps and metrics, over inputs that nobody thought of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import pearsonr

from auheat import geometry
from auheat.arrays import Floats
from auheat.evaluation.controls import VarianceMatching
from auheat.evaluation.predictions import Predictions
from auheat.heatmap import max_over_points, mean_over_points
from auheat.metrics import Agreement, icc31
from numbered_frames import frames

sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


def pairs(least: int = 3) -> Any:
    """Predictions and labels (N, 2)."""
    return arrays.arrays(
        np.float64, st.tuples(st.integers(least, 30), st.just(2)), elements=st.floats(-10, 10)
    )


# Geometry
@given(sizes, sizes, sizes)
def test_sizes_compose_and_corners_meet(a: Any, b: Any, c: Any) -> None:
    there, on = geometry.between_sizes(a, b), geometry.between_sizes(b, c)
    np.testing.assert_allclose(
        geometry.compose(on, there), geometry.between_sizes(a, c), rtol=1e-9, atol=1e-6
    )
    np.testing.assert_allclose(geometry.invert(there), geometry.between_sizes(b, a), rtol=1e-9)
    ends = [[-0.5, -0.5], [a[1] - 0.5, a[0] - 0.5]]
    expected = [[-0.5, -0.5], [b[1] - 0.5, b[0] - 0.5]]
    np.testing.assert_allclose(geometry.apply(there, ends), expected, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-180, 180))
def test_a_fit_follows_what_its_target_does(seed: int, scale: float, degrees: float) -> None:
    """Moving the target by a similarity moves the fitted transform by it."""
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(2, 6, 2))
    moved = geometry.similarity(scale, degrees, shift=rng.normal(size=2))
    whole = geometry.fit_similarity(source, geometry.apply(moved, target))
    parts = geometry.compose(moved, geometry.fit_similarity(source, target))
    np.testing.assert_allclose(whole, parts, atol=1e-9 * scale)


# Heatmaps
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 99), st.data())
def test_the_order_of_an_aus_points_does_not_matter(
    counts: list[int], seed: int, data: st.DataObject
) -> None:
    owner = [a for a, count in enumerate(counts) for _ in range(count)]
    maps = np.random.default_rng(seed).normal(size=(2, len(owner), 5, 4))
    place = data.draw(st.permutations(range(len(owner))))
    order = sorted(place, key=lambda k: owner[k])
    np.testing.assert_array_equal(
        max_over_points(maps[:, order], owner), max_over_points(maps, owner)
    )
    np.testing.assert_allclose(
        mean_over_points(maps[:, order, 0, 0], owner), mean_over_points(maps[..., 0, 0], owner)
    )


# Metrics
@given(pairs(), st.floats(0.1, 10), st.floats(-5, 5))
def test_icc_and_pcc_do_not_see_a_common_scale(ratings: Floats, scale: float, shift: float) -> None:
    assume((ratings.std(0) > 1e-3).all())
    before, after = (Agreement.of(r[:, :1], r[:, 1:]) for r in (ratings, scale * ratings + shift))
    np.testing.assert_allclose(after.icc, before.icc, atol=1e-6)
    np.testing.assert_allclose(after.pcc, before.pcc, atol=1e-6)
    np.testing.assert_allclose(after.mae, scale * before.mae, rtol=1e-6)
    np.testing.assert_allclose(after.mse, scale**2 * before.mse, rtol=1e-6)


@given(pairs())
def test_metrics_by_other_ways(ratings: Floats) -> None:
    """Swapping judges changes nothing; ICC(3,1) never leaves what |PCC| allows; scipy's r."""
    p, y = ratings[:, :1], ratings[:, 1:]
    found, swapped = Agreement.of(p, y), Agreement.of(y, p)
    np.testing.assert_allclose(swapped.icc, found.icc, atol=1e-12)
    assert found.mae[0] == pytest.approx(np.abs(p - y).mean())
    assert found.mse[0] == pytest.approx(((p - y) ** 2).mean(), abs=1e-12)
    assert found.icc[0] == pytest.approx(icc31(ratings), abs=1e-9, nan_ok=True)
    if (ratings.std(0) > 1e-3).all():
        r = float(pearsonr(ratings[:, 0], ratings[:, 1]).statistic)
        assert found.pcc[0] == pytest.approx(r, abs=1e-6)
        assert abs(found.icc[0]) <= abs(r) + 1e-6


@given(pairs(4))
def test_matched_variance_makes_icc_the_correlation(ratings: Floats) -> None:
    """Without the clip, which only takes away: see `VarianceMatching`."""
    ratings = 2.5 + 0.1 * ratings  # far from both ends
    assume((ratings.std(0) > 0.05).all() and (ratings.std(0) < 0.5).all())
    rows = frames(len(ratings))
    given_ = Predictions.of(rows, ("AU12",), ratings[:, :1], {})
    given_ = replace(given_, table=given_.table.assign(AU12_label=ratings[:, 1]))
    matched = VarianceMatching.fit(given_).apply(given_)
    assume((matched.values() > 0).all() and (matched.values() < 5).all())
    assert matched.agreement().icc[0] == pytest.approx(given_.agreement().pcc[0], abs=1e-4)
