from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import auheat

ROOT = Path(auheat.__file__).parent


def test_public_names() -> None:
    assert set(auheat.__all__) == {
        *("AuheatError", "Face", "FacePrediction", "FrameResult", "Predictor", "VideoPrediction"),
        *("__version__", "load", "predict_video"),
    }


def test_every_name_is_where_it_is_defined() -> None:
    from auheat.errors import AuheatError
    from auheat.inference.predictor import Predictor, load
    from auheat.inference.video import VideoPrediction, predict_video
    from auheat.results import Face, FacePrediction, FrameResult

    for thing in (
        *(AuheatError, Face, FacePrediction, FrameResult),
        *(Predictor, VideoPrediction, load, predict_video),
    ):
        assert getattr(auheat, thing.__name__) is thing
        assert thing.__name__ in dir(auheat)


def test_type_checkers_see_every_name() -> None:
    """The names under TYPE_CHECKING, the table of places and `__all__` must agree."""
    tree = ast.parse((ROOT / "__init__.py").read_text("utf-8"))
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == auheat._PLACES
    assert {*typed, "__version__"} == set(auheat.__all__)
    assert (ROOT / "py.typed").is_file()


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        auheat.predict  # noqa: B018
    assert not hasattr(auheat, "_nothing")


def test_star_import_and_submodules_work() -> None:
    code = (
        "import auheat, auheat.facs; from auheat import *; from auheat import results\n"
        "assert load is auheat.load and results.Face is Face and auheat.facs.TABLE"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_loads_nothing() -> None:
    code = (
        "import sys; import auheat; auheat.AuheatError; auheat.FrameResult\n"
        "print({'torch', 'mediapipe', 'cv2', 'av', 'pandas', 'PIL'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"set()"
