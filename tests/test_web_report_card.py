"""What a report says of weights: what trained them is not what they were measured on."""

from __future__ import annotations

from pathlib import Path

import ship_weights
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.weights import default_weights
from auheat.training.run_folder import BEST
from auheat.web.report.provenance import card_lines
from stand_ins import small_checkpoint
from test_evaluation_reports import full

RUN = {
    "auheat": "0.1.0",
    "experiment": {
        "name": "mine",
        "data": {"folder": "anna/sets/faces-a", "more": ["sets/faces-b"]},
        "optim": {"start": "old/RS1.safetensors"},
    },
    "epoch": 3,
    "validation": {"icc": 0.5, "mae": 0.25},
}
SHIPPED = RUN | {
    "data": {"kind": "synthetic", "plan": {"subjects": 250, "images": 1000, "seed": 504}},
    "test": {"subjects": 125, "images": 500, "icc": 0.769, "mae": 0.336},
}
MEASURED_ON = "rendered faces, 500 images of 125 people of a dataset of 1000 images of 250 people"


def test_what_shipped_weights_were_measured_on_is_not_called_their_training() -> None:
    """It was: the card's `data` is of the result file, and the settings are of the last run."""
    shown = dict(card_lines(SHIPPED, "default"))
    assert shown["measured"] == "ICC(3,1) 0.769, MAE 0.336 (means over AUs)"
    assert shown["measured on"] == f"{MEASURED_ON}, seed 504"
    assert "training data" not in shown
    assert "validation" not in shown
    told = dict(card_lines(SHIPPED | {"training": "9 images of 3 people"}, "default"))
    assert told == shown | {"training data": "9 images of 3 people"}


def test_a_run_says_its_own_datasets_and_validation() -> None:
    shown = dict(card_lines(RUN, "runs/mine/best.safetensors"))
    assert shown["weights"] == "best.safetensors"
    assert shown["training data"] == "faces-a, faces-b; started from RS1.safetensors"
    assert shown["validation"] == "ICC(3,1) 0.500, MAE 0.250 (means over AUs)"
    assert not {"measured", "measured on"} & set(shown)
    assert "training data" not in dict(card_lines({}, "a.onnx"))


def test_the_weights_that_come_with_auheat_say_so() -> None:
    card = load_checkpoint(default_weights()).card
    shown = dict(card_lines(card, "default"))
    plan, test = card["data"]["plan"], card["test"]
    counts = f"{test['images']} images of {test['subjects']} people of a dataset of "
    counts += f"{plan['images']} images of {plan['subjects']} people"
    assert counts in shown["measured on"]
    assert shown.get("training data") == card.get("training")


def test_shipping_writes_what_trained_beside_what_measured(tmp_path: Path) -> None:
    net = small_checkpoint()
    save_checkpoint(tmp_path / BEST, net.net, net.config, card=RUN)
    full().write(tmp_path / "result-test.json")
    out = tmp_path / "out.safetensors"
    ship_weights.write_weights(tmp_path, out, "nine rendered faces")
    card = load_checkpoint(out).card
    assert card["training"] == "nine rendered faces"
    assert card["data"] == dict(full().data)
    ship_weights.write_weights(tmp_path, out)
    assert "training" not in load_checkpoint(out).card
