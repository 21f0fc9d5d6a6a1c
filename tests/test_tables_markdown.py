from __future__ import annotations

from auheat.tables.markdown import markdown_table


def test_a_table_in_full() -> None:
    assert markdown_table(["run", "n"], [["a|b", 1], [r"c\|d", "2\n3"]], numbers=True) == (
        "| run | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c\\|d | 2 3 |"
    )
    assert markdown_table(["x", "y"], []) == "| x | y |\n| --- | --- |"
