from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.controls import VarianceMatching, controls, pool_controls, train_mean, zero
from auheat.evaluation.predictions import Predictions, pool, read_predictions
from auheat.evaluation.scoring import score
from auheat.faces.crop import CropSpec
from auheat.metrics import icc31

AUS = ("AU12", "AU04")  # not in the order of the table of AUs: a checkpoint decides


def part(subjects: str = "abcd", frames: int = 6, seed: int = 0) -> Manifest:
    """Levels 0 to 5 of two AUs; AU04 of the first row is not coded."""
    rng = np.random.default_rng(seed)
    rows = [
        {"image": f"{who}/{n}.jpg", "subject": who, "split": "test", "sequence": who, "frame": n}
        for who in subjects
        for n in range(1, frames + 1)
    ]
    levels = rng.integers(0, 6, (len(rows), 2)).astype(np.float32)
    levels[0, 1] = np.nan
    table = pd.DataFrame(rows).assign(AU12=levels[:, 0], AU04=levels[:, 1])
    return Manifest(table, Path("set"), CropSpec(), {"kind": "disfa", "synthetic": True})


def guesses(rows: Manifest, seed: int = 1) -> NDArray[np.float64]:
    labels = rows.labels(AUS).astype(float)
    noise = np.random.default_rng(seed).normal(0, 0.8, labels.shape)
    return np.asarray(np.nan_to_num(0.5 * labels) + 0.6 + noise)


def predictions(subjects: str = "abcd", seed: int = 0, **about: object) -> Predictions:
    rows = part(subjects, seed=seed)
    return Predictions.of(rows, AUS, guesses(rows, seed), {"name": "run", "seed": 3, **about})


def test_the_table_holds_rows_values_and_labels() -> None:
    rows = part()
    values = np.full((24, 2), 1.237)
    values[0], values[1, 0], values[2, 1] = (-0.5, 6.5), np.nan, 4.999
    found = Predictions.of(rows, AUS, values, {"fold": "1 of 3"})
    assert list(found.table) == [
        *("image", "subject", "sequence", "frame", "fold"),
        *("AU12", "AU04", "AU12_label", "AU04_label"),
    ]
    assert found.aus == AUS
    assert found.values()[0].tolist() == [-0.5, 6.5]  # as they are
    assert np.isnan(found.values()[1, 0])
    assert found.values()[2, 1] == np.float32(4.999)  # never rounded
    np.testing.assert_array_equal(found.labels(), rows.labels(AUS))
    assert found.subjects.tolist() == [*"aaaaaa", *"bbbbbb", *"cccccc", *"dddddd"]
    assert set(found.table["fold"]) == {"1 of 3"}
    assert found.about["data"] == {"kind": "disfa", "synthetic": True}
    with pytest.raises(ValueError, match=r"values \(24, 3\) for 24 rows, 2 AUs"):
        Predictions.of(rows, AUS, np.zeros((24, 3)), {})


def test_files_keep_everything(tmp_path: Path) -> None:
    written = predictions(protocol="k-fold", fold="2 of 3", experiment={"model": {"scc": True}})
    path = tmp_path / "deep" / "p.parquet"
    written.write(path)
    assert [file.name for file in path.parent.iterdir()] == ["p.parquet"]
    read = read_predictions(path)
    pd.testing.assert_frame_equal(read.table, written.table)
    assert read.about == written.about
    schema = pq.read_schema(path)
    for name in ("AU12", "AU12_label", "AU04", "AU04_label"):
        assert schema.field(name).type == pa.float32()
    assert json.loads(schema.metadata[b"auheat"])["fold"] == "2 of 3"


def test_files_that_hold_no_predictions(tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match="no predictions at"):
        read_predictions(tmp_path / "p.parquet")
    path = tmp_path / "p.parquet"
    predictions().write(path)
    whole = path.read_bytes()
    plain = pa.table({"image": ["a"], "AU12": [1.0], "AU12_label": [1.0]})
    named = plain.replace_schema_metadata({b"auheat": b"{}"})
    for content in (whole[:-50], b"", b"no"):
        path.write_bytes(content)
        with pytest.raises(AuheatError, match=r"p\.parquet holds no predictions of"):
            read_predictions(path)
    for stored in (plain, named):
        pq.write_table(stored, path)
        with pytest.raises(AuheatError, match="holds no predictions of"):
            read_predictions(path)


def test_pooled_folds_are_measured_as_one_table() -> None:
    parts = [predictions("ab", 1, fold="1 of 2"), predictions("cde", 2, fold="2 of 2")]
    both = pool(parts)
    assert both.subjects.tolist() == [*parts[0].subjects, *parts[1].subjects]
    assert (both.about["name"], both.about["seed"]) == ("run", 3)
    assert "fold" not in both.about
    assert [one["fold"] for one in both.about["parts"]] == ["1 of 2", "2 of 2"]
    report = score(both, resamples=20)
    p, y = both.values()[:, 0], both.labels()[:, 0]
    assert report.metrics["AU12"]["icc"] == pytest.approx(icc31(np.stack([p, y], 1)))
    each = [score(one, resamples=0).metrics for one in parts]
    for au in (*AUS, "mean"):
        for metric in ("icc", "mae"):
            mean = np.mean([found[au][metric] for found in each])
            assert report.fold_means[au][metric] == pytest.approx(mean)
    assert report.fold_means["mean"]["icc"] != pytest.approx(
        report.metrics["mean"]["icc"], abs=1e-4
    )
    assert (report.fold, report.subjects, report.images) == ("1 of 2, 2 of 2", 5, 30)
    assert [len(fold.table) for fold in both.by_fold()] == [12, 18]
    assert score(parts[0], resamples=0).fold_means == {}


def test_what_pooling_refuses() -> None:
    one = predictions("ab", fold="1 of 2")
    with pytest.raises(AuheatError, match=r"b/1\.jpg is in two folds, so one of them trained"):
        pool([one, predictions("bc", fold="2 of 2")])
    with pytest.raises(AuheatError, match="two of the parts are of fold 1 of 2"):
        pool([one, predictions("cd", fold="1 of 2")])
    rows = part("cd")
    other = Predictions.of(rows, ("AU12",), guesses(rows)[:, :1], {})
    with pytest.raises(AuheatError, match="predictions of AU12, AU04 with those of AU12: every"):
        pool([one, other])
    second = predictions("cd", fold="2 of 2")
    for other in (
        replace(second, about={**second.about, "name": "resnet-deconv"}),
        replace(second, about={**second.about, "seed": 4}),
    ):
        with pytest.raises(AuheatError, match=r"parts differ in (name|seed); give the folds of"):
            pool([one, other])
    (short, long), k = ({"optim": {"epochs": n}, "data": {"fold": n}} for n in (1, 2)), {"fold": 2}
    runs = [replace(one, about={**one.about, "experiment": short}),
            replace(second, about={**second.about, "experiment": long})]  # fmt: skip
    with pytest.raises(AuheatError, match="parts differ in optim; give the folds of one network"):
        pool(runs)
    runs[1] = replace(second, about={**second.about, "experiment": {**short, "data": k}})
    assert len(pool(runs).table) == 24


def test_controls_predict_the_same_rows_without_skill() -> None:
    values = guesses(part())
    values[5, 0] = np.nan
    found = Predictions.of(part(), AUS, values, {"name": "run"})
    train = part("xyz", seed=9)
    nothing, mean = zero(found), train_mean(found, train)
    assert nothing.table["image"].equals(found.table["image"])
    assert np.nansum(nothing.values()) == 0 and nothing.about["name"] == "all zero"
    expected = np.nanmean(train.labels(AUS).astype(float), 0)
    np.testing.assert_allclose(mean.values()[1:5], np.tile(expected, (4, 1)), rtol=1e-6)
    for control in (nothing, mean):
        assert np.isnan(control.values()[5, 0])  # as many rows as the network has
        np.testing.assert_array_equal(control.labels(), found.labels())
    report = score(found, controls(found, train), resamples=0)
    labels = found.labels()
    labels[5, 0] = np.nan
    mae = np.mean([np.nanmean(labels[:, a]) for a in range(2)])
    assert report.controls["all zero"]["mae"] == pytest.approx(mae)
    assert report.controls["train mean"]["icc"] == 0  # labels vary, the prediction does not
    assert report.controls["train mean"]["mae"] < report.controls["all zero"]["mae"]
    assert np.isnan(report.controls["all zero"]["pcc"])


def test_controls_without_training_rows_or_codes() -> None:
    found = predictions()
    assert list(controls(found)) == ["all zero"]
    assert list(controls(found, replace(part(), table=part().table.iloc[:0]))) == ["all zero"]
    uncoded = replace(part(), table=part().table.drop(columns="AU04"))
    assert np.isnan(train_mean(found, uncoded).values()[:, 1]).all()


def test_controls_of_folds_pool() -> None:
    folds = [predictions("ab", 1, fold="1"), predictions("cd", 2, fold="2")]
    each = [controls(one, part("xy", seed=n)) for n, one in enumerate(folds)]
    pooled = pool_controls(each)
    assert list(pooled) == ["all zero", "train mean"]
    assert len(pooled["train mean"].table) == 24
    assert len(np.unique(pooled["train mean"].values()[:, 0])) == 2
    assert list(pool_controls([each[0], controls(folds[1])])) == ["all zero"]


def in_correlation(r: float, s: float, n: int = 400) -> Predictions:
    """One AU whose predictions correlate by r and spread s times as far, nothing clipped."""
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, n))
    a -= a.mean()
    b -= b.mean() + a * (a @ b) / (a @ a)
    b *= np.sqrt((a @ a) / (b @ b))
    y = 2.5 + 0.3 * a
    p = 2.2 + 0.3 * s * (r * a + np.sqrt(1 - r * r) * b)
    columns = {"image": [f"{i}.jpg" for i in range(n)], "subject": "S", "sequence": "", "frame": 0}
    table = pd.DataFrame({**columns, "fold": "", "AU12": p, "AU12_label": y})
    return Predictions(table, {"name": "scc"})


@pytest.mark.parametrize(("r", "s"), [(0.5, 0.5), (0.8, 0.4), (0.6, 1.5)])
def test_variance_matching_takes_icc_from_its_closed_form_to_the_correlation(
    r: float, s: float
) -> None:
    """ICC = 2 r s / (1 + s^2) before, r after; the error grows if s was the best one, s = r."""
    given = in_correlation(r, s)
    fitted = VarianceMatching.fit(given)
    assert fitted.scale[0] == pytest.approx(1 / s)
    assert fitted.offset[0] == pytest.approx(2.5 - 2.2 / s)
    matched = fitted.apply(given)
    before, after = given.agreement(), matched.agreement()
    assert before.icc[0] == pytest.approx(2 * r * s / (1 + s * s))
    assert after.icc[0] == pytest.approx(r, abs=1e-6)
    assert after.mean_p[0] == pytest.approx(2.5, abs=1e-6)
    assert after.ss_p[0] == pytest.approx(after.ss_y[0], rel=1e-5)
    # Squared error over the label's variance: 1 - 2 r s + s^2 + bias before, 2 (1 - r) after.
    assert after.mse[0] == pytest.approx(2 * (1 - r) * before.ss_y[0] / 400, rel=1e-4)
    assert matched.about["name"] == "scc + variance matching"
    assert given.about["name"] == "scc"


def test_variance_matching_is_fitted_on_other_people_and_clipped() -> None:
    validation, test = predictions("ab", 1), predictions("cdef", 2)
    fitted = VarianceMatching.fit(validation)
    found = fitted.apply(test)
    expected = np.clip(test.values() * fitted.scale + fitted.offset, 0, 5)
    np.testing.assert_allclose(found.values(), expected, rtol=1e-6)
    assert found.values().min() >= 0 and found.values().max() == 5
    np.testing.assert_array_equal(found.labels(), test.labels())


def test_variance_matching_leaves_alone_what_it_cannot_fit() -> None:
    rows = part()
    still = guesses(rows)
    still[:, 0] = 0.3
    fitted = VarianceMatching.fit(Predictions.of(rows, AUS, still, {}))
    assert (fitted.scale[0], fitted.offset[0]) == (1, 0) and fitted.scale[1] != 1
    still[::2, 0] = np.nextafter(np.float32(0.3), np.float32(1))  # rounding is no variance
    fitted = VarianceMatching.fit(Predictions.of(rows, AUS, still, {}))
    assert (fitted.scale[0], fitted.offset[0]) == (1, 0)
    absent = replace(rows, table=rows.table.assign(AU04=np.float32(0)))
    fitted = VarianceMatching.fit(Predictions.of(absent, AUS, guesses(rows), {}))
    assert (fitted.scale[1], fitted.offset[1]) == (1, 0)
    other = Predictions.of(rows, ("AU12",), guesses(rows)[:, :1], {})
    with pytest.raises(AuheatError, match="fitted for AU12, AU04, not for AU12"):
        fitted.apply(other)
