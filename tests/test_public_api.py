"""What users may rely on: the names, how they are called, and what importing them does not do."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest

import auheat
import auheat.models.runtimes.names as runtime_names
import auheat.tables.names as table_names
from fresh_python import printed

ROOT = Path(auheat.__file__).parent
# Names that the stub does not tell.
PLACES: dict[str, str] = vars(auheat)["_PLACES"]
TYPES = ("Baseline", "Face", "FacePrediction", "FrameResult", "HeadPose", "LiveTracker",
         "PersonBaseline", "Predictor", "Report", "VideoPrediction")  # fmt: skip
FUNCTIONS = ("draw", "evaluate", "find_events", "load", "read_table")


def test_public_names() -> None:
    assert set(auheat.__all__) == {*TYPES, *FUNCTIONS, "AuheatError", "metrics", "__version__"}
    for name in auheat.__all__:
        assert getattr(auheat, name) is not None
    assert dir(auheat) == sorted(auheat.__all__)  # none of what `__init__` needs itself
    assert dir(auheat.metrics) == ["Agreement", "METRICS", "icc31", "summary"]


def test_every_name_is_where_it_is_defined() -> None:
    for name in (*TYPES, *FUNCTIONS, "AuheatError"):
        thing = getattr(auheat, name)
        assert (thing.__module__, thing.__name__) == (PLACES[name], name)
    assert auheat.metrics.__name__ == "auheat.metrics"


def test_type_checkers_see_every_name() -> None:
    """The stub beside `__init__.py`, the table of places and `__all__` agree."""
    stub = ast.parse((ROOT / "__init__.pyi").read_text("utf-8"))
    imported = {
        alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    assert imported == PLACES | {"metrics": "auheat"}
    assert (ROOT / "py.typed").is_file()


@pytest.mark.parametrize("name", [*FUNCTIONS, *TYPES])
def test_arguments_beyond_the_first_two_are_keywords(name: str) -> None:
    """Of functions, of methods, and of the types where they are made."""
    thing = getattr(auheat, name)
    called = [thing] if name in FUNCTIONS else [thing.__init__, *_methods(thing)]
    for function in called:
        positional = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            and parameter.name not in ("self", "cls")
        ]
        assert len(positional) <= 2, f"{function.__qualname__}: {positional}"


def _methods(kind: type) -> list[Any]:
    return [
        value
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and value.__module__.startswith("auheat")
    ]


@pytest.mark.parametrize("name", [*FUNCTIONS, *TYPES])
def test_everything_public_is_documented(name: str) -> None:
    thing = getattr(auheat, name)
    for documented in [thing, *(_methods(thing) if name in TYPES else ())]:
        assert inspect.getdoc(documented), documented
    reference = (ROOT.parents[1] / "docs" / "api.md").read_text("utf-8")
    assert f"::: auheat.{name}\n" in reference


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'predict_video'"):
        auheat.predict_video  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(auheat, "_nothing")


@pytest.mark.slow
def test_star_import_and_submodules_work() -> None:
    code = (
        "import auheat, auheat.facs; from auheat import *; from auheat import results\n"
        "assert load is auheat.load and results.Face is Face and auheat.facs.TABLE\n"
        "assert metrics.icc31 is auheat.metrics.icc31"
    )
    assert printed(code) == b""


def test_importing_loads_nothing() -> None:
    code = (
        "import sys; import auheat; auheat.AuheatError; auheat.FrameResult\n"
        "print({'torch', 'mediapipe', 'cv2', 'av', 'pandas', 'PIL'} & set(sys.modules))"
    )
    assert printed(code) == b"set()"


@pytest.mark.parametrize(
    "call",
    [
        "auheat.load('none.onnx')",
        "auheat.load('none.safetensors')",
        "auheat.read_table('none.csv')",
        "auheat.find_events('none.parquet')",
        "auheat.evaluate('none.csv', 'none')",
        "auheat.inference.sources.open_source('none.mp4', 30.0)",
        "auheat.media.frames.VideoFile('none.mp4')",
        "auheat.media.images.read_image('none.jpg')",
        "auheat.models.checkpoint.load_checkpoint('none.safetensors')",
        "auheat.data.manifest.read_manifest('none')",
        "auheat.evaluation.foreign.read_foreign('none.csv')",
        "auheat.evaluation.report.read_report('none.json')",
        "auheat.inference.uncertainty.load_uncertainty('none.onnx', ['AU12'])",
    ],
)
def test_paths_may_be_strings(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there is one line, not an AttributeError of a string."""
    monkeypatch.chdir(tmp_path)
    module = call.partition("(")[0].rpartition(".")[0]
    __import__(module)
    if "load_uncertainty" in call:
        assert eval(call, {"auheat": auheat}) is None
        return
    with pytest.raises(auheat.AuheatError, match="none"):
        eval(call, {"auheat": auheat})


def test_action_units_that_are_numbers_are_refused_in_one_line() -> None:
    with pytest.raises(auheat.AuheatError, match="unknown Action Unit '12'"):
        auheat.load(aus=[12])  # type: ignore[list-item]


def test_no_private_class_shows_in_what_is_documented() -> None:
    """In signatures of functions, methods, properties and fields; `Progress` is told in words."""
    defined = {
        node.name
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    private = defined - set(auheat.__all__) - {"Progress"}
    reference = (ROOT.parents[1] / "docs" / "api.md").read_text("utf-8")
    for name in (*FUNCTIONS, *TYPES):
        thing = getattr(auheat, name)
        options = reference.partition(f"::: auheat.{name}\n")[2].partition(":::")[0]
        members = re.search(r"members: \[(.*)\]", options)
        texts = {name: str(inspect.signature(thing))}
        if "merge_init_into_class: false" in options:
            texts.clear()
        for kind in thing.__mro__ if name in TYPES else ():
            for key, value in vars(kind).items():
                value = getattr(value, "fget", getattr(value, "__func__", value))
                wanted = key in members[1].split(", ") if members else not key.startswith("_")
                if wanted and inspect.isfunction(value):
                    texts[key] = str(inspect.signature(value))
        for key, text in texts.items():
            shown = private & set(re.findall(r"(?<![.\w])\w+", text))
            assert not shown, f"{name}.{key}: {shown}"


def test_the_card_of_the_weights_is_public() -> None:
    assert auheat.load().card["experiment"]["name"]


def test_names_in_public_signatures_are_public_or_explained() -> None:
    """Names of other packages aside: `pd.DataFrame`, `NDArray` and the like."""
    reference = (ROOT.parents[1] / "docs" / "api.md").read_text("utf-8")
    explained = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", reference, re.MULTILINE))
    choices: dict[str, Any] = {**vars(runtime_names), **vars(table_names)}
    for name, words in explained.items():
        if values := get_args(choices.get(name)):
            assert set(re.findall(r'`"([^"]+)"`', words)) == set(values), name
    shown = {"Predictor": ["predict", "predict_faces", "predict_video", "tracker"]}
    elsewhere = {"Any", "ArrayLike", "Callable", "DataFrame", "Detections", "Iterable", "Iterator",
                 "Literal", "Mapping", "NDArray", "None", "Path", "Sequence", "Table"}  # fmt: skip
    for name in (*FUNCTIONS, *TYPES):
        thing = getattr(auheat, name)
        methods = [m for m in _methods(thing) if m.__name__ in shown.get(name, dir(thing))]
        for function in methods if name in TYPES else [thing]:
            for words in function.__annotations__.values():
                used = set(re.findall(r"\b[A-Z]\w+", str(words)))
                unknown = used - elsewhere - set(auheat.__all__) - set(explained)
                assert not unknown, f"{function.__qualname__}: {unknown}"


def test_images_are_taken_as_opencv_types_them() -> None:
    """`cv2.cvtColor` gives an array "of integers or floats"; the check is made when it is read.

    Type checkers see these calls in `make types`; a name of a narrower type fails there.
    """
    from stand_ins import face_from, small_predictor

    bgr = np.zeros((48, 64, 3), np.uint8)
    image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    predictor = small_predictor([[]])
    face = face_from(np.random.default_rng(0).uniform(0, 40, (68, 2)))
    result: auheat.FrameResult = predictor.predict(image)
    assert auheat.draw(image, result).dtype == np.uint8
    assert len(predictor.predict_faces(image, [face])) == 1
    assert len(predictor.tracker().update(image)) == 0
    assert len(list(predictor.predict_video([image, image]))) == 2
    camera = (cv2.cvtColor(taken, cv2.COLOR_BGR2RGB) for taken in [bgr])
    assert len(list(predictor.predict_video(camera))) == 1


def test_types_of_images_that_are_given() -> None:
    given = [
        auheat.draw,
        auheat.Predictor.predict,
        auheat.Predictor.predict_faces,
        auheat.LiveTracker.update,
    ]
    for function in given:
        assert function.__annotations__["image"].partition(" ")[0] == "AnyImage"
    assert "Iterable[AnyImage]" in auheat.Predictor.predict_video.__annotations__["source"]
    assert auheat.draw.__annotations__["return"] == "Image"  # what is given back is known


def test_what_belongs_to_a_process_says_so() -> None:
    """Pickling named an ONNX session, a generator or a lock of auheat's parts."""
    from stand_ins import small_predictor

    predictor = small_predictor([[]])
    video = predictor.predict_video([np.zeros((48, 64, 3), np.uint8)])
    for thing in (predictor, predictor.tracker(), video):
        for send in (pickle.dumps, copy.deepcopy):
            name = type(thing).__name__
            with pytest.raises(TypeError, match=f"^a {name} cannot be pickled .*in each process$"):
                send(thing)
        assert vars(copy.copy(thing)) == vars(thing)  # a shallow copy shares what it holds
