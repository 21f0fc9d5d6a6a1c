"""`auheat corpus` as users call it."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from auheat.cli import main
from auheat.corpus import run as module
from auheat.corpus.read_settings import ReadSettings
from auheat.inference.predictor import Predictor
from auheat.optional import EXTRAS
from corpus_clips import inputs, write_clip, write_clips


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["corpus", *map(str, arguments)])


@pytest.fixture
def media(tmp_path: Path) -> Path:
    write_clips(tmp_path / "media", 2, 3)
    return tmp_path / "media"


def test_a_corpus_and_what_is_in_it(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "set"
    first = call(media, "-o", out, "--workers", 0, "--aus", "AU06,AU12")
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.startswith(f"{out}: 2 of 2 inputs, ")
    assert first.stdout.endswith("; 2 in the dataset\n")
    (media / "bad.mp4").write_text("no video")
    second = call(media, "-o", out, "--workers", 0, "--aus", "AU06,AU12")
    assert second.exit_code == 2
    assert second.stderr.splitlines() == [
        f"auheat: {media / 'bad.mp4'} is damaged or holds no video",
        f"auheat: 1 of 3 inputs are not complete: `auheat corpus status {out}` lists them, "
        "--retry-failed tries them again",
    ]
    third = call(media, "-o", out, "--workers", 0, "--aus", "AU06,AU12")
    assert third.exit_code == 2  # still not complete
    assert third.stdout.startswith(f"{out}: nothing to read; 3 in the dataset")
    status = call("status", out)
    assert status.exit_code == 0
    lines = status.stdout.splitlines()
    assert lines[:3] == [
        f"{out}: 3 inputs",
        "read: 2; only in part: 0; failed: 1",
        "frames: 6, 6 of them with a face",
    ]
    assert lines[-1] == f"{media / 'bad.mp4'} is damaged or holds no video"
    write_clip(media / "bad.mp4", 2)
    mended = call(media, "-o", out, "--workers", 0, "--aus", "AU06,AU12", "--retry-failed")
    assert mended.exit_code == 0
    assert inputs(out)["bad.mp4"]["frames"] == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere/*.mp4", "-o", "set"], "no videos in nowhere/*.mp4"),
        (["list.txt", "-o", "set"], "list.txt"),
        (["a.mp4", "-o", "set", "--weights", "none.onnx"], "none.onnx"),
        (["a.mp4", "-o", "set", "--aus", "AU99"], "AU99"),
        (["a.mp4", "-o", "nosuch://set"], "cannot reach nosuch://set"),
        (["status", "set"], "no dataset at set: `auheat corpus INPUTS -o set` makes one"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2
    (said,) = result.stderr.splitlines()
    assert said.startswith("auheat: ")
    assert line in said
    assert not (tmp_path / "set" / "rows").exists()


def test_verify_reads_a_dataset_again(tmp_path: Path, media: Path) -> None:
    """The same; a row that was changed; an input that was; one that is gone."""
    out = tmp_path / "set"
    assert call(media, "-o", out, "--workers", 0, "--aus", "AU06,AU12").exit_code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def verify() -> Result:
        return CliRunner().invoke(main, ["verify", str(out)])

    result = verify()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "2 of 2 are the same, 0 differ, 0 not verified"
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    path = out / inputs(out)["c000.mp4"]["file"]
    table = pq.read_table(path)
    values = table.column("AU12_r").to_pylist()
    values[1] += 0.5
    changed = table.set_column(
        table.schema.get_field_index("AU12_r"), "AU12_r", pa.array(values, pa.float64())
    )
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    result = verify()
    assert result.exit_code == 1
    assert result.stderr == (
        f"auheat: {path}: differs: 1 of 3 rows (row 2), by up to 0.5 in AU12_r\n"
    )
    write_clip(media / "c000.mp4", 2)
    (media / "c001.mp4").unlink()
    result = verify()
    assert result.exit_code == 2
    assert "3 rows, now 2" in result.stderr and "(its input has changed" in result.stderr
    assert result.stdout.splitlines()[-1] == "0 of 2 are the same, 1 differ, 1 not verified"


@pytest.mark.parametrize("options", [["--limit-seconds", "0"], ["--workers", "-1"], []])
def test_options_that_make_no_sense(options: list[str]) -> None:
    arguments = ["a.mp4", *(["-o", "set", *options] if options else [])]
    assert call(*arguments).exit_code == 2


def test_help_is_that_of_reading(media: Path) -> None:
    text = call("--help").stdout
    assert "--retry-failed" in text
    assert "auheat corpus status DATASET" in text
    assert call("read", "--help").stdout == text


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    monkeypatch.setattr(module, "cpu_count", lambda: 8)
    seen = list[int]()

    def load(self: ReadSettings, threads: int) -> Predictor:
        seen.append(threads)
        raise StopIteration

    monkeypatch.setattr(ReadSettings, "load", load)
    plans = (
        module.CorpusPlan(),
        module.CorpusPlan(workers=3),
        module.CorpusPlan(workers=2, threads=3),
        module.CorpusPlan(ray="auto"),
    )
    for plan in plans:
        with pytest.raises(StopIteration):
            module.CorpusRun([str(media)], "set", plan)
    assert seen == [1, 2, 3, 1]


@pytest.mark.parametrize(("package", "extra"), [("pyarrow", "parquet"), ("fsspec", "corpus")])
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, media: Path, package: str, extra: str
) -> None:
    assert EXTRAS["ray"] == "ray"
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    result = call(media, "memory://videos", "-o", media.parent / "set", "--workers", 0)
    assert result.exit_code == 2
    assert f'{package} is not installed: pip install "auheat[{extra}]"' in result.stderr
