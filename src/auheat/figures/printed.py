"""Tables 1 to 3 as the paper prints them: figures to set beside our own, never to mix with them.

Source: Fan, Lam and Li, "Facial Action Unit Intensity Estimation via Semantic Correspondence
Learning with Dynamic Graph Convolution", AAAI 2020. ICC is ICC(3,1), MAE is in intensity levels.
Rows that the paper stars are adopted there from the papers named in `ADOPTED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from auheat.facs import BP4D_AUS, DISFA_AUS

Database = Literal["BP4D", "DISFA"]
DATABASES: dict[Database, tuple[str, ...]] = {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS}

ADOPTED = {
    "BORMIR": "Zhang et al. 2018b",
    "CCNN-IT": "Walecki et al. 2017",
    "KJRE": "Zhang et al. 2019",
    "KBSS": "Zhang et al. 2018a",
}


@dataclass(frozen=True)
class PrintedMethod:
    """One method of Table 1 on one database.

    Attributes:
        icc: by AU.
        mae: by AU.
        mean_icc: the printed averages, not recomputed.
        mean_mae: the printed averages, not recomputed.
    """

    name: str
    icc: Mapping[str, float]
    mae: Mapping[str, float]
    mean_icc: float
    mean_mae: float

    @property
    def adopted(self) -> str | None:
        """The paper that the figures were adopted from; None if the authors measured them."""
        return ADOPTED.get(self.name)


@dataclass(frozen=True)
class PrintedSetting:
    """One row of Table 2 or 3: its letter, what was set, and the averages over the AUs of DISFA."""

    letter: str
    design: Mapping[str, str]
    icc: float
    mae: float


# In hundredths, the average last, as the columns stand in the paper.
_ICC = """
BORMIR         73 68 86 37 47 62    20 25 30 17 39 18 58 16 23  9 71 15 28
CCNN-IT        75 69 86 40 45 63    20 12 46  8 48 44 73 29 45 21 60 46 38
KJRE           71 61 87 39 42 60    27 35 25 33 51 31 67 14 17 20 74 25 35
KBSS           76 75 85 49 51 67    23 11 48 25 50 25 71 22 25  6 83 41 36
ResNet-Deconv  70 77 78 59 49 67    46 16 74  2 32 38 71  2 35  2 93 74 40
Hourglass      63 70 74 52 38 59     6  4 70  1 28 43 81  2 26  1 91 69 35
SCC-Heatmap    74 82 86 68 51 72    73 44 74  6 27 51 71  4 37  4 94 78 47
"""
_MAE = """
BORMIR         85 90 68 105 79  85   88 78 124 59 77 78 76 56 72 63  90 88 79
CCNN-IT       117 143 97 165 108 126 73 72 103 21 72 51 72 43 50 44 116 79 66
KJRE           82 95 64 108 85  87  102 92 186 70 79 87 77 60 80 72  96 94 91
KBSS           56 65 48  98 63  66   48 49  57  8 26 22 33 15 44 22  43 36 33
ResNet-Deconv  61 60 55  83 39  60   20 16  29  3 29 16 33 15 20  8  31 36 21
Hourglass      63 70 65  91 51  68   28 26  30  3 27 16 28 15 18  8  35 34 22
SCC-Heatmap    61 56 52  73 50  58   16 16  27  3 25 13 32 15 20  9  30 32 20
"""


def _values(text: str, database: Database) -> dict[str, list[float]]:
    """By method: the figures of one database, AU after AU, and the average."""
    rows = {}
    split = len(BP4D_AUS) + 1
    for line in text.strip().splitlines():
        name, *hundredths = line.split()
        figures = [int(figure) / 100 for figure in hundredths]
        rows[name] = figures[:split] if database == "BP4D" else figures[split:]
    return rows


def _methods(database: Database) -> tuple[PrintedMethod, ...]:
    icc, mae, aus = _values(_ICC, database), _values(_MAE, database), DATABASES[database]
    return tuple(
        PrintedMethod(
            name,
            dict(zip(aus, icc[name][:-1], strict=True)),
            dict(zip(aus, mae[name][:-1], strict=True)),
            icc[name][-1],
            mae[name][-1],
        )
        for name in icc
    )


TABLE_1: dict[Database, tuple[PrintedMethod, ...]] = {
    "BP4D": _methods("BP4D"),
    "DISFA": _methods("DISFA"),
}


def _ablation(letter: str, dl: int, scc: bool, icc: float, mae: float) -> PrintedSetting:
    side = 8 * 2**dl
    design = {"DL": str(dl), "HR": f"{side} × {side}", "SCC": "yes" if scc else "no"}
    return PrintedSetting(letter, design, icc, mae)


# DL: deconvolutional layers; HR: heatmap resolution in pixels; SCC: with or without.
TABLE_2 = (
    _ablation("a", 3, True, 0.47, 0.20),
    _ablation("b", 3, False, 0.40, 0.21),
    _ablation("c", 2, True, 0.44, 0.23),
    _ablation("d", 2, False, 0.38, 0.25),
)

# EF: what an edge of the graph carries.
TABLE_3 = (
    PrintedSetting("e", {"EF": "(f_i, f_j − f_i)"}, 0.47, 0.20),
    PrintedSetting("f", {"EF": "(f_i, f_j)"}, 0.43, 0.22),
    PrintedSetting("g", {"EF": "f_j − f_i"}, 0.38, 0.21),
)
