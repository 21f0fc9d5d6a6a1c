"""The faces that a network errs on most: which they are, and what is drawn of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import cli_calls
from auheat.data.manifest import Manifest
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.figures import style
from auheat.figures.mistakes import HIGH, LOW, largest_errors, mistakes
from drawn_figures import shown_images, words
from small_runs import AUS, CROP, write_dataset


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return write_dataset(tmp_path / "data")


@pytest.fixture
def predictions(manifest: Manifest) -> Predictions:
    """As the labels say, but for AU12 of six images of five people."""
    values = manifest.labels(AUS).astype(np.float64)
    found = Predictions.of(manifest, AUS, values, {"name": "run"})
    au12 = found.table.columns.get_loc("AU12")
    found.table["AU12" + LABEL] = 2.0
    found.table["AU12"] = 2.0
    for row, value in ((4, 0.5), (5, 0.1), (6, 1.4), (8, 1.6), (20, 4.5), (22, 2.49)):
        found.table.iloc[row, au12] = value
    return found


def test_the_worst_of_each_person_comes_first(predictions: Predictions) -> None:
    """Images 4 and 5 are of one person; 8 and 22 err by less than half a level."""
    found = largest_errors(predictions, "AU12", 3)
    assert list(found) == [LOW, HIGH]
    assert found[LOW]["image"].tolist() == ["05.png", "06.png"]
    assert found[HIGH]["image"].tolist() == ["20.png"]
    assert largest_errors(predictions, "AU12", 1)[LOW]["image"].tolist() == ["05.png"]
    assert [len(rows) for rows in largest_errors(predictions, "AU04", 3).values()] == [0, 0]


def test_what_is_not_coded_is_no_error(predictions: Predictions) -> None:
    predictions.table.loc[5, "AU12" + LABEL] = np.nan
    assert largest_errors(predictions, "AU12", 3)[LOW]["image"].tolist() == ["04.png", "06.png"]


def test_faces_are_drawn_as_the_network_sees_them(
    manifest: Manifest, predictions: Predictions
) -> None:
    figure = mistakes(predictions, manifest)
    shown = [image for (image,) in shown_images(figure)]
    expected = []
    for name in ("05.png", "06.png", "20.png"):
        whole = cv2.imread(str(manifest.folder / name))[..., ::-1]
        expected.append(whole[CROP.pad : -CROP.pad, CROP.pad : -CROP.pad])
    assert len(shown) == 3
    for image, crop in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(image.get_array(), crop)
    said = words(figure)
    for text in ("2 → 0.1", "2 → 1.4", "2 → 4.5", "too low", "too high"):
        assert text in said
    assert any("synthetic faces; 38 images" in text for text in said)


def test_the_same_errors_give_the_same_bytes(
    manifest: Manifest, predictions: Predictions, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png", "a.jpg", "b.jpg"):
        style.write(mistakes(predictions, manifest), tmp_path / name)
    for ending in ("png", "jpg"):
        one, other = (tmp_path / f"{stem}.{ending}" for stem in "ab")
        assert one.read_bytes() == other.read_bytes()
        assert cv2.imread(str(one)) is not None


def test_the_command_draws_them(
    manifest: Manifest, predictions: Predictions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    predictions.table.rename(columns={"image": "input"}).drop(
        columns=[au + LABEL for au in AUS]
    ).assign(face=0, success=1).rename(columns={au: f"{au}_r" for au in AUS}).to_csv(
        "theirs.csv", index=False
    )
    arguments = ("theirs.csv", "--data", "data", "--split", "all", "--mistakes")
    assert "\nlargest errors: worst.jpg\n" in cli_calls.done("evaluate", *arguments, "worst.jpg")
    assert cv2.imread("worst.jpg") is not None
    line = cli_calls.refused("evaluate", *arguments, "worst.gif")
    assert "give a name that ends in .jpg or .jpeg or .png" in line


def test_no_image_of_the_dataset_is_written_over(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by its name nor through a link, as of a folder of images that datasets share."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("data")
    before = Path("data/05.png").read_bytes()
    for place in ("data/05.png", "link/05.png"):
        line = cli_calls.refused("evaluate", "default", "--data", "data", "--mistakes", place)
        assert line == (
            f"auheat: {place} is read, and cannot be written as well: name another file\n"
        )
    assert Path("data/05.png").read_bytes() == before
