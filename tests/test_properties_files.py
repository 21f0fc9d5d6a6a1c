"""Properties of labels, manifests, tables and settings, over inputs that nobody thought of.

Readers of users' files are held to one rule besides: whatever bytes a file holds, it is read, or
the error is an `AuheatError` of one line.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auheat.config import ModelConfig
from auheat.data.datasets import DATASETS
from auheat.data.labels import FACS_SCALE, IntensityScale, read_column
from auheat.data.manifest import FILE, Manifest, join, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.foreign import ForeignTable
from auheat.evaluation.join import join_to_labels
from auheat.faces.crop import CropSpec
from auheat.facs import TABLE
from auheat.settings import build, deep_merge, override, read_toml, to_dict
from auheat.tables.reading import read_table
from numbered_frames import frames

levels = st.floats(0, 5, width=32)


def one_line(read: Any, *arguments: object, **options: object) -> Any:
    """What a reader gives, None if it refuses; fails on any other error."""
    try:
        return read(*arguments, **options)
    except AuheatError as error:
        message = str(error)
    assert message and "\n" not in message
    return None


# Labels
@given(st.binary(max_size=300))
@example(b"\xff\xfe1")
@example(b"1,2\n" * 3 + b"\x00")
@example("١,٢\n".encode())  # digits that are not 0 to 9
@example(b"1e999,1\n")
@example(b"1e30,1\n")
def test_any_bytes_are_read_as_labels_or_named(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.txt"
    path.write_bytes(content)
    problems: list[str] = []
    column = read_column(path, FACS_SCALE, problems)
    assert (np.diff(column.frames) > 0).all() and FACS_SCALE.hold(column.codes).all()
    assert all("\n" not in line for line in problems)


@given(st.floats(0.5, 1000), st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_scales_keep_order_and_ends(top: float, fractions: list[float]) -> None:
    codes = np.sort(np.array(fractions)) * top
    found = IntensityScale(max=top, not_codable=None).levels(codes)
    assert (np.diff(found) >= 0).all() and found.min() >= 0 and found.max() <= 5 + 1e-12
    np.testing.assert_allclose(found, 5 * codes / top, rtol=1e-12)


# Manifests

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
rows = st.lists(
    st.tuples(names, st.integers(0, 2**31 - 1), st.none() | levels, st.none() | levels), max_size=8
)


@given(rows)
def test_a_manifest_comes_back(
    tmp_path_factory: pytest.TempPathFactory, given_: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    table = pd.DataFrame(
        {
            "image": [f"{n}.jpg" for n in range(len(given_))],
            "subject": [who for who, *_ in given_],
            "split": ["train" if hash(who) % 2 else "val" for who, *_ in given_],
            "sequence": [who for who, *_ in given_],
            "frame": np.array([frame for _, frame, *_ in given_], np.int64),
            "landmarks": [np.full(136, n, np.float32) for n in range(len(given_))],
            "AU01": np.array([level for *_, level, _ in given_], np.float32),
            "AU20": np.array([level for *_, level in given_], np.float32),
        }
    )
    written = Manifest(table, folder, CropSpec(64, 2), {"kind": "x"})
    written.write()
    found = read_manifest(str(folder))
    for name in ("image", "subject", "split", "sequence", "frame"):
        assert found.table[name].to_list() == table[name].to_list()
    np.testing.assert_array_equal(found.labels(found.aus), written.labels(written.aus))
    np.testing.assert_array_equal(found.landmarks(), written.landmarks())
    sides = [found.split(side) for side in ("train", "val", "test")]
    assert sum(len(side.table) for side in sides) == len(given_)
    other = replace(found, folder=folder / "other")
    both = join([found, other])
    assert len(both.table) == 2 * len(given_)
    assert both.table["subject"].nunique() == 2 * found.table["subject"].nunique()


@given(st.integers(0, 10**6), st.integers(0, 7), st.booleans())
def test_a_damaged_manifest_is_refused_or_whole(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, cut: bool
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = replace(frames(5), folder=folder).write()
    content = bytearray(path.read_bytes())
    place %= len(content)
    if cut:
        del content[place:]
    else:
        content[place] ^= 1 << bit
    (folder / FILE).write_bytes(bytes(content))
    found = one_line(read_manifest, folder)
    if found is not None:
        assert found.landmarks().shape == (len(found.table), 68, 2)
        values = found.labels(found.aus)
        assert (np.isnan(values) | ((values >= 0) & (values <= 5))).all()


# Tables and their rows in a dataset
CELLS = st.lists(st.tuples(levels, levels), min_size=1, max_size=9)


@given(CELLS, st.sampled_from([",", ";", "\t"]), st.booleans(), st.booleans(), st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]
))  # fmt: skip
def test_a_table_is_the_same_however_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[float, float]],
    sign: str,
    comma: bool,
    packed: bool,
    encoding: str,
) -> None:
    def number(value: float) -> str:
        text = f"{value:.3f}"
        return text.replace(".", ",") if comma and sign != "," else text

    lines = [sign.join(["frame", "face_id", "success", "AU12_r", "AU01_r"])]
    lines += [sign.join([str(n), "0", "1", *map(number, row)]) for n, row in enumerate(cells, 1)]
    content = ("\r\n".join(lines) + "\r\n").encode(encoding)
    path = tmp_path_factory.getbasetemp() / ("table.csv.gz" if packed else "table.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_table(str(path))
    np.testing.assert_allclose(found[["AU12", "AU01"]], np.round(cells, 3), atol=1e-9)
    assert found["frame"].to_list() == list(range(1, len(cells) + 1))


@given(st.binary(max_size=200), st.sampled_from(["csv", "csv.gz", "parquet", "txt"]), st.booleans())
def test_any_bytes_are_read_as_a_table_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str, headed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{ending}"
    path.write_bytes((b"frame,success,AU12_r\n" if headed else b"") + content)
    one_line(read_table, path)


@given(st.permutations(range(1, 13)), st.sets(st.integers(1, 12), min_size=1))
def test_rows_find_their_labels_in_any_order(order: list[int], kept: set[int]) -> None:
    whole = frames(12)
    numbers = [n for n in order if n in kept]
    given_ = pd.DataFrame({"source": "out/P1", "is_image": False, "frame": numbers, "face": "0"})
    given_ = given_.assign(confidence=1.0, AU12=[n / 10 for n in numbers])
    found = join_to_labels(ForeignTable("auheat", given_), whole, part=whole, about={})
    assert found.table["frame"].to_list() == sorted(kept)
    np.testing.assert_allclose(found.values()[:, 0], [n / 10 for n in sorted(kept)], rtol=1e-6)
    assert found.about["coverage"] == {"images": len(kept), "of": 12}


# Settings
configs = st.builds(
    ModelConfig,
    aus=st.lists(st.sampled_from(list(TABLE)), min_size=1, max_size=5, unique=True).map(tuple),
    width=st.floats(1 / 64, 4),
    input_size=st.integers(1, 20).map(lambda n: 32 * n),
    deconv_widths=st.lists(st.integers(7, 300), min_size=1, max_size=4).map(tuple),
    sigma=st.floats(1e-3, 1e3),
    amplitude=st.just("paper") | st.floats(1e-3, 1e3),
    backbone=st.sampled_from(["resnet18", "resnet50"]),
    scc=st.booleans(),
)


@given(configs)
def test_settings_come_back_from_a_checkpoint(config: ModelConfig) -> None:
    assert build(ModelConfig, to_dict(config), "x") == config


plain = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc", max_size=4),
    lambda inner: st.dictionaries(st.text("xyz", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=8,
)
trees = st.dictionaries(st.text("xyz", min_size=1, max_size=2), plain, max_size=3)


@given(trees, trees, trees)
def test_layers_of_settings(below: Any, above: Any, top: Any) -> None:
    """The upper wins, and is there in full; to lay something over itself changes nothing."""
    merged = deep_merge(below, above)
    assert deep_merge(merged, above) == merged
    assert deep_merge(below, below) == below
    assert deep_merge(below, {}) == below
    for key, value in above.items():
        if not isinstance(value, dict):
            assert merged[key] == value


@given(
    st.lists(st.sampled_from(["model", "optim", "x"]), min_size=1, max_size=3),
    st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
)
def test_an_override_is_what_it_says(keys: list[str], value: Any) -> None:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    found: Any = override({}, [f"{'.'.join(keys)}={text}"])
    for key in keys:
        found = found[key]
    assert found == value and type(found) is type(value)


@given(st.binary(max_size=120))
def test_any_bytes_are_settings_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "settings.toml"
    path.write_bytes(content)
    one_line(read_toml, path)


@given(st.sampled_from(list(DATASETS)), st.dictionaries(st.text(max_size=9), plain, max_size=3))
def test_any_mapping_is_a_config_or_refused(name: str, settings: dict[str, Any]) -> None:
    one_line(build, ModelConfig, settings, name)
    assert math.isfinite(DATASETS[name].spec.scale.max)
