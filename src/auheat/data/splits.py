"""The published splits of the real datasets, by subject.

BP4D: the official split of FERA 2015, 21 subjects to train and 20 for development. DISFA has no
official split; two lists of three folds are in use, and results with one are not results with the
other: `disfa-jaa` (JAA-Net and ME-GraphAU) and `disfa-ntinou` (Ntinou et al., 2021). Every tuple
of a list holds the subjects that its fold tests on.

Subjects are named as their folders are: SN001 in DISFA, F001 and M001 in BP4D.
"""

from __future__ import annotations

Fold = tuple[str, ...]


def _names(prefix: str, numbers: range | tuple[int, ...]) -> Fold:
    return tuple(f"{prefix}{number:03d}" for number in numbers)


BP4D_TRAIN: Fold = _names("F", range(1, 24, 2)) + _names("M", range(1, 18, 2))
BP4D_DEVELOPMENT: Fold = _names("F", range(2, 23, 2)) + _names("M", range(2, 19, 2))

DISFA_FOLDS: dict[str, tuple[Fold, Fold, Fold]] = {
    "disfa-jaa": (
        _names("SN", (1, 2, 9, 10, 16, 26, 27, 30, 32)),
        _names("SN", (6, 11, 12, 13, 18, 21, 24, 28, 31)),
        _names("SN", (3, 4, 5, 7, 8, 17, 23, 25, 29)),
    ),
    "disfa-ntinou": (
        _names("SN", (1, 6, 7, 8, 9, 26, 27, 28, 29)),
        _names("SN", (2, 5, 10, 11, 12, 16, 17, 21, 25)),
        _names("SN", (3, 4, 13, 18, 23, 24, 30, 31, 32)),
    ),
}
