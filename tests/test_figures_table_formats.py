"""Tables as Markdown, CSV and LaTeX, and that the three agree."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from auheat.config import ModelConfig
from auheat.figures.paper_tables import table2, table3
from auheat.figures.rows import design_cells
from auheat.figures.tables import (
    Cell,
    Group,
    Table,
    comma_separated,
    latex,
    markdown,
    write_table,
)
from table_rows import MEASURED, row


def edges() -> Table:
    design = {"EF": "(f_i, f_j)"}
    ours = [
        row("SCC", 0.5, 0.3, setting="f", design=design, note="50% of A_B | #1 & 2"),
        row("SCC", 0.4, 0.2, setting="g", design={"EF": "f_j − f_i"}),
        row("SCC", 0.9, 0.9, setting="f, matched", kind="matched"),
    ]
    return table3(ours, replace(MEASURED, synthetic=False))


def test_a_table_in_markdown() -> None:
    lines = markdown(edges()).splitlines()
    assert lines[2:] == [
        "| Setting | EF | ICC | MAE |",
        "| --- | ---: | ---: | ---: |",
        "| *printed (DISFA)* |  |  |  |",
        "| e | (f_i, f_j − f_i) | .47 | .20 |",
        "| f | (f_i, f_j) | .43 | .22 |",
        "| g | f_j − f_i | .38 | .21 |",
        "| *ours (DISFA)* |  |  |  |",
        "| f | (f_i, f_j) | **.50** | .30 |",
        "| g | f_j − f_i | .40 | **.20** |",
        "| *ours + variance matching (DISFA)* |  |  |  |",
        "| f, matched |  | .90 | .90 |",
        "",
        r"f: 50% of A_B \| #1 & 2",
    ]


def test_a_table_in_latex() -> None:
    text = latex(edges(), "tab:edges")
    body = text[text.index(r"\begin{tabular}") :]
    assert (
        body
        == r"""\begin{tabular}{@{}lrrr@{}}
\toprule
Setting & EF & ICC & MAE \\
\midrule
\multicolumn{4}{@{}l}{\textit{printed (DISFA)}} \\
e & ($f_i$, $f_j$ $-$ $f_i$) & .47 & .20 \\
f & ($f_i$, $f_j$) & .43 & .22 \\
g & $f_j$ $-$ $f_i$ & .38 & .21 \\
\midrule
\multicolumn{4}{@{}l}{\textit{ours (DISFA)}} \\
f & ($f_i$, $f_j$) & \textbf{.50} & .30 \\
g & $f_j$ $-$ $f_i$ & .40 & \textbf{.20} \\
\midrule
\multicolumn{4}{@{}l}{\textit{ours + variance matching (DISFA)}} \\
f, matched &  & .90 & .90 \\
\bottomrule
\end{tabular}
\par\footnotesize f: 50\% of A\_B \textbar{} \#1 \& 2
\end{table*}
"""
    )
    assert r"\label{tab:edges}" in text


def test_latex_escapes_every_special_sign_once() -> None:
    table = Table(r"\ & % $ # _ { } ~ ^ < ± × –", ("x",), ())
    assert latex(table, "t").splitlines()[2] == (
        r"\caption{\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} "
        r"\textless{} $\pm$ $\times$ --}"
    )


def test_formats_agree(tmp_path: Path) -> None:
    """The cells of all three files, with their mark-up taken off, are the same."""
    design = design_cells(ModelConfig())
    ours = [row("a", 0.5, 0.3, design=design), row("b", 0.4, 0.3, design=design)]
    table = table2([replace(r, icc_interval=(0.1, 0.2)) for r in ours], MEASURED)
    md, csv, words, tex = write_table(table, tmp_path / "table2")
    names = [path.name for path in (md, csv, words, tex)]
    assert names == ["table2.md", "table2.csv", "table2.notes.txt", "table2.tex"]
    read = pd.read_csv(csv, dtype=str, keep_default_na=False)
    assert tuple(read.columns) == ("group", *table.head, "bold")
    assert words.read_text("utf-8") == f"{table.caption}\n"
    cells = read[list(table.head)].to_numpy().tolist()
    assert cells == [[cell.text for cell in line] for group in table.groups for line in group.rows]
    assert read["bold"].to_list() == [*[""] * 4, "ICC MAE", "MAE"]
    in_md = [
        [re.sub(r"\*\*", "", cell).strip() for cell in line[1:-1].split(" | ")]
        for line in md.read_text("utf-8").splitlines()
        if line.startswith("| ") and "*printed" not in line and "*ours" not in line
    ]
    assert in_md[2:] == cells
    in_tex = [
        [re.sub(r"\\textbf\{(.*)\}", r"\1", cell.strip()) for cell in line[:-3].split("&")]
        for line in tex.read_text("utf-8").replace(r"$\times$", "×").splitlines()
        if line.endswith(r"\\") and "multicolumn" not in line
    ]
    assert in_tex[1:] == cells


def test_nothing_of_csv_is_lost() -> None:
    table = Table('a, "b"', ("x, y", "z"), (Group("g, h", ((Cell('1,"2"', True), Cell("")),)),))
    assert comma_separated(table) == 'group,"x, y",z,bold\n"g, h","1,""2""",,"x,_y"\n'
