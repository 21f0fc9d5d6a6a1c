from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.cli import main
from auheat.inference import predictor
from auheat.web.report.statistics import (
    binned,
    correlation,
    ever_present,
    joint_presence,
    peaks,
    pieces,
    summaries,
    thinned,
)
from auheat.web.report.table import ResultTable, read_table
from stand_ins import KnownFaces, face_from, save_small, texture, write_video

Points = NDArray[np.float64]
AUS = ("AU04", "AU09", "AU12")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: Points) -> Path:
    monkeypatch.setattr(predictor, "default_detector", lambda most: KnownFaces([[face_from(face)]]))
    return save_small(tmp_path / "small.safetensors")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def report(weights: Path, *arguments: object) -> Result:
    return call("report", "--weights", weights, "--device", "cpu", *arguments)


def predict(weights: Path, source: Path, out: Path) -> Path:
    result = call("predict", "--weights", weights, "--device", "cpu", source, "-o", out)
    assert result.exit_code == 0, result.output
    return out / f"{source.stem}.csv"


def clip(path: Path, count: int = 4) -> Path:
    return write_video(path, [texture(i, 270, 480) for i in range(count)])


def table_of(path: Path, rows: list[tuple[float, ...]]) -> ResultTable:
    """A video's table. rows: frame, person, time, success, then the levels."""
    lines = ["frame,face_id,timestamp,confidence,success,AU04_r,AU09_r,AU12_r"]
    for frame, person, time, success, *levels in rows:
        cells = [f"{level:.2f}" for level in levels] if success else [""] * 3
        head = [str(frame), str(person), f"{time:.3f}", "0.90", str(success)]
        lines.append(",".join([*head, *cells]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return read_table(path)


ROWS: list[tuple[float, ...]] = [
    (1, 0, 0.0, 1, 0.0, 1.0, 0.0),
    (1, 1, 0.0, 1, 2.0, 3.5, 0.0),
    (2, 0, 0.1, 1, 0.5, 0.99, 0.0),
    (2, 1, 0.1, 1, 3.0, 1.0, 0.0),
    (3, 0, 0.2, 0),
    (4, 0, 0.3, 0),
    (5, 0, 0.4, 1, 4.0, 3.0, 0.0),
    (6, 0, 0.5, 1, 1.0, 0.0, 0.0),
    (7, 0, 0.6, 0),
]


def test_the_table_tells_people_and_gaps(tmp_path: Path) -> None:
    table = table_of(tmp_path / "a.csv", ROWS)
    assert (table.kind, table.aus, table.places, table.with_face) == ("video", AUS, 7, 4)
    assert [series.face_id for series in table.series] == [0, 1]
    assert table.series[0].frames.tolist() == [1, 2, 5, 6]
    assert table.duration == pytest.approx(0.7)
    assert [(gap.first, gap.last) for gap in table.gaps] == [(3, 4), (7, 7)]
    assert [x for gap in table.gaps for x in gap[2:]] == pytest.approx([0.2, 0.4, 0.6, 0.7])
    assert [(run.start, run.stop) for run in pieces(table.series[0])] == [(0, 2), (2, 4)]


def test_summary_and_peaks(tmp_path: Path) -> None:
    table = table_of(tmp_path / "a.csv", ROWS)
    brow, nose, _ = summaries(table.series[0], AUS)
    assert (brow.au, brow.highest, brow.place) == ("AU04", 4.0, 5)
    assert brow.mean == pytest.approx(5.5 / 4)
    assert (brow.time, brow.share) == (0.4, 0.5)
    assert nose.share == 0.5  # 0.99 is not present, 1.00 is
    found = peaks(table)
    assert [(p.au, p.place, p.person, p.level) for p in found] == [
        ("AU04", 5, 0, 4.0),
        ("AU09", 1, 1, 3.5),
    ]
    assert ever_present(table) == [0, 1]


def test_going_together_against_pandas(tmp_path: Path) -> None:
    """Person 1 has too few frames for a mean of their own, so r is that of person 0 alone."""
    table = table_of(tmp_path / "a.csv", ROWS)
    frame = pd.DataFrame(table.series[0].intensities)
    related, joint = correlation(table), joint_presence(table)
    assert related is not None
    assert joint is not None
    assert related[:2, :2] == pytest.approx(frame.corr().to_numpy()[:2, :2])
    assert np.isnan(related[2]).all()
    assert joint[0, 1] == pytest.approx(3 / 6)
    assert (joint[0, 0], joint[1, 1], joint[2, 2]) == pytest.approx((4 / 6, 4 / 6, 0))


def test_people_who_differ_do_not_make_aus_related(tmp_path: Path) -> None:
    """Two people, each with unrelated AUs about means that differ in both: r is 0."""
    square = [(0, 0), (0, 1), (1, 0), (1, 1)]
    rows: list[tuple[float, ...]] = [
        (i + 1, person, i / 10, 1, x + 3 * person, y + 3 * person, 0)
        for i, (x, y) in enumerate(square)
        for person in (0, 1)
    ]
    related = correlation(table_of(tmp_path / "a.csv", rows))
    assert related is not None
    assert related[0, 1] == pytest.approx(0, abs=1e-12)
    assert related[0, 0] == pytest.approx(1)


def test_strips_leave_gaps_empty(tmp_path: Path) -> None:
    table = table_of(tmp_path / "a.csv", ROWS)
    strip = binned(table, table.series[0], 7)
    assert strip[0] == pytest.approx([0, 0.5, np.nan, np.nan, 4, 1, np.nan], nan_ok=True)
    assert binned(table, table.series[0], 1)[0] == pytest.approx([5.5 / 4])
    assert binned(table, table.series[0], 14)[0, :4] == pytest.approx([0, 0, 0.5, 0.5])


def test_thinning_keeps_extremes() -> None:
    times = np.arange(10_000.0)
    levels = np.random.default_rng(0).uniform(0, 1, 10_000)
    levels[[1234, 7777]] = 5, -1
    few, thin = thinned(times, levels, 400)
    assert len(few) <= 400
    assert (np.diff(few) > 0).all()
    assert (thin.max(), few[np.argmax(thin)]) == (5, 1234)
    assert (thin.min(), few[np.argmin(thin)]) == (-1, 7777)


def test_a_video_gives_one_file_that_needs_no_other(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "out"
    table = predict(weights, clip(tmp_path / "clip.mp4"), out)
    result = report(weights, table)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"report: {out / 'clip.html'}\n"
    text = (out / "clip.html").read_text("utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "http" not in text.replace("http-equiv", "")
    for title in ("Summary", "Curves", "Heat strip", "Peaks", "Without a face", "Model card"):
        assert f"<h2>{title}</h2>" in text
    present = {peak.au for peak in peaks(read_table(table))}
    assert text.count('src="data:image/jpeg') == len(present) > 0
    assert text.count('<div class="lane"') == 3
    assert "made from</dt><dd>clip.mp4" in text
    assert "Every frame shows a face." in text


def test_without_the_video_a_line_says_so(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    source = clip(tmp_path / "elsewhere" / "clip.mp4")
    table = predict(weights, source, tmp_path / "far" / "out")
    page = tmp_path / "r.html"
    assert report(weights, table, "-o", page).exit_code == 0
    assert "Pictures are left out: what the table was made from is not beside it" in (
        page.read_text("utf-8")
    )
    assert report(weights, table, "-o", page, "--video", source).exit_code == 0
    assert "data:image/jpeg" in page.read_text("utf-8")


def test_another_video_is_refused(tmp_path: Path, weights: Path) -> None:
    table = predict(weights, clip(tmp_path / "a.mp4", 6), tmp_path / "far" / "out")
    rows = pd.read_csv(table)
    rows["timestamp"] += 0.5
    rows.to_csv(table, index=False)
    result = report(weights, table, "--video", tmp_path / "a.mp4")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "give the video it was made from" in result.stderr
    assert not list(table.parent.glob("*.html"))


def test_photos_and_folders(tmp_path: Path, weights: Path) -> None:
    folder = tmp_path / "day"
    folder.mkdir()
    for i in range(3):
        Pillow.fromarray(texture(i, 270, 480)).save(folder / f"{i}.png")
    result = call(
        "predict", "--weights", weights, "--device", "cpu", folder, "-o", tmp_path / "out"
    )
    assert result.exit_code == 0
    assert report(weights, tmp_path / "out" / "day.csv").exit_code == 0
    text = (tmp_path / "out" / "day.html").read_text("utf-8")
    assert "3 pictures · 3 faces · a face in 3 of 3" in text
    assert text.count('<th scope="row"><span class="who">') == 3
    assert "data:image/jpeg" in text
    assert 'class="lane"' not in text
    table = predict(weights, folder / "1.png", tmp_path / "out")
    assert report(weights, table, "--video", folder / "1.png").exit_code == 0
    text = (tmp_path / "out" / "1.html").read_text("utf-8")
    assert "photo · 1 face" in text
    assert "<h2>Intensities</h2>" in text
    assert "go together" not in text


def test_nothing_found_is_a_report_too(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "a.csv"
    table_of(path, [(1, 0, 0.0, 0), (2, 0, 0.1, 0)])
    assert report(weights, path).exit_code == 0
    text = path.with_suffix(".html").read_text("utf-8")
    assert "No face was found" in text
    assert "<td>1–2</td><td>0.00–0.20 s</td>" in text


def test_names_are_escaped(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "<script>alert(1)<!.csv"
    table_of(path, ROWS)
    assert report(weights, path, "-o", tmp_path / "r.html").exit_code == 0
    assert "<script>alert" not in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "no table at"),
        ("a,b\n1,2\n", "is a table of an unknown kind"),
        ("", "it is empty"),
        ("frame,face_id,timestamp,confidence,success,AU04_r\n", "has no rows"),
        ("frame,face_id,timestamp,confidence,success,AU04_r\n1,0,0,1,1,x\n", "is damaged"),
    ],
)
def test_what_is_no_table(tmp_path: Path, weights: Path, content: str | None, line: str) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_text(content, "utf-8")
    result = report(weights, path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert line in result.stderr
    assert not list(tmp_path.glob("*.html"))
