"""Agreement by group of people: sex, age, skin, or whatever else a table says of them.

The table has a column `subject`, named as in the dataset, and a column for each thing that people
differ in. Words and up to six numbers are groups as they are; more numbers (ages in years) are cut
into three groups of about as many people. `auheat synth` writes such a table, `people.csv`.

Groups differ in how strong and how frequent their expressions are, too, and the ICC depends on
both: a lower ICC in a group is a question, not yet an answer. Compare the MAE and the false alarms
beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auheat.errors import AuheatError, checked_path
from auheat.evaluation.breakdown import GROUPS, content_of, measured_on, write_breakdown
from auheat.evaluation.intervals import intervals
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.metrics import false_alarms, nanmean, summary
from auheat.tables.delimited import read_delimited

SUBJECT = "subject"
# Columns of `people.csv` that say where the table comes from, not what people are like.
_NO_GROUPS = (SUBJECT, "split")
_MOST_NUMBERS = 6
_FAR = 1e-9


@dataclass(frozen=True)
class Group:
    """What was measured in one group. Means are over the AUs that have a value.

    Attributes:
        name: Of the group, such as "female" or "34 to 51".
        subjects: How many people.
        images: How many images.
        icc: ICC(3,1), -1 to 1, over the AUs whose labels differ in the group: on one that nobody
            shows there is nothing to agree on.
        icc_interval: 95%, over people; NaN for fewer than two.
        mae: In levels.
        mae_interval: As that of the ICC.
        false_alarms: Fraction of images without an AU that read above 1.
    """

    name: str
    subjects: int
    images: int
    icc: float
    icc_interval: tuple[float, float]
    mae: float
    mae_interval: tuple[float, float]
    false_alarms: float


@dataclass(frozen=True)
class GroupReport:
    """What is reached in each group.

    Attributes:
        groups: By what people differ in, in the order of the table's columns.
        unknown: How many subjects the table does not name.
        about: What was measured.
        without: How many of the subjects that it names have no value, by what people differ in.
        measured: On what, see `auheat.evaluation.breakdown`.
    """

    groups: Mapping[str, tuple[Group, ...]]
    unknown: int
    about: Mapping[str, Any]
    without: Mapping[str, int] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, predictions: Predictions, people: pd.DataFrame) -> GroupReport:
        """Measures every group.

        Args:
            predictions: Of the images of all.
            people: What `read_people` gives.

        Raises:
            AuheatError: The table names nobody who was measured, or has a column without a value
                for any of them.
        """
        subjects = pd.Series(predictions.subjects.astype(str))
        there = those_measured(people, subjects)
        groups = {}
        for column in there.columns:
            named = _named(there[column].dropna())
            groups[str(column)] = tuple(
                _measure(str(name), predictions, subjects.map(named).eq(name).to_numpy())
                for name in dict.fromkeys(named.sort_values())
            )
        unknown = len(set(subjects) - set(there.index))
        without = {str(column): int(there[column].isna().sum()) for column in there.columns}
        return cls(groups, unknown, predictions.about, without, measured_on(predictions))

    @property
    def content(self) -> dict[str, Any]:
        """The content of a result file."""
        groups = {column: [vars(group) for group in found] for column, found in self.groups.items()}
        parts = {"unknown": self.unknown, "without": self.without, GROUPS: groups}
        return content_of(self.about, self.measured, parts)

    def write(self, path: Path) -> None:
        """Writes the report as JSON; NaN becomes null."""
        write_breakdown(path, self.content)


def read_people(path: str | Path) -> pd.DataFrame:
    """What is known of people, by subject.

    Args:
        path: CSV with a header; see the module.

    Returns:
        A row for each subject, which is the index, and a column for each thing.

    Raises:
        AuheatError: It cannot be read, has no column `subject` or no other one, or names a subject
            twice.
    """
    path = checked_path("the table of people", path)
    try:
        table = read_delimited(path).table
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    if SUBJECT not in table:
        columns = ", ".join(map(str, table.columns[:8]))
        raise AuheatError(f"{path} has no column `{SUBJECT}`, but {columns}")
    table[SUBJECT] = table[SUBJECT].astype(str)
    things = [column for column in table.columns if column not in _NO_GROUPS]
    if not things:
        raise AuheatError(f"{path} has no column beside `{SUBJECT}` that says what people are like")
    twice = table.loc[table[SUBJECT].duplicated(), SUBJECT]
    if len(twice):
        raise AuheatError(f"{path} names the subject {twice.iloc[0]} more than once")
    return table.set_index(SUBJECT)[things]


def those_measured(people: pd.DataFrame, subjects: pd.Series) -> pd.DataFrame:
    """What is known of subjects.

    Args:
        people: What `read_people` gives.
        subjects: Who is measured, in any order and number.

    Returns:
        Their rows of the table.

    Raises:
        AuheatError: There are none, or a column has no value in any of them.
    """
    there = people.loc[people.index.isin(set(subjects.astype(str)))]
    if there.empty:
        raise AuheatError(
            "the table of people names none of the subjects that were measured, such as "
            f"{subjects.iloc[0]}: its column `{SUBJECT}` must name them as the dataset does"
        )
    for column in there.columns:
        if not there[column].notna().any():
            raise AuheatError(
                f"the table of people has no value in its column {column} for anybody who was "
                "measured: fill it or leave it out"
            )
    return there


def _named(values: pd.Series) -> pd.Series:
    """The group of each person, an ordered category."""
    if not pd.api.types.is_numeric_dtype(values) or values.nunique() <= _MOST_NUMBERS:
        kinds = sorted(values.unique(), key=lambda value: (isinstance(value, str), value))
        shown = [f"{value:g}" if _is_number(value) else str(value) for value in kinds]
        names = dict(zip(kinds, shown, strict=True))
        return pd.Series(
            pd.Categorical(values.map(names), categories=list(dict.fromkeys(shown)), ordered=True),
            index=values.index,
        )
    inner = np.unique(np.quantile(values, (1 / 3, 2 / 3)))
    place = np.searchsorted(inner, values.to_numpy(np.float64) - _FAR)
    parts = sorted(set(place.tolist()))
    shown = [
        f"{values[place == part].min():g} to {values[place == part].max():g}" for part in parts
    ]
    named = [shown[parts.index(part)] for part in place.tolist()]
    return pd.Series(pd.Categorical(named, categories=shown, ordered=True), index=values.index)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)


def _measure(name: str, predictions: Predictions, rows: np.ndarray[Any, Any]) -> Group:
    part = Predictions(predictions.table.loc[rows].reset_index(drop=True), predictions.about)
    means, within = summary(part.agreement(), part.aus)["mean"], intervals(part)["mean"]
    shown = _of_varying_labels(part)
    if shown.aus != part.aus:
        means["icc"] = summary(shown.agreement(), shown.aus)["mean"]["icc"]
        within["icc"] = intervals(shown)["mean"]["icc"] if shown.aus else (math.nan, math.nan)
    return Group(
        name,
        len(set(part.subjects.tolist())),
        len(part.table),
        means["icc"],
        within["icc"],
        means["mae"],
        within["mae"],
        nanmean(false_alarms(part.values(), part.labels())),
    )


def _of_varying_labels(part: Predictions) -> Predictions:
    """What is predicted of the AUs that are coded with more than one level."""
    constant = [au for au in part.aus if part.table[au + LABEL].nunique() < 2]
    columns = [name for au in constant for name in (au, au + LABEL)]
    return Predictions(part.table.drop(columns=columns), part.about)
