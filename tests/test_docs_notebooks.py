"""Notebooks of the documents run from start to end, and show what they speak of."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from scipy.stats import permutation_test

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def outputs(cell: Any) -> list[str]:
    """What a cell shows, as text, and the kinds of its images."""
    shown = []
    for output in cell.get("outputs", ()):
        assert output.get("name") != "stderr", output["text"]
        data = output.get("data", {})
        shown.append("image/png" if "image/png" in data else str(data.get("text/plain", "")))
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
# the kernel speaks to this process alone, over a socket of this machine
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:unclosed:ResourceWarning")
def test_a_notebook_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not kept"
    ran = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    shown = [text for cell in ran.cells if cell.cell_type == "code" for text in outputs(cell)]
    assert shown.count("image/png") >= 2


def defined_in(notebook: str) -> dict[str, Any]:
    """The functions that a notebook defines, without anything else being run."""
    text = (ROOT / "docs" / "notebooks" / notebook).read_text("utf-8")
    cells = nbformat.reads(text, as_version=4).cells  # type: ignore[no-untyped-call]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    kept: list[ast.stmt] = [
        node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)
    ]
    found: dict[str, Any] = {"np": np, "product": product}
    exec(compile(ast.Module(kept, []), notebook, "exec"), found)
    return found


def difference(one: Any, other: Any, axis: int) -> Any:
    return one.mean(axis=axis) - other.mean(axis=axis)


@pytest.mark.parametrize("count", [4, 9, 20])
def test_the_same_people_in_both_conditions_are_tested_in_pairs(count: int) -> None:
    """Against SciPy. Units of all people were shuffled together, which finds nothing here."""
    random, functions = np.random.default_rng(2), defined_in("groups.ipynb")
    one = random.uniform(0, 4, count)
    other = one + random.normal(0.15, 0.3, count)
    found, p = functions["sign_flips"](one - other)
    assert found == pytest.approx(np.mean(one - other))
    paired = permutation_test(
        (one, other), difference, permutation_type="samples", n_resamples=2**count, rng=3
    )
    assert p == pytest.approx(paired.pvalue, abs=1e-12 if count < 10 else 0.01)
    found, p = functions["group_shuffles"](one, other)
    assert found == pytest.approx(np.mean(one - other))
    grouped = permutation_test((one, other), difference, n_resamples=10_000, rng=3)
    assert p == pytest.approx(grouped.pvalue, abs=0.02)
    assert functions["sign_flips"](np.ones(6))[1] == 2 / 2**6
    assert functions["sign_flips"](np.zeros(6))[1] == 1


def test_one_person_is_chosen() -> None:
    """Nobody has face_id 0, and a passer-by is not averaged with the person."""
    rows = [(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 1), (5, 1, 1), (5, 2, 1), (6, 1, 1)]
    table = pd.DataFrame(rows, columns=["frame", "face_id", "success"])
    assert defined_in("groups.ipynb")["person_in"](table)["frame"].tolist() == [5, 6]


def test_conditions_are_counted_from_one_rest_of_each_person() -> None:
    notebook = nbformat.read(ROOT / "docs" / "notebooks" / "groups.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert 'baseline="auto"' not in code
    assert "video.baseline.write(" in code
    text = " ".join(" ".join(cell.source for cell in notebook.cells).split())
    assert "high brows read as a little AU01 and AU02, low mouth corners as a little AU15" in text
