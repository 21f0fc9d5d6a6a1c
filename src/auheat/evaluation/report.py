"""Result files: one JSON file for each network and each split it was measured on.

format       1
name, seed   of the run
weights      file name of the checkpoint
split        "test", "val" or "train"; `subjects` and `images` count it
data         how the dataset was made (its manifest's source)
experiment   the run's settings in full, if the checkpoint knows them
metrics      by AU and as "mean": icc, mae, mse, pcc, n; undefined is null
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.files import replacing
from auheat.metrics import Agreement, summary
from auheat.models.checkpoint import Checkpoint

FORMAT = 1


@dataclass(frozen=True)
class Report:
    """The content of a result file. Fields: see the module."""

    name: str
    seed: int
    weights: str
    split: str
    subjects: int
    images: int
    data: Mapping[str, Any]
    experiment: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        weights: Path,
        part: Manifest,
        split: str,
        predictions: NDArray[np.float64],
    ) -> Report:
        """Compares predictions (N, A) for a part of a dataset with its labels."""
        aus = checkpoint.config.aus
        experiment = checkpoint.card.get("experiment", {})
        agreement = Agreement.of(predictions, part.labels(aus))
        return cls(
            name=str(experiment.get("name", weights.stem)),
            seed=int(experiment.get("seed", 0)),
            weights=weights.name,
            split=split,
            subjects=int(part.table["subject"].nunique()),
            images=len(part.table),
            data=part.source,
            experiment=experiment,
            metrics=summary(agreement, aus),
        )

    def write(self, path: Path) -> None:
        """Writes the file under a temporary name, then renames it."""
        content = {"format": FORMAT, **asdict(self)}
        content["metrics"] = {
            au: {key: None if math.isnan(value) else value for key, value in row.items()}
            for au, row in self.metrics.items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1))


def read_report(path: Path) -> Report:
    """Reads a result file. Raises AuheatError if it is not one."""
    try:
        content = json.loads(path.read_text())
        version = content.pop("format")
        content["metrics"] = {
            au: {key: math.nan if value is None else float(value) for key, value in row.items()}
            for au, row in content["metrics"].items()
        }
        report = Report(**content)
    except FileNotFoundError:
        raise AuheatError(f"no result file at {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise AuheatError(f"{path} is not a result file of `auheat evaluate`") from None
    if version != FORMAT:
        raise AuheatError(f"{path} has format {version}, this auheat reads {FORMAT}")
    return report
