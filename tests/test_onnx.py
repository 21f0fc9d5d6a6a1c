from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from auheat.errors import AuheatError
from auheat.onnx import open_session


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    """A model that doubles three numbers."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])],
    )
    opsets = [helper.make_opsetid("", 17)]
    path = tmp_path / "doubling.onnx"
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_runs_with_the_threads_asked_for(doubling: Path, threads: int) -> None:
    session = open_session(str(doubling), threads=threads)
    (found,) = session.run(None, {"x": np.array([1, 2, 3], np.float32)})
    assert found.tolist() == [2, 4, 6]
    options = session.get_session_options()
    assert options.intra_op_num_threads == threads
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_mem_pattern


def test_what_cannot_be_run_is_one_line(tmp_path: Path, doubling: Path) -> None:
    with pytest.raises(
        AuheatError, match=r"^no file at .*none\.onnx: give .*install auheat again$"
    ):
        open_session(tmp_path / "none.onnx")
    empty = tmp_path / "empty.onnx"
    empty.touch()
    with pytest.raises(
        AuheatError, match=r"^\S+empty\.onnx is empty: give .*install auheat again$"
    ):
        open_session(empty)
    doubling.write_bytes(doubling.read_bytes()[:40])
    with pytest.raises(AuheatError, match=r"^ONNX Runtime cannot run .*doubling\.onnx: Load model"):
        open_session(doubling)


def test_a_packed_model_runs_as_it_is(doubling: Path) -> None:
    packed = doubling.with_name("doubling.onnx.gz")
    packed.write_bytes(gzip.compress(doubling.read_bytes()))
    doubling.unlink()
    session = open_session(packed)
    (found,) = session.run(None, {"x": np.array([1, 2, 3], np.float32)})
    assert found.tolist() == [2, 4, 6]


def _cut(content: bytes) -> bytes:
    return content[:-20]


def _flipped(content: bytes) -> bytes:
    """In the check sum at the end: what comes out is whole."""
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_cut, "Compressed file ended before the end-of-stream marker was reached"),
        (_flipped, "CRC check failed"),
        (lambda content: gzip.decompress(content), "Not a gzipped file"),
    ],
)
def test_a_damaged_packed_model_is_one_line(
    doubling: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    packed = doubling.with_name("doubling.onnx.gz")
    packed.write_bytes(damage(gzip.compress(doubling.read_bytes())))
    with pytest.raises(AuheatError, match=rf"^ONNX Runtime cannot run .*\.onnx\.gz: {reason}.*$"):
        open_session(packed)


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch, doubling: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        AuheatError, match=r"^onnxruntime is not installed: pip install onnxruntime$"
    ):
        open_session(doubling)


@pytest.mark.parametrize("kind", [ImportError, OSError, RuntimeError])
def test_with_an_onnxruntime_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, doubling: Path, kind: type[Exception]
) -> None:
    """It is there: to install it would change nothing."""

    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "onnxruntime":
                raise kind("libstdc++.so.6: version GLIBCXX_3.4.32\nnot found")

    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    line = (
        r"^onnxruntime is installed, but cannot be loaded \(libstdc\+\+\.so\.6: version "
        r"GLIBCXX_3\.4\.32 not found\): pip install --force-reinstall onnxruntime$"
    )
    with pytest.raises(AuheatError, match=line):
        open_session(doubling)


@pytest.mark.parametrize(
    "damage", [lambda content: content[:40], lambda content: content.replace(b"Add", b"\xe1dd")]
)
def test_nothing_is_written_to_the_terminal(
    doubling: Path, damage: Callable[[bytes], bytes]
) -> None:
    """Not even about a file that is damaged.

    The name of an operation that is no UTF-8 makes ONNX Runtime's Python raise what it falls back
    from: to the same thing, and with four lines on standard output.
    """
    doubling.write_bytes(damage(doubling.read_bytes()))
    code = (
        "import sys; from auheat.errors import AuheatError; from auheat.onnx import open_session\n"
        "try: open_session(sys.argv[1])\n"
        "except AuheatError: pass\n"
        "else: print('opened')"
    )
    command = [sys.executable, "-c", code, str(doubling)]
    result = subprocess.run(command, capture_output=True, check=True)
    assert (result.stdout, result.stderr) == (b"", b"")
