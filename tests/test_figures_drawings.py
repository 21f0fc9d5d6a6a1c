"""What is drawn: bars, curves and images hold the numbers, and no words overlap."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from auheat.errors import AuheatError
from auheat.facs import BP4D_AUS, DISFA_AUS, PAPER_AUS
from auheat.figures import style
from auheat.figures.channels import (
    Channels,
    figure7,
    most_discriminative_channels,
    most_discriminative_images,
)
from auheat.figures.distribution import figure4, level_counts
from auheat.figures.face_maps import Faces
from auheat.figures.neighbours import NeighbourCurve, figure6
from drawn_figures import (
    DRAWN,
    channels,
    drawn,
    faces,
    levels,
    neighbour_curve,
    shown_images,
    words,
)


@pytest.mark.parametrize("name", DRAWN)
def test_no_words_overlap_or_leave_the_figure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def recording(text: Text, renderer: RendererBase) -> None:
        if text.get_visible() and text.get_text().strip():
            boxes.append((text.get_text(), text.get_window_extent(renderer)))
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", recording)
    figure = drawn(name, True)
    figure.canvas.draw()
    assert len(boxes) > 15
    for said, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0, said
        assert box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height, said
    for (said, a), (other, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or down < 1, (said, other)


@pytest.mark.parametrize("name", DRAWN)
def test_synthetic_faces_are_called_that(name: str) -> None:
    assert any("synthetic faces" in said for said in words(drawn(name, True)))
    assert not any("synthetic" in said for said in words(drawn(name)))


def test_what_is_saved_is_the_same_every_time(tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    first, second = (
        style.save(DRAWN["5, one"](True), tmp_path / name / "figure5") for name in ("a", "b")
    )
    assert [path.name for path in first] == ["figure5.png", "figure5.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"<dc:date>" not in first[1].read_bytes()
    with Image.open(first[0]) as image:
        assert image.size[0] == 1400  # 7 inches at 200 dpi
    assert matplotlib.rcParams.copy() == before  # no setting stays
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"figure5.png", "figure5.svg"}


def test_figures_go_without_pyplot_and_other_canvases() -> None:
    assert isinstance(drawn("6").canvas, FigureCanvasAgg)


def test_without_matplotlib_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AuheatError, match=r"pip install 'auheat\[train\]'"):
        DRAWN["6"](False)


def test_labels_are_counted_by_the_nearest_level() -> None:
    """Halves go up, NaN is left out."""
    labels = [[0.0, 0.49], [0.5, 1.5], [np.nan, 2.5], [4.49, 5.0], [4.5, 5.0]]
    assert level_counts(labels).T.tolist() == [[1, 1, 0, 0, 1, 1], [1, 0, 1, 1, 0, 2]]


def test_the_bars_of_figure_4_are_the_counts() -> None:
    labels = {"BP4D": levels(5), "DISFA": levels() + 0.25}
    figure = figure4(labels, {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS}, synthetic=False)
    for axes, (name, aus) in zip(
        figure.axes, (("BP4D", BP4D_AUS), ("DISFA", DISFA_AUS)), strict=True
    ):
        heights = np.array([[bar.get_height() for bar in bars] for bars in axes.containers])
        whole = np.floor(labels[name])  # .25 above a level
        independent = [
            pd.Series(whole[:, a]).value_counts().reindex(range(6), fill_value=0)
            for a in range(len(aus))
        ]
        assert_array_equal(heights, np.stack(independent, 1))
        assert axes.get_yscale() == "log"
        assert axes.get_title() == f"{name} (3,000 images)"
        assert [tick.get_text() for tick in axes.get_xticklabels()] == list(aus)
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    titles = [axes.get_title() for axes in drawn("4", True).axes]
    assert titles == [f"{name} look-alike (3,000 images)" for name in ("BP4D", "DISFA")]
    assert any("rounded to the nearest" in said for said in words(figure))
    assert not any("rounded" in said for said in words(drawn("4, small")))
    mixed = figure4(labels, {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS}, synthetic=["DISFA"])
    titles = [axes.get_title() for axes in mixed.axes]
    assert titles == ["BP4D (3,000 images)", "DISFA look-alike (3,000 images)"]
    assert any(said.startswith("synthetic faces: DISFA; log") for said in words(mixed))
    with pytest.raises(ValueError, match=r"X: labels \(3000, 12\) for 5 Action Units"):
        figure4({"X": levels()}, {"X": BP4D_AUS}, synthetic=False)


def test_figure_6_has_both_curves_with_their_bars() -> None:
    shown = neighbour_curve()
    figure = figure6(shown, False)
    spans = {"ICC(3,1)": 0.10, "MAE (levels)": 0.05}
    for axes, values, deviation in zip(
        figure.axes, (shown.icc, shown.mae), (0.02, 0.01), strict=True
    ):
        bars: Any = axes.containers[0]
        assert_array_equal(bars.lines[0].get_xdata(), range(1, 16))
        assert_allclose(bars.lines[0].get_ydata(), values)
        ends = np.array(bars.lines[2][0].get_segments())[:, :, 1]
        assert_allclose(ends[:, 1] - ends[:, 0], 2 * deviation)
        low, high = axes.get_ylim()
        assert low < ends.min() and ends.max() < high
        assert high - low >= spans[axes.get_ylabel()] - 1e-9
    assert any("standard deviation between folds" in said for said in words(figure))
    assert any(re.search(r"dotted: k = 7", said) for said in words(figure))
    plain = figure6(NeighbourCurve([5, 7], [0.5, 0.5], [0.2, 0.2]), False)
    assert np.ptp(plain.axes[0].get_ylim()) == pytest.approx(0.10)
    assert not any("bars" in said or "dotted" in said for said in words(plain))
    with pytest.raises(ValueError, match="every k has one ICC"):
        NeighbourCurve([5, 7], [0.5], [0.2, 0.2])


def test_figure_7_shows_the_chosen_channels() -> None:
    shown = channels()
    assert most_discriminative_channels(shown.weights) == (4, 2)
    for chosen, said in (
        ((0, 1), "channels 1 and 2 of 6, the first two as in the paper"),
        ((4, 2), "channels 5 and 3 of 6, those with the largest weights"),
        ((2, 4), "channels 3 and 5 of 6"),
    ):
        figure = figure7(shown, False, channels=chosen)
        assert any(word.startswith(f"{said}; weights are means") for word in words(figure))
        bars = [[bar.get_height() for bar in axes.containers[0]] for axes in figure.axes[:2]]
        assert_allclose(bars, shown.weights[:, list(chosen)].T)
        for axes, channel in zip(figure.axes[:2], chosen, strict=True):
            assert axes.get_ylim()[1] == pytest.approx(
                1.08 * np.abs(shown.weights[:, channel]).max()
            )
        heats = [images[1] for images in shown_images(figure) if len(images) == 2]
        highest = shown.responses.max((0, 2, 3))
        expected = [
            shown.responses[row, channel] / highest[channel]
            for row in range(2)
            for channel in chosen
        ]
        assert_allclose([heat.get_array() for heat in heats], expected)
        assert {heat.get_clim() for heat in heats} == {(0.0, 1.0)}


def test_telling_images_move_one_channel_and_not_the_other() -> None:
    """Channel 1 is a hundred times louder, which must not decide."""
    responses = np.zeros((4, 3, 2, 2))
    responses[:, 0, 1, 1] = [0.5, 1.0, 0.9, 0.1]
    responses[:, 1, 0, 1] = [50.0, 90.0, 10.0, 100.0]
    assert most_discriminative_images(responses) == (2, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    shown, seen = faces(), channels()
    with pytest.raises(ValueError, match=r"maps .* expected \(2, 13\)"):
        Faces(shown.images, shown.maps, shown.predictions, shown.labels, PAPER_AUS[1:])
    with pytest.raises(ValueError, match="do not fit 11 AUs"):
        Channels(seen.weights, seen.images, seen.responses, DISFA_AUS[1:])
