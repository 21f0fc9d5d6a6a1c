"""The default weights, the face models, and a face that is read with them from end to end.

`face.jpg` is frame 41 of the rendered clip `examples/smiles.mp4` at two thirds of its size; no real
person is shown. `face.json` holds what the default network reads in it in fp32, and the
SHA-256 of the network's file. Both are made by

    python scripts/make_self_test.py
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from auheat.doctor.machine import Finding
from auheat.errors import AuheatError
from auheat.json_files import parse_json

FACE, EXPECTED = "face.jpg", "face.json"
# Other processors, bf16 and other versions of MediaPipe move a reading by a few hundredths.
TOLERANCE_LEVELS = 0.25
_AGAIN = "install auheat again"


@dataclass(frozen=True)
class Expectation:
    """What the default network reads in the face.

    Attributes:
        network: SHA-256 of the network's file.
        intensities: By AU name, 0 to 5.
    """

    network: str
    intensities: dict[str, float]


def folder() -> Path:
    """Where the face and the expectation lie."""
    return Path(str(files("auheat"))) / "doctor"


def expectation() -> Expectation:
    """What is stored.

    Raises:
        AuheatError: if it is missing or damaged.
    """
    path = folder() / EXPECTED
    try:
        stored = parse_json(path.read_text("utf-8"))
        return Expectation(str(stored["network"]), dict(stored["intensities"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise AuheatError(f"{path} is missing or damaged: {_AGAIN}") from None


def weights() -> Iterator[Finding]:
    """The default network: there, whole, and that of this version."""
    from auheat.models.runtimes.onnx_runtime import OnnxRuntime
    from auheat.models.weights import default_network, default_weights
    from auheat.sums import sha256

    path = default_network()
    network, found = OnnxRuntime(path), sha256(path)
    size = sum(file.stat().st_size for file in (path, default_weights())) / 1e6
    detail = f"{size:.1f} MB, {len(network.config.aus)} AUs, SHA-256 {found[:12]}"
    if found == expectation().network:
        yield Finding("ok", "weights", detail)
    else:
        yield Finding("FAILED", "weights", f"{detail} is not that of this version", _AGAIN)


def face_models() -> Iterator[Finding]:
    """Opens the models that find faces and their meshes, also those that not every call needs."""
    from auheat.faces.model_files import NAMES, model_file, open_model

    problems = list[str]()
    for name in NAMES:
        try:
            open_model(name)
        except AuheatError as error:
            problems.append(str(error))
    for problem in dict.fromkeys(problems):
        yield Finding("FAILED", "face models", problem)
    if not problems:
        size = sum(model_file(name).stat().st_size for name in NAMES) / 1e6
        yield Finding("ok", "face models", f"{size:.1f} MB, {len(NAMES)} models")


def self_test() -> Iterator[Finding]:
    """Finds the face, reads it, and compares with what is stored."""
    from auheat.inference.predictor import load

    started = time.perf_counter()
    predictor = load()
    faces = predictor.predict(folder() / FACE).faces
    seconds = time.perf_counter() - started
    if len(faces) != 1:
        yield Finding("FAILED", "self-test", f"found {len(faces)} faces instead of 1", _AGAIN)
        return
    yield compare(dict(faces[0].intensities), expectation().intensities, seconds)


def compare(read: dict[str, float], expected: dict[str, float], seconds: float) -> Finding:
    """The verdict on readings by AU name, 0 to 5, that took so many seconds."""
    if set(read) != set(expected):
        unlike = sorted(set(read) ^ set(expected))
        return Finding("FAILED", "self-test", f"reads other AUs: {', '.join(unlike)}", _AGAIN)
    furthest = max(read, key=lambda au: abs(read[au] - expected[au]))
    off = abs(read[furthest] - expected[furthest])
    compared = f"{furthest} {read[furthest]:.2f}, expected {expected[furthest]:.2f}"
    if not off <= TOLERANCE_LEVELS:
        advice = "report it, with all lines above"
        return Finding("FAILED", "self-test", f"a rendered face reads {compared}", advice)
    detail = f"a rendered face read in {seconds:.1f} s, no AU off by more than {off:.2f}"
    return Finding("ok", "self-test", detail)
