"""The paper's tables: what is printed, and what is ours."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from auheat.config import ModelConfig
from auheat.facs import BP4D_AUS, DISFA_AUS
from auheat.figures.paper_tables import table1, table1_beside, table2, table3
from auheat.figures.printed import ADOPTED, TABLE_1, TABLE_2, TABLE_3
from auheat.figures.rows import design_cells
from auheat.figures.tables import Cell, Group, Table
from table_rows import MEASURED, row


def bold(table: Table) -> set[tuple[str, str, str]]:
    """(group, first cell, head) of every bold cell."""
    return {
        (group.title, cells[0].text, head)
        for group in table.groups
        for cells in group.rows
        for head, cell in zip(table.head, cells, strict=True)
        if cell.bold
    }


def texts(table: Table, title: str) -> list[list[str]]:
    return [[c.text for c in cells] for g in table.groups if g.title == title for cells in g.rows]


def test_spot_values_of_what_is_printed() -> None:
    """Read off the paper's page, in another order than the module has them."""
    disfa = {method.name: method for method in TABLE_1["DISFA"]}
    bp4d = {method.name: method for method in TABLE_1["BP4D"]}
    assert list(disfa) == list(bp4d)
    assert list(disfa)[:4] == list(ADOPTED)
    assert list(disfa)[4:] == ["ResNet-Deconv", "Hourglass", "SCC-Heatmap"]
    assert disfa["SCC-Heatmap"].icc["AU01"] == 0.73
    assert disfa["SCC-Heatmap"].mae["AU26"] == 0.32
    assert disfa["KJRE"].mae["AU04"] == 1.86
    assert disfa["CCNN-IT"].icc["AU15"] == 0.29
    assert disfa["Hourglass"].icc["AU12"] == 0.81
    assert disfa["KBSS"].mae["AU05"] == 0.08
    assert bp4d["CCNN-IT"].mae["AU14"] == 1.65
    assert bp4d["SCC-Heatmap"].icc["AU14"] == 0.68
    assert bp4d["ResNet-Deconv"].mae["AU17"] == 0.39
    assert bp4d["BORMIR"].icc["AU17"] == 0.47
    assert {m.name for m in TABLE_1["DISFA"] if m.adopted} == set(ADOPTED)
    assert disfa["KBSS"].adopted == "Zhang et al. 2018a"


def test_printed_averages_are_those_of_the_printed_aus() -> None:
    """Within rounding, but for the twelve figures of KBSS: their mean is .336, printed as .33."""
    for database, methods in TABLE_1.items():
        for method in methods:
            assert tuple(method.icc) == (BP4D_AUS if database == "BP4D" else DISFA_AUS)
            for metric, values, mean in (
                ("icc", method.icc, method.mean_icc),
                ("mae", method.mae, method.mean_mae),
            ):
                distance = abs(np.mean(list(values.values())) - mean)
                listed = (database, method.name, metric) == ("DISFA", "KBSS", "mae")
                assert (distance > 0.005 + 1e-9) == listed, (database, method.name, metric)
                assert distance < 0.006


def test_the_ablations_start_from_the_row_of_table_1() -> None:
    ours = TABLE_1["DISFA"][-1]
    for setting in (TABLE_2[0], TABLE_3[0]):
        assert (setting.icc, setting.mae) == (ours.mean_icc, ours.mean_mae)
    assert [(s.letter, s.design["HR"], s.design["SCC"], s.icc, s.mae) for s in TABLE_2] == [
        ("a", "64 × 64", "yes", 0.47, 0.20),
        ("b", "64 × 64", "no", 0.40, 0.21),
        ("c", "32 × 32", "yes", 0.44, 0.23),
        ("d", "32 × 32", "no", 0.38, 0.25),
    ]
    assert [(s.letter, s.icc, s.mae) for s in TABLE_3[1:]] == [("f", 0.43, 0.22), ("g", 0.38, 0.21)]


def test_printed_rows_and_ours_never_share_a_group() -> None:
    ours = [row("SCC-Heatmap", 0.5, 0.3), row("all zero", math.nan, 0.4, kind="control")]
    table = table1("DISFA", ours, MEASURED)
    assert [group.title for group in table.groups] == [
        "ICC, printed (DISFA)",
        "ICC, ours (synthetic, DISFA look-alike)",
        "ICC, controls (synthetic, DISFA look-alike)",
        "MAE, printed (DISFA)",
        "MAE, ours (synthetic, DISFA look-alike)",
        "MAE, controls (synthetic, DISFA look-alike)",
    ]
    assert len(table.groups[0].rows) == len(table.groups[3].rows) == 7
    assert texts(table, table.groups[4].title) == [["SCC-Heatmap", *[".30"] * 13]]
    assert texts(table, table.groups[2].title) == [["all zero", *["–"] * 13]]
    printed = " ".join(texts(table, "MAE, printed (DISFA)")[1])
    assert printed == "CCNN-IT* .73 .72 1.03 .21 .72 .51 .72 .43 .50 .44 1.16 .79 .66"


@pytest.mark.parametrize("make", [lambda o, m: table1("DISFA", o, m), table2, table3])
def test_the_first_sentence_says_what_was_measured(make: Any) -> None:
    design = {"DL": "3", "HR": "32 × 32", "SCC": "yes", "EF": "f_j − f_i"}
    ours = [row("SCC-Heatmap", 0.5, 0.3, design=design)]
    assert make(ours, MEASURED).caption.startswith(
        "Our rows were measured on synthetic faces, a look-alike of DISFA: 3 folds by subject, "
        "12,960 test images of 27 subjects, 3 seeds, preset light. "
    )
    real = replace(MEASURED, synthetic=False, seeds=1)
    assert make(ours, real).caption.startswith("Our rows were measured on DISFA: ")
    assert "1 seed, preset" in make(ours, real).caption
    titles = [group.title for group in make(ours, real).groups]
    assert not any("synthetic" in title for title in titles)
    assert any(title.endswith("ours (DISFA)") for title in titles)
    assert make([], None).caption.startswith("Figures as printed in the paper; nothing of ours")


def test_bold_is_the_best_of_our_methods_alone() -> None:
    """Highest ICC, lowest MAE, as printed with two decimals; ties are both bold."""
    first, second = row("a", 0.5, 0.30), row("b", 0.4, 0.20)
    first = replace(first, icc={**first.icc, "AU02": math.nan})
    second = replace(second, icc={**second.icc, "AU04": 0.504})
    ours = [
        first,
        second,
        row("a", 0.99, 0.01, kind="matched"),
        row("all zero", 0.99, 0.0, kind="control"),
    ]
    icc, mae = (f"{metric}, ours (synthetic, DISFA look-alike)" for metric in ("ICC", "MAE"))
    assert bold(table1("DISFA", ours, MEASURED)) == {
        *((icc, "a", au) for au in (*DISFA_AUS, "Avg.") if au != "AU02"),
        (icc, "b", "AU02"),
        (icc, "b", "AU04"),
        *((mae, "b", au) for au in (*DISFA_AUS, "Avg.")),
    }
    assert not bold(table1("DISFA", [first, *ours[2:]], MEASURED))  # nothing to be better than


def test_table_1_of_both_keeps_the_columns_and_bold_of_each() -> None:
    bp4d = replace(MEASURED, database="BP4D", synthetic=False, images=75_586)
    left = [row("a", 0.5, 0.3, aus=BP4D_AUS), row("b", 0.4, 0.2, aus=BP4D_AUS)]
    right = [row("a", 0.1, 0.9), row("b", 0.2, 1.1, icc_interval=(0.1, 0.3))]
    table = table1_beside([(left, bp4d), (right, MEASURED)])
    assert table.head[5:8] == ("AU17", "Avg.", "AU01")
    assert table.above == ("", *["BP4D"] * 6, *["DISFA"] * 14)
    icc, mae = (f"{m}, ours (BP4D; synthetic, DISFA look-alike)" for m in ("ICC", "MAE"))
    assert texts(table, icc) == [
        ["a", *[".50"] * 6, *[".10"] * 13, ""],
        ["b", *[".40"] * 6, *[".20"] * 13, "[.10, .30]"],
    ]
    best = {
        (group.title, cells[0].text, head)
        for group in table.groups
        for cells in group.rows
        for head, cell in zip(table.columns, cells, strict=True)
        if cell.bold
    }
    of_bp4d = [f"BP4D {au}" for au in (*BP4D_AUS, "Avg.")]
    of_disfa = [f"DISFA {au}" for au in (*DISFA_AUS, "Avg.")]
    assert best == {
        *((icc, "a", head) for head in of_bp4d),
        *((icc, "b", head) for head in of_disfa),
        *((mae, "b", head) for head in of_bp4d),
        *((mae, "a", head) for head in of_disfa),
    }
    assert table.caption.startswith("Our rows were measured on BP4D: ")
    assert "75,586 test images" in table.caption.split("; on synthetic faces, a look-alike of D")[0]
    assert len(table.notes) == 1
    noted = [(replace(half[0], note="better"), half[1]) for half in (left, right)]
    table = table1_beside(list(zip(noted, (bp4d, MEASURED), strict=True)))
    assert table.notes[1:] == ("BP4D, a: better", "DISFA, a: better")
    with pytest.raises(ValueError, match="rows of different methods side by side: a, c"):
        table1_beside([(left[:1], bp4d), ([row("c", 0.1, 0.9)], MEASURED)])


def test_spread_interval_seeds_and_notes() -> None:
    a = row(
        "SCC-Heatmap", 0.456, 0.3, seeds=3, icc_spread=0.0123, icc_interval=(-0.004, 1.0), note="n"
    )
    table = table1("DISFA", [a, row("plain", -0.051, 1.2)], MEASURED)
    assert table.head[-2:] == ("Avg.", "95 % interval")
    lines = texts(table, table.groups[1].title)
    assert lines[0][0] == "SCC-Heatmap (3 seeds)"
    assert lines[0][-2:] == [".46 ± .01", "[.00, 1.00]"]
    assert lines[1][-2:] == ["-.05", ""]
    assert texts(table, table.groups[3].title)[1][-2:] == ["1.20", ""]
    assert table.notes[-1] == "SCC-Heatmap: n"
    assert "±: standard deviation between seeds" in table.caption


def test_rows_of_other_data_are_refused() -> None:
    ours = [row("a", 0.5, 0.3)]
    with pytest.raises(ValueError, match="DISFA do not belong in a table of BP4D"):
        table1("BP4D", ours, MEASURED)
    with pytest.raises(ValueError, match="a row of BP4D has the AUs AU06"):
        table1("BP4D", ours, replace(MEASURED, database="BP4D"))
    with pytest.raises(ValueError, match="say what they were measured on"):
        table1("DISFA", ours, None)
    with pytest.raises(ValueError, match="a method has DL, HR, SCC"):
        table2(ours, MEASURED)
    with pytest.raises(ValueError, match="3 cells for 2 heads"):
        Table("", ("a", "b"), (Group("g", ((Cell(""), Cell(""), Cell("")),)),))


def test_a_network_describes_itself() -> None:
    """The default has 128 / 32 * 2^3 = 32 map pixels; an hourglass a quarter of its input."""
    assert design_cells(ModelConfig()) == {
        "DL": "3",
        "HR": "32 × 32",
        "SCC": "yes",
        "EF": "(f_i, f_j − f_i)",
    }
    two = ModelConfig(deconv_widths=(64, 64), input_size=256, scc=False)
    assert design_cells(two) == {"DL": "2", "HR": "32 × 32", "SCC": "no", "EF": ""}
    other = design_cells(ModelConfig(kind="hourglass", scc=False))
    assert other == {"DL": "", "HR": "32 × 32", "SCC": "no", "EF": ""}
    edges = [s.design["EF"] for s in TABLE_3]
    assert edges == [
        design_cells(ModelConfig(scc_edges=kind))["EF"]
        for kind in ("centre_difference", "centre_neighbour", "difference")
    ]
