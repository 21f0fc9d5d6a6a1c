"""Glasses."""

from __future__ import annotations

import numpy as np

from auheat.synthesis.face import FaceModel
from auheat.synthesis.glasses import sample_glasses


def test_glasses_sit_before_the_eyes(model: FaceModel) -> None:
    marks = model.pack.vertices[model.pack.landmarks]
    tints, heavier = [], []
    for seed in range(30):
        glasses = sample_glasses(np.random.default_rng(seed), marks)
        for rim, eye in zip(glasses.rims, (marks[36:42], marks[42:48]), strict=True):
            assert rim.shape == (36, 3)
            assert rim.dtype == np.float32
            np.testing.assert_allclose(rim[:, :2].mean(0), eye.mean(0)[:2], atol=0.6)
            assert (rim[:, 2] > eye[:, 2].max() - 0.6).all()
            inside = (rim[:, 0].min() < eye[:, 0]) & (eye[:, 0] < rim[:, 0].max())
            assert inside.all()
        frame = glasses.frame
        assert len(frame.start) == 2 * 36 + 2 + 2  # rims, temples, a bridge of two
        assert (frame.width > 0.05).all()
        assert (frame.end[:, 2] > 1.9).all()
        assert np.abs(frame.end[:, 0]).max() < 1.1 * np.abs(marks[16, 0]) + 0.5
        rim = frame.width[:36]
        heights = frame.start[:36, 1] - frame.start[:36, 1].mean()
        upper = rim[heights > 0.8 * heights.max()]
        assert rim.min() == np.float32(frame.width[-1])  # that of bridge and temples
        assert (upper == rim.max()).all()
        heavier.append(rim.max() / rim.min())
        assert 0 <= glasses.opacity < 1
        assert 0 <= glasses.tint.min() <= glasses.tint.max() <= 1
        assert 0 <= glasses.glare[0] <= 0.4
        tints.append(glasses.opacity)
    assert 0.05 < np.mean(np.array(tints) > 0.5) < 0.5  # sunglasses
    heavy = np.array(heavier) > 1
    assert 0.15 < heavy.mean() < 0.6
    assert (np.array(heavier)[heavy] > 1.29).all()
