"""The manifest file: what it holds, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auheat.data.manifest import FILE, VERSION, Manifest, join, read_manifest
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec

SOURCE = {"kind": "test", "people": 3, "nested": {"seed": 1}}


def table(rows: int = 6) -> pd.DataFrame:
    """Three people in three splits; AU12 coded throughout, AU04 for some."""
    rng = np.random.default_rng(0)
    subjects = [f"S{i % 3}" for i in range(rows)]
    return pd.DataFrame(
        {
            "image": [f"images/{i}.jpg" for i in range(rows)],
            "subject": subjects,
            "split": [("train", "val", "test")[int(s[1])] for s in subjects],
            "sequence": ["", "a", "a", "b", "", "ü"][:rows],
            "frame": [0, 1, 2, 1, 0, 7][:rows],
            "landmarks": list(rng.uniform(-3, 150, (rows, 136)).astype(np.float32)),
            "AU12": rng.uniform(0, 5, rows).astype(np.float32),
            "AU04": np.array([0, 5, np.nan, 2.5, np.nan, 1][:rows], np.float32),
        }
    )


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return Manifest(table(), tmp_path, CropSpec(128, 8), SOURCE)


def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    path = manifest.write()
    assert path == manifest.folder / FILE
    found = read_manifest(manifest.folder)
    assert found.folder == manifest.folder
    assert found.crop == CropSpec(128, 8)
    assert found.source == SOURCE
    assert found.aus == ("AU04", "AU12")  # in the order of the table of AUs
    np.testing.assert_array_equal(found.landmarks(), manifest.landmarks())
    np.testing.assert_array_equal(found.labels(found.aus), manifest.labels(found.aus))
    for name in ("image", "subject", "split", "sequence", "frame"):
        assert found.table[name].to_list() == manifest.table[name].to_list()
    assert found.write() == path  # and once more
    pd.testing.assert_frame_equal(read_manifest(manifest.folder).table, found.table)


def test_convention_columns_and_their_types(manifest: Manifest) -> None:
    """What other programs may rely on."""
    schema = pq.read_schema(manifest.write())
    fixed = ["image", "subject", "split", "sequence", "frame", "landmarks"]
    assert schema.names == [*fixed, "AU04", "AU12"]
    assert schema.field("frame").type == pa.int32()
    assert schema.field("AU04").type == pa.float32()
    assert schema.field("landmarks").type == pa.list_(pa.float32(), 136)
    header = json.loads(schema.metadata[b"auheat"])
    assert header == {"version": VERSION, "crop": {"size": 128, "pad": 8}, "source": SOURCE}


def test_convention_landmarks_are_x_then_y(manifest: Manifest) -> None:
    flat = manifest.table["landmarks"].iloc[2]
    marks = manifest.landmarks()
    assert marks.shape == (6, 68, 2)
    assert marks.dtype == np.float32
    assert marks[2, 0].tolist() == [flat[0], flat[1]]
    assert marks[2, 67].tolist() == [flat[134], flat[135]]


def test_labels_are_nan_where_nothing_is_coded(manifest: Manifest) -> None:
    manifest.write()
    found = read_manifest(manifest.folder)
    labels = found.labels(("AU12", "AU01", "AU04"))
    assert labels.shape == (6, 3)
    assert labels.dtype == np.float32
    assert np.isnan(labels[:, 1]).all()
    assert np.isnan(labels[:, 2]).tolist() == [False, False, True, False, True, False]
    np.testing.assert_array_equal(labels[:, 0], manifest.table["AU12"])


def test_parts_are_the_rows_of_a_split(manifest: Manifest) -> None:
    part = manifest.split("val")
    assert part.table["image"].to_list() == ["images/1.jpg", "images/4.jpg"]
    assert part.table.index.to_list() == [0, 1]
    assert part.crop == manifest.crop
    assert part.folder == manifest.folder
    np.testing.assert_array_equal(part.landmarks(), manifest.landmarks()[[1, 4]])
    assert len(manifest.split("nothing").table) == 0
    assert manifest.split("nothing").landmarks().shape == (0, 68, 2)
    assert manifest.split("nothing").labels(("AU04",)).shape == (0, 1)


def test_the_same_table_gives_the_same_bytes(manifest: Manifest) -> None:
    first = manifest.write().read_bytes()
    assert manifest.write().read_bytes() == first


def test_writing_leaves_nothing_else_and_never_half_a_file(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption keeps what was there before."""
    path = manifest.write()
    assert [file.name for file in manifest.folder.iterdir()] == [FILE]
    before = path.read_bytes()

    def broken(stored: pa.Table, where: Path) -> None:
        Path(where).write_bytes(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", broken)
    with pytest.raises(KeyboardInterrupt):
        replace(manifest, table=table(3)).write()
    assert path.read_bytes() == before
    assert len(read_manifest(manifest.folder).table) == 6


def test_an_unwritable_place_is_refused(manifest: Manifest) -> None:
    lost = replace(manifest, folder=manifest.folder / "nowhere")
    with pytest.raises(AuheatError, match=rf"^cannot write {lost.folder / FILE}: [^\n]+$"):
        lost.write()


def test_an_empty_table_is_a_manifest(tmp_path: Path) -> None:
    empty = table().iloc[:0]
    Manifest(empty, tmp_path, CropSpec(), {}).write()
    assert len(read_manifest(tmp_path).table) == 0


def test_joined_datasets_keep_their_rows_and_people(manifest: Manifest, tmp_path: Path) -> None:
    other = table().drop(columns="AU04").assign(AU25=np.float32(2))
    second = Manifest(other, tmp_path / "deep" / "b", manifest.crop, {"kind": "b"})
    both = join([manifest.split("train"), second])
    assert both.aus == ("AU04", "AU12", "AU25")
    for row, source in ((0, manifest.split("train")), (len(both.table) - 1, second)):
        path = both.folder / both.table["image"][row]
        assert path == source.folder.resolve() / source.table["image"].iloc[row if not row else -1]
    labels = both.labels(both.aus)
    assert np.array_equal(np.isnan(labels[-6:]).all(0), [True, False, False])
    np.testing.assert_array_equal(labels[:2, 1], manifest.split("train").labels(("AU12",))[:, 0])
    assert both.table["subject"].nunique() == 1 + 3
    assert join([manifest]) is manifest
    with pytest.raises(AuheatError, match="hold different crops"):
        join([manifest, replace(second, crop=CropSpec(64, 4))])


def put(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        values = rows[column].to_list()
        values[row] = value
        return rows.assign(**{column: pd.Series(values, index=rows.index)})

    return change


WRONG: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    *((lambda rows, name=name: rows.drop(columns=name), f"lacks the columns {name}")
      for name in ("image", "subject", "split", "sequence", "frame", "landmarks")),
    (lambda rows: rows.drop(columns=["frame", "split"]), "lacks the columns split, frame"),
    (put("split", 0, "training"), "unknown split 'training'"),
    (put("split", 3, None), "unknown split"),
    (put("split", 3, "test"), "subject 'S0' is in more than one split"),
    (put("AU12", 4, 5.01), "AU12 of images/4.jpg"),
    (put("AU12", 4, -0.01), "AU12 of images/4.jpg"),
    (put("AU04", 0, np.inf), "AU04 of images/0.jpg"),
    (lambda rows: put("AU12", 5, 9.0)(rows).iloc[[5, 2]], "AU12 of images/5.jpg"),
    (lambda rows: rows.assign(AU12=["weak"] * 6), "AU12 of images/0.jpg"),
    (put("landmarks", 2, np.zeros(132, np.float32)), "68 landmarks for images/2.jpg"),
    (put("landmarks", 2, np.full(136, np.nan, np.float32)), "68 landmarks for images/2.jpg"),
    (put("landmarks", 2, None), "68 landmarks for images/2.jpg"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_tables_are_neither_written_nor_read(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    wrong = Manifest(change(table()), tmp_path, CropSpec(), {})
    with pytest.raises(AuheatError, match=re.escape(message)) as error:
        wrong.write()
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert not list(tmp_path.iterdir())
    header = {"version": VERSION, "crop": {"size": 128, "pad": 0}, "source": {}}
    stored = pa.Table.from_pandas(wrong.table, preserve_index=False)
    stored = stored.replace_schema_metadata({b"auheat": json.dumps(header).encode()})
    pq.write_table(stored, tmp_path / FILE)
    with pytest.raises(AuheatError, match=re.escape(message)) as error:
        read_manifest(tmp_path)
    assert "\n" not in str(error.value)


def with_header(folder: Path, header: object) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    stored = pq.read_table(folder / FILE).replace_schema_metadata({b"auheat": text})
    pq.write_table(stored, folder / FILE)
    return folder


@pytest.mark.parametrize(
    "header",
    [b"{", b"\xff\xff", [], {}, {"version": VERSION}, {"version": VERSION, "crop": []}, 7,
     {"version": VERSION, "crop": {"size": 1, "colour": 2}}, {"crop": {"size": 1, "pad": 2}}],
)  # fmt: skip
def test_a_foreign_header_is_refused(manifest: Manifest, header: object) -> None:
    manifest.write()
    with pytest.raises(AuheatError, match="is not a readable auheat manifest"):
        read_manifest(with_header(manifest.folder, header))


def test_a_newer_version_is_refused_by_name(manifest: Manifest) -> None:
    """Whatever else has changed in its header."""
    manifest.write()
    header = {"version": VERSION + 1, "crop": {"size": 1, "shape": "round"}}
    with pytest.raises(AuheatError, match=f"has version {VERSION + 1}, this auheat reads"):
        read_manifest(with_header(manifest.folder, header))


def test_damaged_and_missing_files_are_refused(manifest: Manifest) -> None:
    path = manifest.write()
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-100], whole[: len(whole) // 2], b"no parquet" * 50):
        path.write_bytes(content)
        with pytest.raises(AuheatError, match=rf"^{path} is not a readable auheat manifest"):
            read_manifest(manifest.folder)
    table().drop(columns="landmarks").to_parquet(path)  # some other table
    with pytest.raises(AuheatError, match="is not a readable auheat manifest"):
        read_manifest(manifest.folder)
    path.unlink()
    with pytest.raises(
        AuheatError, match=rf"^no dataset in {manifest.folder}: .*auheat prepare.*auheat synth"
    ):
        read_manifest(manifest.folder)
    with pytest.raises(AuheatError, match=r"^no dataset in"):
        read_manifest(manifest.folder / "nowhere")
