"""Figures 5 and 8: heatmaps where the network saw them, titles and curves of the true numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pingouin
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.facs import PAPER_AUS
from auheat.figures.face_maps import Faces, heat_colours
from auheat.figures.heatmap_panels import AgreementCurve, figure5, figure8
from drawn_figures import curve, drawn, faces, shown_images, words


def test_heatmaps_lie_where_the_network_saw_them() -> None:
    """Pixel centres at integers: map pixel i of 8 covers face pixels 5 i - 0.5 to 5 i + 4.5."""
    shown = faces(1)
    figure = figure5(shown, [], synthetic=False, aus=("AU12", "AU01"))
    (face_alone,), (face, heat), (_, other) = shown_images(figure)
    assert_array_equal(face_alone.get_array(), shown.images[0])
    assert face.get_extent() == list(heat.get_extent()) == [-0.5, 39.5, 39.5, -0.5]
    assert_allclose(heat.get_array(), shown.maps[0, PAPER_AUS.index("AU12")])
    assert_allclose(other.get_array(), shown.maps[0, 0])
    axes = heat.axes
    centre = (2 + 0.5) * 5 - 0.5  # of map pixel 2 in face pixels
    x0, x1, _, _ = heat.get_extent()
    assert centre == pytest.approx(x0 + (2 + 0.5) * (x1 - x0) / 8)
    assert axes.get_xlim() == (-0.5, 39.5) and axes.get_ylim() == (39.5, -0.5)


def test_every_heatmap_has_the_scale_0_to_5() -> None:
    for figure in (drawn("5"), drawn("8")):
        heats = [images[1] for images in shown_images(figure) if len(images) == 2]
        assert len(heats) == 12
        assert {heat.get_clim() for heat in heats} == {(0.0, 5.0)}
    colours = heat_colours()(np.linspace(0, 1, 256))
    assert colours[0, 3] == 0.0
    assert (np.diff(colours[:, 3]) >= 0).all() and colours[-1, 3] < 1
    lightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_titles_of_figure_5_hold_prediction_and_label() -> None:
    shown = faces()
    said = words(figure5(shown, [], synthetic=False, aus=("AU01", "AU02")))
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
        figure5(shown, [], synthetic=False, aus=PAPER_AUS)
    with pytest.raises(ValueError, match="1 to 6 AUs and 2 curves"):
        figure5(shown, [curve()] * 3, synthetic=False)


def test_curves_hold_the_numbers_and_the_icc_of_pingouin() -> None:
    seen = curve()
    figure = figure5(faces(1), [seen], synthetic=False)
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
    flat = AgreementCurve(np.arange(5), np.zeros(5), np.zeros(5), "AU05", "SN002")
    title = figure5(faces(1), [flat], synthetic=False).axes[-1].get_title("left")
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
    found = AgreementCurve.of(Predictions(table, {}), "a", "AU12")
    assert found.frames.tolist() == [1, 2, 3]
    assert found.predicted.tolist() == [0.1, 0.2, 0.3]
    assert found.labelled.tolist() == [1.0, 2.0, 3.0]
    for sequence, au in (("c", "AU12"), ("a", "AU01")):
        with pytest.raises(AuheatError, match=f"no predictions of {au} for sequence '{sequence}'"):
            AgreementCurve.of(Predictions(table, {}), sequence, au)


def test_figure_8_shows_both_networks_of_each_face() -> None:
    above, below = faces(), faces(seed=1)
    figure = figure8(above, below, synthetic=False, aus=("AU06", "AU12"))
    heats = [images[1].get_array() for images in shown_images(figure) if len(images) == 2]
    chosen = [PAPER_AUS.index(au) for au in ("AU06", "AU12")]
    expected = [faces.maps[row, a] for row in range(2) for faces in (above, below) for a in chosen]
    assert_allclose(heats, expected)
    said = words(figure)
    assert said.count("(a) with SCC") == said.count("(b) without SCC") == 2
    assert f"pred {below.predictions[1, chosen[0]]:.1f}" in said
    with pytest.raises(ValueError, match="the same images and labels"):
        figure8(above, replace(below, images=below.images + np.uint8(1)), synthetic=False)
