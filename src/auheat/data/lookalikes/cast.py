"""Who is filmed for each layout, in which sequences, and which AUs are coded.

Names of subjects, tasks and AUs are the datasets' own. One person plays a name wherever the
datasets share it: SN001 of DISFA+ is SN001 of DISFA, and FERA 2015 and the training part of FERA
2017 show the people of BP4D. Whether a name says man or woman is not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auheat.data.lookalikes.repertoire import INTERVIEW, PAIN, SPONTANEOUS, Repertoire
from auheat.facs import BP4D_AUS, DISFA_AUS

_NUMBERS = (*range(1, 14), 16, 17, 18, 21, *range(23, 33))
DISFA_SUBJECTS = tuple(f"SN{n:03d}" for n in _NUMBERS)
DISFA_PLUS_SUBJECTS = tuple(f"SN{n:03d}" for n in (1, 3, 4, 7, 9, 10, 13, 25, 27))
TRIALS = tuple(
    f"{trial}_TrailNo_{number}"
    for trial in (
        "A1_AU1", "A2_AU2", "A3_AU1_2", "A4_AU4", "A5_AU5", "A6_AU1_2_5", "A9_AU9", "A12_AU12",
        "A13_AU6_12_25", "A15_AU15", "A17_AU15_17", "A20_AU20_25", "A25_AU25", "A26_AU25_26",
    )
    for number in (1, 2)
)  # fmt: skip


def _people(women: range, men: range) -> tuple[str, ...]:
    return (*(f"F{n:03d}" for n in women), *(f"M{n:03d}" for n in men))


BP4D_SUBJECTS = _people(range(1, 24), range(1, 19))
BP4D_PLUS_SUBJECTS = _people(range(1, 83), range(1, 59))
UNBC_SUBJECTS = (
    "042-ll042", "043-jh043", "047-jl047", "048-aa048", "049-bm049", "052-dr052", "059-fn059",
    "064-ak064", "066-mg066", "080-bn080", "092-ch092", "095-tv095", "096-bg096", "097-gf097",
    "101-mg101", "103-jk103", "106-nm106", "107-hs107", "108-th108", "109-ib109", "115-jy115",
    "120-kz120", "121-vw121", "123-jh123", "124-dn124",
)  # fmt: skip

_ALL_TASKS = tuple(f"T{n}" for n in range(1, 9))


@dataclass(frozen=True)
class Cast:
    """corpus: whose people and sequences these are. first: number of a sequence's first frame.

    count: how many subjects take part unless more are asked for. frames, size: frames a sequence
    and height of the pictures unless others are asked for. repertoire: None for posed trials.
    """

    corpus: str
    subjects: tuple[str, ...]
    sequences: tuple[str, ...]
    aus: tuple[str, ...]
    repertoire: Repertoire | None
    count: int
    frames: int
    size: int = 256
    first: int = 1


def _names(*numbers: int) -> tuple[str, ...]:
    return tuple(f"AU{number:02d}" for number in numbers)


_DISFA = Cast("disfa", DISFA_SUBJECTS, ("video",), DISFA_AUS, SPONTANEOUS, 27, 200)
_BP4D = Cast("bp4d", BP4D_SUBJECTS, _ALL_TASKS, BP4D_AUS, INTERVIEW, 41, 25)
# In FERA 2017 the people who validate come from BP4D+: the same name, another person.
_FERA2017 = tuple(
    f"{part}_{name}"
    for k, subject in enumerate(BP4D_SUBJECTS)
    for part, name in (("TR", subject), ("VA", BP4D_PLUS_SUBJECTS[3 * k]))[: 1 + k % 2]
)

CASTS: Mapping[str, Cast] = MappingProxyType(
    {
        "disfa": _DISFA,
        "disfa-plus": Cast(
            "disfa-plus", DISFA_PLUS_SUBJECTS, TRIALS, DISFA_AUS, None, 9, 20, first=0
        ),
        "bp4d": _BP4D,
        "fera2015": _BP4D,
        "fera2017": Cast(
            "bp4d", _FERA2017, _ALL_TASKS, _names(1, 4, 6, 10, 12, 14, 17), INTERVIEW,
            len(_FERA2017), 25,
        ),
        "bp4d-plus": Cast(
            "bp4d-plus", BP4D_PLUS_SUBJECTS, ("T1", "T6", "T7", "T8"), BP4D_AUS, INTERVIEW, 12, 25
        ),
        "unbc": Cast(
            "unbc", UNBC_SUBJECTS, ("t1aaaff", "t2aeunaff"),
            _names(4, 6, 9, 10, 12, 20, 25, 26), PAIN, 25, 30,
        ),
        "authors-json": Cast(
            "disfa", DISFA_SUBJECTS, ("video",), DISFA_AUS, SPONTANEOUS, 27, 40, 400
        ),
        "authors-json-bp4d": Cast(
            "bp4d", BP4D_SUBJECTS, _ALL_TASKS, BP4D_AUS, INTERVIEW, 41, 5, 400
        ),
    }
)  # fmt: skip

# Numbers of people, so that no two corpora share one unless they mean to.
_BASE = {"disfa": 1000, "disfa-plus": 1000, "bp4d": 2000, "bp4d-plus": 3000, "unbc": 4000}


def origin(layout: str, subject: str) -> tuple[str, str]:
    """The corpus a subject of a layout comes from, and the name there."""
    part, _, name = subject.rpartition("_")
    return ("bp4d-plus" if part == "VA" else CASTS[layout].corpus), name


def person_number(layout: str, subject: str) -> int:
    """The number by which the studio knows a subject."""
    corpus, name = origin(layout, subject)
    number = int("".join(c for c in name.split("-")[0] if c.isdigit()))
    return _BASE[corpus] + number + (100 if name.startswith("M") else 0)
