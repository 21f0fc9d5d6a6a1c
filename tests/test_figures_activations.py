"""What figures are told of a network is what the network does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from auheat.config import ModelConfig
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.figures.activations import channel_activations, face_activations, most_active_rows
from auheat.heatmap import codec_of
from auheat.models.checkpoint import Checkpoint
from auheat.models.heatmap_net import build_net
from small_runs import AUS, experiment, write_dataset

# AU04 has one point, AU12 and AU25 have two each.
POINTS = {"AU04": [0], "AU12": [1, 2], "AU25": [3, 4]}


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_dataset(tmp_path_factory.mktemp("faces")).split("test")


def network(**changes: Any) -> Checkpoint:
    """Random weights, large enough at the output that maps differ."""
    config = replace(experiment(Path("nowhere")).model, **changes)
    torch.manual_seed(0)
    net = build_net(config).eval()
    torch.nn.init.normal_(net.head.weight, std=0.5)
    assert net.head.bias is not None
    torch.nn.init.normal_(net.head.bias, mean=0.3, std=0.1)
    return Checkpoint(net, config, {})


def raw(checkpoint: Checkpoint, images: NDArray[Any]) -> NDArray[Any]:
    """All the maps of some images in units of the network's output: (n, N, h, w)."""
    with torch.inference_mode():
        maps = checkpoint.net(torch.from_numpy(images).permute(0, 3, 1, 2).float()).intensity
    return np.asarray(maps)


@pytest.mark.parametrize("maps", ["point", "au"])
def test_faces_are_what_the_network_says_of_them(part: Manifest, maps: str) -> None:
    """Against loops over images, AUs and points."""
    checkpoint = network(maps=maps)
    rows = [4, 0]
    seen = face_activations(checkpoint, part, rows=rows)
    for place, row in enumerate(rows):
        stored = cv2.imread(str(part.folder / part.table["image"][row]))[..., ::-1]
        pad = part.crop.pad
        assert_array_equal(seen.images[place], stored[pad:-pad, pad:-pad])
    assert_allclose(seen.labels, part.labels(AUS)[rows])
    assert seen.aus == AUS
    output = raw(checkpoint, seen.images) / codec_of(checkpoint.config).scale
    for place in range(2):
        for a, au in enumerate(AUS):
            own = POINTS[au] if maps == "point" else [a]
            peaks = [float(np.clip(output[place, k].max(), 0, 5)) for k in own]
            assert seen.predictions[place, a] == pytest.approx(np.mean(peaks), abs=1e-5)
            expected = np.max([output[place, k] for k in own], 0)
            assert_allclose(seen.maps[place, a], expected, atol=1e-5)
    assert np.ptp(seen.predictions) > 0.05


@pytest.mark.parametrize("maps", ["point", "au"])
def test_weights_and_responses_make_the_maps(part: Manifest, maps: str) -> None:
    """Eq. 5: the mean map of an AU is its weights times the responses, plus the mean bias."""
    checkpoint = network(maps=maps)
    seen = channel_activations(checkpoint, part, rows=range(5))
    output = raw(checkpoint, seen.images)
    assert checkpoint.net.head.bias is not None
    bias = checkpoint.net.head.bias.detach().numpy()
    assert seen.weights.shape == (3, 8) and seen.responses.shape == (5, 8, 4, 4)
    for a, au in enumerate(AUS):
        own = POINTS[au] if maps == "point" else [a]
        made = np.einsum("c,nchw->nhw", seen.weights[a], seen.responses) + bias[own].mean()
        assert_allclose(made, output[:, own].mean(1), atol=1e-5)


def test_batches_do_not_matter(part: Manifest) -> None:
    checkpoint = network()
    rows = [0, 1, 2, 3, 4, 5] * 4
    together = channel_activations(checkpoint, part, rows=rows).responses
    assert_allclose(together[18:], together[:6], atol=1e-6)
    assert len(together) == 24


def test_an_hourglass_has_no_such_channels(part: Manifest) -> None:
    config = ModelConfig(aus=AUS, kind="hourglass", input_size=64, width=1 / 32, scc=False)
    checkpoint = Checkpoint(build_net(config).eval(), config, {})
    with pytest.raises(AuheatError, match="kind 'hourglass' has no deconvolutions"):
        channel_activations(checkpoint, part, rows=[0])


def test_rows_that_are_not_there_are_refused(part: Manifest) -> None:
    for rows in ([6], [-1], []):
        with pytest.raises(AuheatError, match="choose from 0 to 5"):
            face_activations(network(), part, rows=rows)


def test_expressive_rows_are_the_strongest_of_each_subject(part: Manifest) -> None:
    """Six images of three people."""
    table = part.table.assign(
        subject=["a", "a", "b", "b", "c", "c"],
        AU04=[1, 5, 2, 2, 0, np.nan],
        AU12=[4, 1, 1, 2, 0, 3],
        AU25=[0, 0, 0, 0, 5, 0],
    )
    changed = replace(part, table=table)
    assert most_active_rows(changed, ("AU04", "AU12"), count=2) == [1, 3]
    assert most_active_rows(changed, ("AU04", "AU12"), count=9) == [1, 3, 5]
    assert most_active_rows(changed, AUS, count=3) == [1, 4, 3]
