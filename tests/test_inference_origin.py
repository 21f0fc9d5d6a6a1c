"""What lies beside a table, and whose results a later run does not replace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auheat import __version__
from auheat.errors import AuheatError
from auheat.inference.inputs import gather
from auheat.inference.origin import is_of, origin_of, read_origin, write_origin
from auheat.inference.predictor import load
from auheat.sums import sha256
from stand_ins import save_small


def test_a_file_in_full(tmp_path: Path) -> None:
    weights = save_small(tmp_path / "w.safetensors")
    predictor = load(weights, "cpu", aus=["AU12"])
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"12345")
    write_origin(tmp_path / "clip", clip, origin_of(predictor, {"smooth": True}))
    stored = json.loads((tmp_path / "clip.origin.json").read_text())
    assert stored == {
        "auheat_origin": 1,
        "auheat": __version__,
        "weights": {"file": "w.safetensors", "sha256": sha256(weights)},
        "runtime": "torch",
        "precision": predictor.runtime.precision,
        "device": "cpu",
        "settings": {"aus": ["AU12"], "smooth": True},
        "input": {
            "path": str(clip.resolve()),
            "name": "clip.mp4",
            "given": clip.as_posix(),
            "bytes": 5,
            "modified_ns": clip.stat().st_mtime_ns,
        },
    }


def test_results_of_another_input_of_that_name_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    first, second = tmp_path / "P1" / "session.mp4", tmp_path / "P2" / "session.mp4"
    for path, content in ((first, b"one"), (second, b"two!")):
        path.parent.mkdir()
        path.write_bytes(content)
    names = []
    for path in (first, second, first, second):
        (item,) = gather([path], out, sequence=False, is_of=is_of)
        names.append(item.name)
        write_origin(out / item.name, path, {})
    assert names == ["session", "session.mp4", "session", "session.mp4"]
    moved = tmp_path / "P3" / "session.mp4"
    moved.parent.mkdir()
    Path(first).replace(moved)
    assert gather([moved], out, sequence=False, is_of=is_of)[0].name == "session"


def test_results_of_nobody_knows_what_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert is_of(tmp_path / "a", tmp_path / "a.mp4")
    for text in ("", "[]", '{"input": {}}'):
        (tmp_path / "a.origin.json").write_text(text)
        assert is_of(tmp_path / "a", tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("fps", 0), ("fps", -1), ("fps", True), ("fps", "5"), ("fps", 1e9), ("smooth", "maybe")),
        *(("max_faces", 0), ("aus", "AU12"), ("baseline", [1]), ("format", "xlsx"), ("pose", 1)),
    ],
)
def test_settings_that_make_no_sense_are_damage(tmp_path: Path, name: str, value: object) -> None:
    """A rate of 0 was read as none, and any text as true."""
    settings: dict[str, object] = {
        **{"aus": ["AU12"], "max_faces": 5, "sequence": True, "fps": 12.5, "baseline": None},
        **{"smooth": False, "format": "tidy", "pose": False, "landmarks": False, "std": True},
    }
    stored = {
        **{"auheat_origin": 1, "auheat": "0.1.0", "weights": None, "runtime": "onnx"},
        **{"precision": "fp32", "device": "cpu"},
        "input": {"path": "a", "given": "a", "bytes": 1, "modified_ns": 1},
    }
    path = tmp_path / "a.origin.json"
    path.write_text(json.dumps(stored | {"settings": settings}))
    assert read_origin(path)["settings"] == settings
    path.write_text(json.dumps(stored | {"settings": settings | {name: value}}))
    with pytest.raises(AuheatError, match=r"a\.origin\.json is damaged: its settings make no"):
        read_origin(path)
