"""What a figure is of: the numbers that a user lists, the sequences in which most happens."""

from __future__ import annotations

import pandas as pd

from auheat.cli.reproduce import _numbers
from auheat.evaluation.predictions import Predictions, pool
from auheat.figures.paper_figures import most_active_sequences


def test_lists_of_numbers() -> None:
    assert _numbers(None, None, "1,3,5-7,3") == (1, 3, 5, 6, 7)  # type: ignore[arg-type]


def test_the_liveliest_sequences() -> None:
    """b varies most in AU01, and a in what is left of AU02."""
    table = pd.DataFrame(
        {
            "image": [f"{i}" for i in range(6)],
            "subject": list("aabbcc"),
            "sequence": list("aabbcc"),
            "frame": [1, 2] * 3,
            "fold": ["1"] * 6,
            "AU01": 0.0,
            "AU02": 0.0,
            "AU01_label": [0.0, 1, 0, 3, 2, 2],
            "AU02_label": [0.0, 2, 0, 5, 1, 2],
        }
    )
    predictions = Predictions(table, {})
    assert most_active_sequences(predictions, ("AU01", "AU02")) == [("b", "AU01"), ("a", "AU02")]
    assert pool([predictions]).table["image"].to_list() == list("012345")
