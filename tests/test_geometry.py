from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from auheat import geometry

Array = NDArray[np.float64]
numbers = st.floats(-500, 500)


@st.composite
def similarities(draw: st.DrawFn) -> Array:
    scale, degrees = draw(st.floats(0.05, 20)), draw(st.floats(-360, 360))
    return geometry.similarity(scale, degrees, shift=(draw(numbers), draw(numbers)))


def square_matrix(transform: Array) -> Array:
    return np.vstack([transform, [0, 0, 1]])


def solve_similarity(source: Array, target: Array) -> Array:
    """The four parameters (a, b, dx, dy) of [[a, -b], [b, a]] by numpy's least squares."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    a, b, dx, dy = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return np.array([[a, -b, dx], [b, a, dy]])


def test_convention_positive_degrees_turn_from_x_towards_y() -> None:
    turn = geometry.similarity(2.0, 90.0, shift=(10, 20))
    np.testing.assert_allclose(geometry.apply(turn, [1, 0]), [10, 22], atol=1e-12)
    np.testing.assert_allclose(geometry.apply(turn, [[0, 1], [0, 0]]), [[8, 20], [10, 20]])


@given(similarities(), st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_apply_is_the_matrix_product(transform: Array, points: list[tuple[float, float]]) -> None:
    expected = [(square_matrix(transform) @ [x, y, 1])[:2] for x, y in points]
    np.testing.assert_allclose(geometry.apply(transform, points), expected, atol=1e-8)


def test_apply_keeps_leading_dimensions() -> None:
    points = np.arange(24.0).reshape(2, 3, 2, 2)
    moved = geometry.apply(np.array([[1.0, 2, 3], [4, 5, 6]]), points)
    assert moved.shape == points.shape
    x, y = points[1, 2, 0]
    np.testing.assert_allclose(moved[1, 2, 0], [x + 2 * y + 3, 4 * x + 5 * y + 6])


@given(similarities(), similarities())
def test_compose_and_invert_are_those_of_3x3_matrices(first: Array, second: Array) -> None:
    joined = geometry.compose(second, first)
    expected = square_matrix(second) @ square_matrix(first)
    np.testing.assert_allclose(joined, expected[:2], rtol=1e-9, atol=1e-8)
    inverse = np.linalg.inv(square_matrix(first))[:2]
    np.testing.assert_allclose(geometry.invert(first), inverse, rtol=1e-9, atol=1e-8)


def test_invert_of_a_general_affine_and_of_a_singular_one() -> None:
    affine = np.array([[2.0, 1, 5], [0.5, -3, -7]])
    points = np.random.default_rng(0).normal(size=(9, 2))
    back = geometry.apply(geometry.invert(affine), geometry.apply(affine, points))
    np.testing.assert_allclose(back, points, atol=1e-12)
    with pytest.raises(ValueError, match="singular"):
        geometry.invert(np.array([[1.0, 2, 0], [2, 4, 0]]))


@given(similarities(), numbers, numbers)
def test_about_moves_its_centre_only_by_the_shift(transform: Array, x: float, y: float) -> None:
    moved = geometry.about(transform, (x, y))
    np.testing.assert_allclose(
        geometry.apply(moved, [x, y]), [x, y] + transform[:, 2], rtol=1e-9, atol=1e-7
    )
    np.testing.assert_allclose(moved[:, :2], transform[:, :2])


@given(similarities())
def test_fit_recovers_an_exact_similarity(transform: Array) -> None:
    source = np.array([[0.0, 0], [10, 3], [-4, 8], [6, -9]])
    found = geometry.fit_similarity(source, geometry.apply(transform, source))
    np.testing.assert_allclose(found, transform, rtol=1e-9, atol=1e-8)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_fit_is_the_least_squares_solution(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    source, target = rng.normal(0, 40, (2, count, 2)) + rng.normal(0, 100, (2, 1, 2))
    np.testing.assert_allclose(
        geometry.fit_similarity(source, target), solve_similarity(source, target), atol=1e-8
    )


def test_fit_never_reflects() -> None:
    source = np.array([[0.0, 0], [2, 0], [0, 1], [3, 5]])
    fitted = geometry.fit_similarity(source, source * [-1, 1])
    assert np.linalg.det(fitted[:, :2]) > 0
    # The residual is therefore large: a reflection is refused, not approximated by one.
    assert np.abs(geometry.apply(fitted, source) - source * [-1, 1]).max() > 1


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([[5, 5], [5, 5], [5, 5]], [[0, 0], [1, 0], [0, 1]]),
        ([[0, 0], [1, np.nan], [0, 1]], [[0, 0], [1, 0], [0, 1]]),
        ([[0, 0], [1, 0], [0, 1]], [[0, 0], [np.inf, 0], [0, 1]]),
    ],
)
def test_fit_refuses_degenerate_points(source: object, target: object) -> None:
    with pytest.raises(ValueError, match="cannot fit"):
        geometry.fit_similarity(source, target)  # type: ignore[arg-type]


@given(similarities())
def test_scale_of_is_the_length_ratio(transform: Array) -> None:
    p, q = geometry.apply(transform, [[0, 0], [3, 4]])
    assert geometry.scale_of(transform) == pytest.approx(np.linalg.norm(q - p) / 5)


def test_scale_of_ignores_reflection_and_means_over_axes() -> None:
    assert geometry.scale_of(np.array([[-2.0, 0, 9], [0, 8, 9]])) == pytest.approx(4)


def test_boxes() -> None:
    box = geometry.bounding_box([[3, 9], [-1, 4], [2, 5]])
    assert box.tolist() == [-1, 4, 3, 9]
    # Centre (1, 6.5), longer side 5, twice that.
    assert geometry.square_around(box, 2.0).tolist() == [-4, 1.5, 6, 11.5]
