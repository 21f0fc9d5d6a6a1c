"""Notebooks of the documents run from start to end, and show what they speak of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

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
