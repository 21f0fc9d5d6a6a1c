"""What is drawn: bars, curves and pictures hold the numbers, and no words overlap."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pingouin
import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.facs import BP4D_AUS, DISFA_AUS, PAPER_AUS
from auheat.figures import style
from auheat.figures.channels import Channels, figure7, telling_channels, telling_pictures
from auheat.figures.distribution import figure4, level_counts
from auheat.figures.face_maps import Faces, heat_colours
from auheat.figures.heatmap_panels import Curve, figure5, figure8
from auheat.figures.sweep import Sweep, figure6


def faces(count: int = 2, aus: tuple[str, ...] = PAPER_AUS, seed: int = 0) -> Faces:
    """Noise pictures of 40 x 40 under maps of 8 x 8; of all labels one is missing."""
    pictures, rng = np.random.default_rng(0), np.random.default_rng(seed)
    labels = pictures.uniform(0, 5, (count, len(aus)))
    labels[:, 0] = 3.0
    labels[0, 1] = np.nan
    return Faces(
        pictures.integers(0, 255, (count, 40, 40, 3)).astype(np.uint8),
        rng.uniform(0, 5, (count, len(aus), 8, 8)),
        rng.uniform(0, 5, (count, len(aus))),
        labels,
        aus,
    )


def curve(au: str = "AU12") -> Curve:
    rng = np.random.default_rng(3)
    labelled = np.repeat([0.0, 2.0, 5.0, 1.0, 0.0], 20)
    predicted = np.clip(labelled + rng.normal(0, 0.7, 100), 0, 5)
    predicted[7], labelled[11] = np.nan, np.nan
    return Curve(np.arange(1, 101), predicted, labelled, au, "SN001")


def channels() -> Channels:
    rng = np.random.default_rng(4)
    weights = rng.normal(0, 0.01, (12, 6))
    weights[3, 4], weights[5, 2] = 0.3, -0.2
    responses = rng.uniform(0, 1, (2, 6, 8, 8))
    images = rng.integers(0, 255, (2, 40, 40, 3)).astype(np.uint8)
    return Channels(weights, images, responses, DISFA_AUS)


def levels(aus: int = 12) -> np.ndarray:
    labels = np.minimum(np.random.default_rng(5).geometric(0.6, (3000, aus)) - 1, 5).astype(float)
    labels[:10, 0] = np.nan
    return labels


def sweep() -> Sweep:
    rng = np.random.default_rng(6)
    icc, mae = 0.45 + 0.01 * rng.normal(size=15), 0.2 + 0.004 * rng.normal(size=15)
    return Sweep(range(1, 16), icc, mae, np.full(15, 0.02), np.full(15, 0.01), "folds", 7)


_DRAWN: dict[str, Callable[[bool], Figure]] = {
    "4": lambda synthetic: figure4(
        {"BP4D": levels(5), "DISFA": levels() + 0.25},
        {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS},
        synthetic,
    ),
    "4, small": lambda synthetic: figure4({"BP4D": levels(5)}, {"BP4D": BP4D_AUS}, synthetic),
    "5": lambda synthetic: figure5(faces(), [curve(), curve("AU06")], synthetic, data="fold 1"),
    "5, one": lambda synthetic: figure5(faces(1), [curve()], synthetic, BP4D_AUS),
    "6": lambda synthetic: figure6(sweep(), synthetic, "made like DISFA, preset light"),
    "7": lambda synthetic: figure7(channels(), synthetic),
    "8": lambda synthetic: figure8(faces(1), faces(1, seed=1), synthetic, data="fold 1"),
}


@cache
def drawn(name: str, synthetic: bool = False) -> Figure:
    """A figure that several tests look at and none changes."""
    return _DRAWN[name](synthetic)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def pictures(figure: Figure) -> list[list[AxesImage]]:
    """The pictures in each pair of axes that has any, bottom first; no scales."""
    return [list(axes.images) for axes in figure.axes if axes.images]


@pytest.mark.parametrize("name", _DRAWN)
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


@pytest.mark.parametrize("name", _DRAWN)
def test_synthetic_faces_are_called_that(name: str) -> None:
    assert any("synthetic faces" in said for said in words(drawn(name, True)))
    assert not any("synthetic" in said for said in words(drawn(name)))


def test_what_is_saved_is_the_same_every_time(tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    first, second = (
        style.save(_DRAWN["5, one"](True), tmp_path / name / "figure5") for name in ("a", "b")
    )
    assert [path.name for path in first] == ["figure5.png", "figure5.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"<dc:date>" not in first[1].read_bytes()
    assert Image.open(first[0]).size[0] == 1400  # 7 inches at 200 dpi
    assert matplotlib.rcParams.copy() == before  # no setting stays
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"figure5.png", "figure5.svg"}


def test_figures_go_without_pyplot_and_other_canvases() -> None:
    assert isinstance(drawn("6").canvas, FigureCanvasAgg)


def test_without_matplotlib_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AuheatError, match=r"pip install 'auheat\[train\]'"):
        _DRAWN["6"](False)


def test_labels_are_counted_by_the_nearest_level() -> None:
    """Halves go up, NaN is left out."""
    labels = [[0.0, 0.49], [0.5, 1.5], [np.nan, 2.5], [4.49, 5.0], [4.5, 5.0]]
    assert level_counts(labels).T.tolist() == [[1, 1, 0, 0, 1, 1], [1, 0, 1, 1, 0, 2]]


def test_the_bars_of_figure_4_are_the_counts() -> None:
    labels = {"BP4D": levels(5), "DISFA": levels() + 0.25}
    figure = figure4(labels, {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS}, False)
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
        assert axes.get_title() == f"{name} (3,000 pictures)"
        assert [tick.get_text() for tick in axes.get_xticklabels()] == list(aus)
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    titles = [axes.get_title() for axes in drawn("4", True).axes]
    assert titles == [f"{name} look-alike (3,000 pictures)" for name in ("BP4D", "DISFA")]
    assert any("rounded to the nearest" in said for said in words(figure))
    assert not any("rounded" in said for said in words(drawn("4, small")))
    with pytest.raises(ValueError, match=r"X: labels \(3000, 12\) for 5 Action Units"):
        figure4({"X": levels()}, {"X": BP4D_AUS}, False)


def test_heatmaps_lie_where_the_network_saw_them() -> None:
    """Pixel centres at integers: map pixel i of 8 covers face pixels 5 i - 0.5 to 5 i + 4.5."""
    shown = faces(1)
    figure = figure5(shown, [], False, ("AU12", "AU01"))
    (face_alone,), (face, heat), (_, other) = pictures(figure)
    assert_array_equal(face_alone.get_array(), shown.images[0])
    assert face.get_extent() == heat.get_extent() == [-0.5, 39.5, 39.5, -0.5]
    assert_allclose(heat.get_array(), shown.maps[0, PAPER_AUS.index("AU12")])
    assert_allclose(other.get_array(), shown.maps[0, 0])
    axes = heat.axes
    centre = (2 + 0.5) * 5 - 0.5  # of map pixel 2 in face pixels
    x0, x1, _, _ = heat.get_extent()
    assert centre == pytest.approx(x0 + (2 + 0.5) * (x1 - x0) / 8)
    assert axes.get_xlim() == (-0.5, 39.5) and axes.get_ylim() == (39.5, -0.5)


def test_every_heatmap_has_the_scale_0_to_5() -> None:
    for figure in (drawn("5"), drawn("8")):
        heats = [images[1] for images in pictures(figure) if len(images) == 2]
        assert len(heats) == 12
        assert {heat.get_clim() for heat in heats} == {(0.0, 5.0)}
    colours = heat_colours()(np.linspace(0, 1, 256))
    assert colours[0, 3] == 0.0
    assert (np.diff(colours[:, 3]) >= 0).all() and colours[-1, 3] < 1
    lightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_titles_of_figure_5_hold_prediction_and_label() -> None:
    shown = faces()
    said = words(figure5(shown, [], False, ("AU01", "AU02")))
    for row in range(2):
        assert f"AU01\npred {shown.predictions[row, 0]:.1f} | label 3" in said
    assert f"AU02\npred {shown.predictions[0, 1]:.1f} | label –" in said
    assert f"AU02\npred {shown.predictions[1, 1]:.1f} | label {shown.labels[1, 1]:.1f}" in said


def test_the_strongest_aus_are_shown_unless_others_are_named() -> None:
    shown = faces()
    labels = np.zeros_like(shown.labels)
    labels[:, [9, 2]], labels[1, 5] = 2.0, 3.0
    shown = Faces(shown.images, shown.maps, shown.predictions, labels, shown.aus)
    assert shown.strongest(3) == tuple(PAPER_AUS[a] for a in (2, 5, 9))
    with pytest.raises(ValueError, match="1 to 6 AUs and 2 curves"):
        figure5(shown, [], False, PAPER_AUS)
    with pytest.raises(ValueError, match="1 to 6 AUs and 2 curves"):
        figure5(shown, [curve()] * 3, False)


def test_curves_hold_the_numbers_and_the_icc_of_pingouin() -> None:
    seen = curve()
    figure = figure5(faces(1), [seen], False)
    axes = figure.axes[-1]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert_array_equal(lines["label"], seen.labelled)
    assert_array_equal(lines["predicted"], seen.predicted)
    table = pd.DataFrame({"p": seen.predicted, "y": seen.labelled}).dropna().reset_index()
    long = table.melt("index", ["p", "y"])
    found = pingouin.intraclass_corr(long, "index", "variable", "value").set_index("Type")["ICC"]
    expected = found[next(kind for kind in found.index if kind in ("ICC3", "ICC(C,1)"))]
    assert seen.icc == pytest.approx(expected, abs=1e-6)
    assert axes.get_title("left") == f"AU12, SN001: ICC {expected:.2f}"
    flat = Curve(np.arange(5), np.zeros(5), np.zeros(5), "AU05", "SN002")
    title = figure5(faces(1), [flat], False).axes[-1].get_title("left")
    assert title == "AU05, SN002: ICC not defined"


def test_a_curve_is_one_sequence_in_order() -> None:
    table = pd.DataFrame(
        {
            "sequence": ["b", "a", "a", "b", "a"],
            "frame": [1, 3, 1, 2, 2],
            "AU12": [9, 0.3, 0.1, 9, 0.2],
            "AU12_label": [9, 3.0, 1.0, 9, 2.0],
        }
    )
    found = Curve.of(Predictions(table, {}), "a", "AU12")
    assert found.frames.tolist() == [1, 2, 3]
    assert found.predicted.tolist() == [0.1, 0.2, 0.3]
    assert found.labelled.tolist() == [1.0, 2.0, 3.0]
    for sequence, au in (("c", "AU12"), ("a", "AU01")):
        with pytest.raises(AuheatError, match=f"no predictions of {au} for sequence '{sequence}'"):
            Curve.of(Predictions(table, {}), sequence, au)


def test_figure_8_shows_both_networks_of_each_face() -> None:
    above, below = faces(), faces(seed=1)
    figure = figure8(above, below, False, ("AU06", "AU12"))
    heats = [images[1].get_array() for images in pictures(figure) if len(images) == 2]
    chosen = [PAPER_AUS.index(au) for au in ("AU06", "AU12")]
    expected = [faces.maps[row, a] for row in range(2) for faces in (above, below) for a in chosen]
    assert_allclose(heats, expected)
    said = words(figure)
    assert said.count("(a) with SCC") == said.count("(b) without SCC") == 2
    assert f"pred {below.predictions[1, chosen[0]]:.1f}" in said
    with pytest.raises(ValueError, match="the same pictures and labels"):
        figure8(above, Faces(below.images + 1, below.maps, below.maps[..., 0, 0], above.labels,
                             PAPER_AUS), False)  # fmt: skip


def test_figure_6_has_both_curves_with_their_bars() -> None:
    shown = sweep()
    figure = figure6(shown, False)
    spans = {"ICC(3,1)": 0.10, "MAE (levels)": 0.05}
    for axes, values, deviation in zip(
        figure.axes, (shown.icc, shown.mae), (0.02, 0.01), strict=True
    ):
        (bars,) = axes.containers
        assert_array_equal(bars.lines[0].get_xdata(), range(1, 16))
        assert_allclose(bars.lines[0].get_ydata(), values)
        ends = np.array(bars.lines[2][0].get_segments())[:, :, 1]
        assert_allclose(ends[:, 1] - ends[:, 0], 2 * deviation)
        low, high = axes.get_ylim()
        assert low < ends.min() and ends.max() < high
        assert high - low >= spans[axes.get_ylabel()] - 1e-9
    assert any("standard deviation between folds" in said for said in words(figure))
    assert any(re.search(r"dotted: k = 7", said) for said in words(figure))
    plain = figure6(Sweep([5, 7], [0.5, 0.5], [0.2, 0.2]), False)
    assert np.ptp(plain.axes[0].get_ylim()) == pytest.approx(0.10)
    assert not any("bars" in said or "dotted" in said for said in words(plain))
    with pytest.raises(ValueError, match="every k has one ICC"):
        Sweep([5, 7], [0.5], [0.2, 0.2])


def test_figure_7_shows_the_chosen_channels() -> None:
    shown = channels()
    assert telling_channels(shown.weights) == (4, 2)
    for chosen, said in (
        ((0, 1), "channels 1 and 2 of 6, the first two as in the paper"),
        ((4, 2), "channels 5 and 3 of 6, those with the largest weights"),
        ((2, 4), "channels 3 and 5 of 6"),
    ):
        figure = figure7(shown, False, chosen)
        assert said in words(figure)
        bars = [[bar.get_height() for bar in axes.containers[0]] for axes in figure.axes[:2]]
        assert_allclose(bars, shown.weights[:, list(chosen)].T)
        assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
        heats = [images[1] for images in pictures(figure) if len(images) == 2]
        expected = [shown.responses[row, channel] for row in range(2) for channel in chosen]
        assert_allclose([heat.get_array() for heat in heats], expected)
        most = shown.responses[:, list(chosen)].max()
        assert {heat.get_clim() for heat in heats} == {(0.0, most)}


def test_telling_pictures_move_one_channel_and_not_the_other() -> None:
    """Channel 1 is a hundred times louder, which must not decide."""
    responses = np.zeros((4, 3, 2, 2))
    responses[:, 0, 1, 1] = [0.5, 1.0, 0.9, 0.1]
    responses[:, 1, 0, 1] = [50.0, 90.0, 10.0, 100.0]
    assert telling_pictures(responses) == (2, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    shown, seen = faces(), channels()
    with pytest.raises(ValueError, match=r"maps .* expected \(2, 13\)"):
        Faces(shown.images, shown.maps, shown.predictions, shown.labels, PAPER_AUS[1:])
    with pytest.raises(ValueError, match="do not fit 11 AUs"):
        Channels(seen.weights, seen.images, seen.responses, DISFA_AUS[1:])
