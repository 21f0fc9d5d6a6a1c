"""Tables as files and as frames of pandas and polars, and who reads them back."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from auheat.cli import main
from auheat.errors import AuheatError
from auheat.evaluation.foreign import read_foreign
from auheat.files import make_folder
from auheat.geometry import Points
from auheat.inference.inputs import gather
from auheat.inference.jobs import PredictionJob
from auheat.inference.outcome import Outcome
from auheat.inference.predictor import Predictor
from auheat.inference.video import VideoPrediction
from auheat.inference.writers import Outputs
from auheat.results import FacePrediction, FrameResult
from auheat.tables import writing
from auheat.tables.reading import read_table
from auheat.tables.schema import Layout, TableSchema
from auheat.tables.series import people_in
from auheat.tables.writing import ParquetSink, table_sink
from auheat.web.report.table import read_stored_table
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video

TIDY, FEX = Layout("tidy"), Layout("fex")
AUS = ("AU04", "AU09", "AU12")


@pytest.fixture
def predictor(face: Points) -> Predictor:
    """Finds one face in every image; in videos two, none, two, none, ... with ids 0 and 1."""
    known = [face_from(face, 0), face_from(face * 0.6 + 150, 1)]
    return Predictor(small_checkpoint(), KnownFaces([known, []]), device="cpu")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    return write_video(tmp_path / "media" / "a.mp4", [texture(i, 270, 480) for i in range(4)])


def run(predictor: Predictor, out: Path, *paths: Path, **options: object) -> list[Outcome]:
    make_folder(out)
    job = PredictionJob(predictor, Outputs(out, **options))  # type: ignore[arg-type]
    return list(job.run(gather(paths, out, sequence=False)))


def result(frame: int, level: float) -> FrameResult:
    seen = face_from(np.random.default_rng(0).uniform(20, 70, (68, 2)))
    face = FacePrediction(
        seen,
        {"AU04": level, "AU12": 0.0},
        heatmaps={},
        heatmap_to_frame=np.eye(2, 3),
        confidence=1.0,
    )
    return FrameResult(frame, frame / 30, faces=(face,))


def test_a_tidy_file_in_full(tmp_path: Path) -> None:
    schema = TableSchema("video", ("AU04", "AU12"), layout=TIDY, input="a.mp4")
    with table_sink(tmp_path / "a.parquet", schema) as sink:
        sink.write(result(1, 1.2345678))
        assert not (tmp_path / "a.parquet").exists()
        sink.write(FrameResult(2, 0.5, faces=()))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    table = parquet.read_table(tmp_path / "a.parquet")
    assert [str(kind) for kind in table.schema.types] == [
        *("string", "int64", "double", "int64", "int64", "double", "string", "double", "int8")
    ]
    assert table.schema.metadata[b"auheat_table"] == b"1"
    rows = [tuple(row.values()) for row in table.to_pylist()]
    assert rows == [
        ("a.mp4", 1, 1 / 30, 0, 1, 1.0, "AU04", 1.2345678, 1),
        ("a.mp4", 1, 1 / 30, 0, 1, 1.0, "AU12", 0.0, 0),
        ("a.mp4", 2, 0.5, 0, 0, 0.0, "AU04", None, None),
        ("a.mp4", 2, 0.5, 0, 0, 0.0, "AU12", None, None),
    ]


def test_rows_do_not_pile_up_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows of nine columns are one group."""
    monkeypatch.setattr(writing, "_BLOCK_CELLS", 90)
    schema = TableSchema("video", ("AU04", "AU12"), layout=TIDY)
    with ParquetSink(tmp_path / "a.parquet", schema) as sink:
        for frame in range(1, 13):
            sink.write(result(frame, frame / 3))
            assert len(sink._waiting) < 10
    about = parquet.read_metadata(tmp_path / "a.parquet")
    assert [about.row_group(i).num_rows for i in range(about.num_row_groups)] == [10, 10, 4]
    read = pd.read_parquet(tmp_path / "a.parquet")
    assert read["frame"].to_list() == [n for n in range(1, 13) for _ in range(2)]
    assert read.loc[read["au"] == "AU04", "intensity"].to_list() == [n / 3 for n in range(1, 13)]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_half_written_is_left(tmp_path: Path, error: type[BaseException]) -> None:
    schema = TableSchema("video", ("AU04", "AU12"), layout=TIDY)
    (tmp_path / "a.parquet").write_text("from an earlier run")
    with pytest.raises(error), ParquetSink(tmp_path / "a.parquet", schema) as sink:
        sink.write(result(1, 1.0))
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    assert (tmp_path / "a.parquet").read_text() == "from an earlier run"
    with (
        pytest.raises(AuheatError, match="cannot write"),
        ParquetSink(tmp_path / "none" / "a.parquet", schema),
    ):
        pass


def test_every_format_beside_everything_else(
    tmp_path: Path, clip: Path, predictor: Predictor
) -> None:
    """Overlays and events do not depend on the format, and the summary names the files."""
    out = tmp_path / "out"
    texts = []
    for layout, name in ((Layout(), "a.csv"), (FEX, "a.csv"), (TIDY, "a.parquet")):
        (outcome,) = run(predictor, out, clip, layout=layout, overlay=True, events=True)
        assert outcome.problem is None
        assert outcome.files == [out / name, out / "a.overlay.mp4", out / "a.events.csv"]
        assert f"-> {out / name}, " in outcome.summary
        texts.append((out / "a.events.csv").read_text())
    assert texts[0] == texts[1] == texts[2]


def test_inputs_of_one_stem_keep_their_tables_apart(
    tmp_path: Path, clip: Path, predictor: Predictor
) -> None:
    image = clip.with_name("a.png")
    Pillow.fromarray(texture(0, 270, 480)).save(image)
    video, single = run(predictor, tmp_path / "out", clip, image, layout=TIDY)
    assert [path.name for path in video.files + single.files] == ["a.parquet", "a.png.parquet"]
    read = pd.read_parquet(single.files[0])
    assert set(read["input"]) == {image.as_posix()}
    assert set(read["frame"]) == {0}


def test_no_table_replaces_an_input(tmp_path: Path, clip: Path, predictor: Predictor) -> None:
    odd = clip.rename(clip.with_name("a.parquet"))
    (outcome,) = run(predictor, odd.parent, odd, layout=TIDY)
    assert outcome.files == [odd.with_name("a.parquet.parquet")]


def test_standard_deviations_have_no_place_in_fex(predictor: Predictor, tmp_path: Path) -> None:
    predictor._uncertainty = object()  # type: ignore[assignment]
    with pytest.raises(AuheatError, match=r"Fex table has no place for .* --format openface or"):
        PredictionJob(predictor, Outputs(tmp_path, std=True, layout=FEX)).check([])
    PredictionJob(predictor, Outputs(tmp_path, std=True, layout=TIDY)).check([])


def test_on_the_command_line(
    tmp_path: Path, clip: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auheat.inference.predictor.load", lambda *_, **__: predictor)
    out = tmp_path / "out"

    def call(*options: str) -> Result:
        return CliRunner().invoke(main, ["predict", str(clip), "-o", str(out), *options])

    result = call("--format", "tidy", "--pose")
    assert result.exit_code == 0, result.output
    assert f"-> {out / 'a.parquet'}\n" in result.stdout
    assert {"yaw", "au"} <= set(parquet.read_schema(out / "a.parquet").names)
    assert call("--landmarks").exit_code == 0
    assert ",success,x_0,x_1," in (out / "a.csv").read_text()
    assert call("--format", "fex").exit_code == 0
    assert (out / "a.csv").read_text().startswith("frame,FaceRectX,FaceRectY,")
    assert call("--format", "csv").exit_code == 2


@pytest.mark.parametrize("layout", [FEX, TIDY])
def test_report_events_and_evaluation_read_every_format(
    tmp_path: Path, clip: Path, predictor: Predictor, layout: Layout
) -> None:
    """All of it as from the default table, but for rounding to 2 decimals there."""
    (usual,) = run(predictor, tmp_path / "usual", clip)
    (other,) = run(predictor, tmp_path / "other", clip, layout=layout)
    first, second = (read_stored_table(o.files[0]).readings for o in (usual, other))
    assert (second.kind, second.aus, len(second.frames)) == ("video", AUS, 4)
    assert second.with_face.sum() == 2
    assert np.array(second.gaps) == pytest.approx(np.array(first.gaps), abs=1e-3)
    for one, two in zip(first.series, second.series, strict=True):
        assert (one.face_id, one.frames.tolist()) == (two.face_id, two.frames.tolist())
        assert two.times == pytest.approx(one.times, abs=1e-3)
        assert two.intensities == pytest.approx(one.intensities, abs=0.0051)
    expected, found = (people_in(read_table(o.files[0])) for o in (usual, other))
    assert [one.face_id for one in found] == [one.face_id for one in expected] == [0, 1]
    assert found[1].frames.tolist() == [1, 3]
    assert found[1].intensities == pytest.approx(expected[1].intensities, abs=0.0051)
    measured = read_foreign(other.files[0])
    assert (measured.kind, measured.aus) == ("auheat", AUS)
    assert measured.rows["frame"].to_list() == [1, 1, 3, 3]
    assert measured.rows["face"].to_list() == ["0", "1", "0", "1"]
    assert measured.rows[list(AUS)].to_numpy() == pytest.approx(
        read_foreign(usual.files[0]).rows[list(AUS)].to_numpy(), abs=0.0051
    )


@pytest.mark.parametrize("layout", [FEX, TIDY])
def test_images_are_read_back_by_name(tmp_path: Path, predictor: Predictor, layout: Layout) -> None:
    for name in ("day/1.png", "day/2.png", "one.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Pillow.fromarray(texture(1, 270, 480)).save(tmp_path / name)
    day, one = run(
        predictor, tmp_path / "out", tmp_path / "day", tmp_path / "one.png", layout=layout
    )
    report = read_stored_table(day.files[0]).readings
    assert (report.kind, report.names) == ("folder", ("1.png", "2.png"))
    assert read_stored_table(one.files[0]).readings.kind == "image"
    rows = read_foreign(day.files[0]).rows
    assert rows["is_image"].all()
    assert rows["source"].iloc[-1].endswith("day/2")


def test_tables_that_are_damaged(tmp_path: Path) -> None:
    schema = TableSchema("video", ("AU04", "AU12"), layout=TIDY)
    with ParquetSink(tmp_path / "twice.parquet", schema) as sink:
        sink.write(result(1, 1.0))
        sink.write(result(1, 1.0))
    (tmp_path / "empty.parquet").touch()
    for name in ("twice.parquet", "empty.parquet"):
        for read in (read_stored_table, read_table, read_foreign):
            with pytest.raises(AuheatError, match=name):
                read(tmp_path / name)
    with pytest.raises(AuheatError, match="no table at"):
        read_table(tmp_path / "none.parquet")


def test_pandas_and_polars(clip: Path, predictor: Predictor) -> None:
    polars = pytest.importorskip("polars")
    video = predictor.predict_video(clip)
    for layout in ("openface", "fex", "tidy"):
        table = video.to_pandas(format=layout, pose=True)
        other = video.to_polars(format=layout, pose=True)
        schema = TableSchema("video", AUS, layout=Layout(layout, True))
        assert tuple(table.columns) == tuple(other.columns) == schema.columns
        assert len(table) == len(other) == (18 if layout == "tidy" else 6)
        numbers = [name for name in table if table[name].dtype.kind in "if"]
        assert other.select(numbers).fill_null(np.nan).to_numpy() == pytest.approx(
            table[numbers].to_numpy(float), nan_ok=True
        )
    assert other.schema["presence"] == polars.Int8
    assert other["intensity"].null_count() == 6
    assert set(table["input"]) == {clip.as_posix()}
    assert table["frame"].dtype == np.int64
    with pytest.raises(AuheatError, match="unknown table format 'csv'"):
        video.to_pandas(format="csv")  # type: ignore[arg-type]


def test_polars_is_asked_for_in_one_line(
    clip: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    video: VideoPrediction = predictor.predict_video(clip)
    with pytest.raises(AuheatError, match=r'pip install "auheat\[polars\]"'):
        video.to_polars()
