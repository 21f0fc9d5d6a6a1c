"""Measures how far readings are off on synthetic people, and fits what `--std` and confidence say.

    python scripts/fit_uncertainty.py DATA [--weights FILE] [-o FILE] [--report FILE]

DATA is a dataset of `auheat synth` with people that the weights were not trained on in its splits
val and test. Fitted to val, measured on test; every image once as it is, and once corrupted:
rotated, shifted, covered and blurred by a random amount. Writes `<weights>.uncertainty.json`
beside the weights, and the numbers and the figure of docs/uncertainty.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.shapes import shapes_for
from auheat.data.transforms import NONE, AugmentConfig, augment
from auheat.face_shape import mirror
from auheat.figures.reliability import read_bins, reliability
from auheat.figures.style import DPI
from auheat.files import atomic_write
from auheat.heatmap import layout_of, mean_over_points
from auheat.inference.uncertainty import Uncertainty, evidence, visibility
from auheat.models.runtimes.opening import open_runtime
from auheat.models.runtimes.runtime import read_crops, read_intensities
from auheat.models.weights import default_weights, uncertainty_path

KNOTS = np.array([0, 0.1, 0.3, 0.6, 1, 1.5, 2.2, 3, 4, 5])
POWERS = tuple(np.arange(1, 9.5, 0.5).tolist())
FOLDS = 5
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
TRUSTED = 0.75  # levels; confidence is the probability of a smaller mean error
BINS, BATCH = 10, 32
# Readings of which is told how far off they are.
BANDS = {"0": (0.0, 0.05), "1 to 3": (1.0, 3.0), "4": (3.5, 4.5)}
KINDS = ("constant", "reading", "reading seen", "reading seen shape", "reading seen mirror")
KEPT = ("reading", "seen")


@dataclass(frozen=True)
class Views:
    """Readings and what is known beside them. N views, A AUs.

    Attributes:
        levels: (N, A).
        mirrored: (N, A).
        labels: (N, A).
        shape: (N, A, 2) height and area of an AU's location peaks.
        seen: (N,).
        corrupted: (N,) whether the image was.
        people: (N,).
    """

    levels: Floats
    mirrored: Floats
    labels: Floats
    shape: Floats
    seen: Floats
    corrupted: NDArray[np.bool_]
    people: NDArray[Any]

    def part(self, rows: NDArray[np.bool_]) -> Views:
        return replace(self, **{name: value[rows] for name, value in vars(self).items()})


def wear(strength: float) -> AugmentConfig:
    """From hardly at all (0) to hardly to be recognised (1)."""
    return AugmentConfig(
        0, 4 + 16 * strength, 0.04 + 0.15 * strength, 0.02 + 0.1 * strength, 1 + strength, 0.3,
        0, 0.5, 0,
    )  # fmt: skip


def _shapes(found: Any, rows: range, corrupted: bool) -> Any:
    """The shapes of the faces, those of every second corrupted image unknown."""
    if found is None:
        return None
    shapes = found[list(rows)].copy()
    if corrupted:
        shapes[[n for n, row in enumerate(rows) if row % 2]] = 0
    return shapes


def corrupted_image(part: Manifest, landmarks: Floats, row: int, size: int, corrupted: bool) -> Any:
    path = part.folder / part.table["image"].iloc[row]
    image = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
    rng = np.random.default_rng([9, row, int(corrupted)])
    strength = rng.uniform()
    config = wear(strength) if corrupted else NONE
    image, points, _ = augment(rng, image, landmarks, size, part.crop.pad, config)
    if corrupted:
        covering = replace(NONE, random_erasing=1.0)
        for _ in range(rng.poisson(2 * strength)):
            image, points, _ = augment(rng, image, points, size, 0, covering)
        if rng.random() < 0.6:
            sigma = 0.3 + 6 * strength * rng.random()
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    return image


def read_views(part: Manifest, runtime: Any, corrupted: Sequence[bool] = (False, True)) -> Views:
    """Every image of a split, as it is and corrupted, or only one of both."""
    layout, aus = layout_of(runtime.config), runtime.config.aus
    labels, landmarks = part.labels(aus), part.landmarks().astype(np.float64)
    found_shapes = shapes_for(runtime.config, part)
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(labels), BATCH):
        rows = range(start, min(start + BATCH, len(labels)))
        for worn in corrupted:
            crops = np.stack([
                corrupted_image(part, landmarks[r], r, runtime.config.input_size, worn)
                for r in rows
            ])  # fmt: skip
            shapes = _shapes(found_shapes, rows, worn)
            (reading,) = read_crops(runtime, crops, shapes, batch_size=BATCH)
            location = np.asarray(reading.heatmaps.location)
            peaks = location.max((2, 3)).clip(0, 1)
            area = (location > peaks[..., None, None] / 2).mean((2, 3), dtype=np.float32)
            shape = [mean_over_points(one, layout.au_of_point) for one in (peaks, area)]
            found.append((
                reading.intensities,
                read_intensities(
                    runtime,
                    crops[:, :, ::-1],
                    None if shapes is None else mirror(shapes),
                    batch_size=BATCH,
                ),
                labels[list(rows)],
                np.stack(shape, -1),
                visibility(location, len(crops)),
                np.full(len(crops), worn),
                part.table["subject"].to_numpy()[list(rows)],
            ))  # fmt: skip
    return Views(*(np.concatenate(column) for column in zip(*found, strict=True)))


def features(views: Views, kinds: Sequence[str]) -> Floats:
    """(N, A, D)."""
    shape = views.levels.shape
    columns = [np.ones(shape)[..., None]]
    if "reading" in kinds:
        columns = [
            np.stack([np.interp(views.levels, KNOTS, row) for row in np.eye(len(KNOTS))], -1)
        ]
    if "seen" in kinds:
        columns.append(np.broadcast_to(1 - views.seen[:, None, None], (*shape, 1)))
    if "shape" in kinds:
        columns.append(views.shape * [1.0, 10.0])
    if "mirror" in kinds:
        columns.append(np.sqrt(np.abs(views.levels - views.mirrored))[..., None])
    return np.concatenate(columns, -1)


def fit(inputs: Floats, errors: Floats, penalty: float) -> Floats:
    """Weights (A, D) of log sd by maximum likelihood, each AU's drawn towards those of all."""
    x, squared = torch.tensor(inputs), torch.tensor(errors**2)
    shared = torch.zeros(inputs.shape[-1], dtype=torch.double, requires_grad=True)
    own = torch.zeros(inputs.shape[1:], dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([shared, own], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        log = (x * (shared + own)).sum(-1)
        likelihood = (log + 0.5 * squared * torch.exp(-2 * log)).mean()
        total = likelihood + penalty * own.square().sum() / len(own) + 1e-5 * shared.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return (shared + own).detach().numpy()


def likelihood(log: Floats, errors: Floats) -> float:
    """The mean negative logarithm of a normal density."""
    return float((log + 0.5 * (errors * np.exp(-log)) ** 2 + 0.5 * np.log(2 * np.pi)).mean())


def best_penalty(inputs: Floats, errors: Floats, people: NDArray[Any]) -> float:
    """By cross-validation over five groups of people."""
    names = {name: index % 5 for index, name in enumerate(sorted(set(people)))}
    group = np.array([names[name] for name in people])

    def held_out(penalty: float) -> float:
        scores = []
        for fold in range(5):
            kept = group != fold
            weights = fit(inputs[kept], errors[kept], penalty)
            scores.append(likelihood((inputs[~kept] * weights).sum(-1), errors[~kept]))
        return float(np.mean(scores))

    return min(PENALTIES, key=held_out)


class Confidence(NamedTuple):
    """Numbers of `Uncertainty.confidence`."""

    offset: float
    steepness: float
    ceiling: float
    power: float

    def of(self, seen: Floats) -> Floats:
        above = self.offset + self.steepness * evidence(seen, self.power)
        return np.asarray(self.ceiling / (1 + np.exp(-above)), np.float64)


def confidence_loss(found: Confidence, seen: Floats, good: NDArray[np.bool_]) -> float:
    """Mean negative log likelihood."""
    p = np.clip(found.of(seen), 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(good, p, 1 - p)).mean())


def with_power(power: float, seen: Floats, good: NDArray[np.bool_]) -> Confidence:
    """The likeliest numbers with this power."""
    from scipy.optimize import minimize

    def numbers(values: Floats) -> Confidence:
        return Confidence(float(values[0]), float(values[1]), 1 / (1 + math.exp(-values[2])), power)

    def loss(values: Floats) -> float:
        return confidence_loss(numbers(values), seen, good)

    start = np.array([0.0, 2.0**-power, 3.0])
    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000})
    return Confidence(*(float(f"{value:.5g}") for value in numbers(found.x)))


def fit_confidence(seen: Floats, good: NDArray[np.bool_], people: NDArray[Any]) -> Confidence:
    """The likeliest numbers, with the power that tells best of people who were not fitted."""
    folds = np.unique(people, return_inverse=True)[1] % FOLDS

    def held_out(power: float) -> float:
        return sum(
            confidence_loss(
                with_power(power, seen[folds != fold], good[folds != fold]),
                seen[folds == fold],
                good[folds == fold],
            )
            for fold in range(FOLDS)
        )

    return with_power(min(POWERS, key=held_out), seen, good)


def compare(val: Views, test: Views) -> tuple[dict[str, Any], Floats]:
    """What each kind of evidence is worth on test people; the weights of the kind that is kept."""
    errors = val.levels - val.labels
    table: dict[str, Any] = {}
    penalty = best_penalty(features(val, KEPT), errors, val.people)
    for kinds in KINDS:
        names = kinds.split()
        weights = fit(features(val, names), errors, penalty)
        for label, rows in (("as they are", ~test.corrupted), ("corrupted", test.corrupted)):
            part = test.part(rows)
            log, off = (features(part, names) * weights).sum(-1), part.levels - part.labels
            inside = np.abs(off) <= 1.96 * np.exp(log)
            table[f"{kinds} / {label}"] = {
                "nll": round(likelihood(log, off), 4),
                "coverage": round(float(inside.mean()), 4),
                "coverage_by_au": inside.mean(0).round(4).tolist(),
                "mean_sd": round(float(np.exp(log).mean()), 4),
            }
    return table, fit(features(val, KEPT), errors, penalty)


def in_tenths(trust: Floats, views: Views) -> list[dict[str, float]]:
    """Test faces in bins of equal count: stated and observed trust, mean error."""
    error = np.abs(views.levels - views.labels).mean(1)
    bins = np.array_split(np.argsort(trust), BINS)
    return [
        {"stated": round(float(trust[rows].mean()), 4),
         "observed": round(float((error[rows] < TRUSTED).mean()), 4),
         "mae": round(float(error[rows].mean()), 4),
         "seen": round(float(views.seen[rows].mean()), 4), "faces": len(rows)}
        for rows in bins
    ]  # fmt: skip


def expected_errors(views: Views) -> dict[str, float]:
    """Root mean square error of the readings in each of `BANDS`; what nobody coded is left out."""
    errors = views.levels - views.labels
    found = {}
    for name, (low, high) in BANDS.items():
        inside = (views.levels >= low) & (views.levels <= high) & ~np.isnan(errors)
        found[name] = round(float(np.sqrt(np.mean(errors[inside] ** 2))), 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--report", type=Path, default=Path("docs/uncertainty.json"))
    parser.add_argument("--figure", type=Path, default=Path("docs/images/reliability.png"))
    options = parser.parse_args()
    path = options.weights or default_weights()
    runtime, manifest = open_runtime(path, device="cpu"), read_manifest(options.data)
    val, test = (read_views(manifest.split(split), runtime) for split in ("val", "test"))
    table, weights = compare(val, test)
    good = np.abs(val.levels - val.labels).mean(1) < TRUSTED
    confidence = fit_confidence(val.seen, good, val.people)
    fitted = Uncertainty(
        runtime.config.aus, KNOTS, weights[:, :-1], weights[:, -1],
        confidence.offset, confidence.steepness,
        f"synthetic faces: {len(set(val.people))} people, {len(val.seen)} views",
        hashlib.sha256(path.read_bytes()).hexdigest(), confidence.ceiling, confidence.power,
    )  # fmt: skip
    fitted.write(options.out or uncertainty_path(path))
    faces = {
        "all": test,
        "as they are": test.part(~test.corrupted),
        "corrupted": test.part(test.corrupted),
    }
    report = {
        "kind": "uncertainty, synthetic faces",
        "aus": list(fitted.aus),
        "people": {"val": len(set(val.people)), "test": len(set(test.people))},
        "views": {"val": len(val.seen), "test": len(test.seen)},
        "trusted": TRUSTED,
        "deviations": table,
        "confidence": {
            name: in_tenths(fitted.confidence(views.seen), views) for name, views in faces.items()
        },
        "before": in_tenths(test.seen, test),
        "expected": expected_errors(faces["as they are"]),
    }
    with atomic_write(options.report) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    with atomic_write(options.figure) as temporary:
        reliability(*read_bins(options.report)).savefig(temporary, dpi=DPI)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
