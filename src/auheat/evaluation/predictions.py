"""Predictions beside the labels they are compared with, as a table and as a Parquet file.

Columns, one row per image:

    image, subject, sequence, frame   as in the dataset's manifest
    fold                              the fold that tested it, or ""
    AU01 ...                          predictions as given, float32, NaN where there is none
    AU01_label ...                    labels, float32 0 to 5; NaN where the AU was not coded

The file's metadata holds, as JSON under `auheat`, what the table is about: name, seed, protocol,
fold, split, weights, `data` (the dataset's source), `experiment` (the run's settings), `origin`
(what measuring again needs: version, SHA-256 of the weights, runtime, precision, device, folder).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError, checked_path
from auheat.files import atomic_write
from auheat.json_files import parse_json
from auheat.metrics import Agreement

LABEL = "_label"
_ROW = ("image", "subject", "sequence", "frame")
_KEY = b"auheat"


@dataclass(frozen=True)
class Predictions:
    """Predictions beside labels.

    Attributes:
        table: Columns as the module says.
        about: What the table is about.
    """

    table: pd.DataFrame
    about: Mapping[str, Any]

    @classmethod
    def of(
        cls, part: Manifest, aus: Sequence[str], values: NDArray[Any], about: Mapping[str, Any]
    ) -> Predictions:
        """Predictions for the rows of a part of a dataset.

        Args:
            part: The rows.
            aus: The A names.
            values: (N, A), NaN where there is none. They are kept as they are, also outside 0 to 5.
            about: What to note; gains the dataset's source as `data`.

        Raises:
            AuheatError: A value is infinite.
        """
        if values.shape != (len(part.table), len(aus)):
            raise ValueError(f"values {values.shape} for {len(part.table)} rows, {len(aus)} AUs")
        columns: dict[str, Any] = {name: part.table[name].to_numpy() for name in _ROW}
        columns["fold"] = str(about.get("fold", ""))
        given = np.asarray(values, np.float32)
        if np.isinf(given).any():
            image = columns["image"][int(np.isinf(given).any(1).argmax())]
            raise AuheatError(f"the prediction for {image} is infinite: nothing can be measured")
        labels = part.labels(tuple(aus))
        columns |= {au: given[:, a] for a, au in enumerate(aus)}
        columns |= {au + LABEL: labels[:, a] for a, au in enumerate(aus)}
        return cls(
            pd.DataFrame(columns, index=range(len(part.table))), {**about, "data": part.source}
        )

    @property
    def aus(self) -> tuple[str, ...]:
        """The predicted AUs, in the order of the table."""
        return tuple(name for name in self.table if name + LABEL in self.table)

    @property
    def subjects(self) -> NDArray[Any]:
        """Who is in each row. (N,)."""
        return np.asarray(self.table["subject"].to_numpy(), object)

    def values(self) -> Floats:
        """Predictions (N, A)."""
        return np.asarray(self.table[list(self.aus)].to_numpy(), np.float64)

    def labels(self) -> Floats:
        """Labels (N, A)."""
        return np.asarray(self.table[[au + LABEL for au in self.aus]].to_numpy(), np.float64)

    def agreement(self) -> Agreement:
        """Statistics of all rows."""
        return Agreement.of(self.values(), self.labels())

    def by_fold(self) -> tuple[Predictions, ...]:
        """The rows of each fold."""
        return tuple(
            replace(self, table=rows.reset_index(drop=True))
            for _, rows in self.table.groupby("fold", sort=True)
        )

    def with_values(self, values: Floats, **about: Any) -> Predictions:
        """Other predictions (N, A) for the same rows."""
        columns = {au: values[:, a].astype(np.float32) for a, au in enumerate(self.aus)}
        return Predictions(self.table.assign(**columns), {**self.about, **about})

    def write(self, path: str | Path) -> None:
        """Writes the Parquet file under a temporary name, then renames it."""
        path = Path(path)
        stored = pa.Table.from_pandas(self.table, preserve_index=False)
        stored = stored.replace_schema_metadata({_KEY: json.dumps(dict(self.about)).encode()})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AuheatError(f"cannot make the folder {path.parent}: {error.strerror}") from None
        with atomic_write(path) as temporary:
            pq.write_table(stored, temporary)


def read_predictions(path: str | Path) -> Predictions:
    """Reads a file of `Predictions.write`.

    Raises:
        AuheatError: It is not one.
    """
    path = checked_path("the file of predictions", path)
    if not path.is_file():
        raise AuheatError(f"no predictions at {path}: `auheat evaluate RUN` writes them")
    try:
        stored = pq.read_table(path)
        about = parse_json((stored.schema.metadata or {})[_KEY])
        found = Predictions(stored.to_pandas(), dict(about))
        complete = bool(found.aus) and {*_ROW, "fold"} <= set(found.table)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        complete = False
    if not complete:
        raise AuheatError(f"{path} holds no predictions of `auheat evaluate`: measure anew")
    return found


def _same_in_all_folds(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a network and its training are called and made of, whatever the fold."""
    experiment = about.get("experiment", {})
    named = {key: about.get(key) for key in ("name", "seed", "split", "protocol")}
    return named | {key: experiment.get(key) for key in ("model", "optim", "loss")}


def pool(parts: Sequence[Predictions]) -> Predictions:
    """The rows of several folds as one table, for metrics over all of them.

    What the parts agree about stays; `parts` holds what each one is about.

    Raises:
        AuheatError: Two parts share an image or a fold, or are of different AUs, networks or
            divisions of people.
    """
    first = parts[0]
    for part in parts:
        if part.aus != first.aus:
            raise AuheatError(
                f"cannot pool predictions of {', '.join(first.aus)} with those of "
                f"{', '.join(part.aus)}: every fold must predict the same AUs"
            )
    table = pd.concat([part.table for part in parts], ignore_index=True)
    twice = table["image"].duplicated()
    if twice.any():
        image = table.loc[twice, "image"].iloc[0]
        raise AuheatError(f"cannot pool: {image} is in two folds, so one of them trained on it")
    names = [fold for part in parts for fold in part.table["fold"].unique()]
    again = [name for name in names if name and names.count(name) > 1]
    if again:
        raise AuheatError(f"cannot pool: two of the parts are of fold {again[0]}")
    asked, *others = (_same_in_all_folds(part.about) for part in parts)
    differing = [key for key, value in asked.items() for other in others if other[key] != value]
    if differing:
        raise AuheatError(
            f"cannot pool: the parts differ in {', '.join(dict.fromkeys(differing))}; give the "
            "folds of one network"
        )
    common = {
        key: value
        for key, value in first.about.items()
        if all(key in part.about and part.about[key] == value for part in parts)
    }
    return Predictions(table, {**common, "parts": [dict(part.about) for part in parts]})
